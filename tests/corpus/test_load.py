import gzip
import json

import pytest

from corpus.importing.convert import convert
from corpus.importing.preview import look
from corpus.load import load_corpus
from corpus.records import CorpusError
from support.samples import write_lines


def beir(tmp_path, corpus=None, queries=None, test="q1\tp1\t1"):
    write_lines(tmp_path / "corpus.jsonl", corpus or [{"_id": "p1", "title": "T", "text": "A."}])
    write_lines(tmp_path / "queries.jsonl", queries or [{"_id": "q1", "text": "A?"}])
    (tmp_path / "qrels").mkdir()
    (tmp_path / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{test}\n", "utf-8")
    return tmp_path


def test_beir_folder_keeps_the_splits_it_brings(tmp_path):
    corpus = load_corpus(beir(tmp_path))
    assert corpus.qrels == {"test": {"q1": {"p1": 1}}}
    assert corpus.passage["p1"].title == "T"


def test_qrels_without_a_header_lose_no_row(tmp_path):
    folder = beir(tmp_path)
    (folder / "qrels" / "test.tsv").write_text("q1\tp1\t1\n", "utf-8")
    assert load_corpus(folder).qrels["test"] == {"q1": {"p1": 1}}


def test_equal_positives_become_one_passage_and_equal_anchors_one_query(tmp_path):
    path = write_lines(tmp_path / "pairs.jsonl", [
        {"question": "a?", "answer": "One."},
        {"question": "b?", "answer": "One."},
        {"question": "A ?", "answer": "Two."},
    ])
    corpus = load_corpus(path)
    assert len(corpus.passages) == 2
    assert len(corpus.queries) == 2
    assert sum(len(corpus.pairs(split)) for split in corpus.qrels) == 3


@pytest.mark.parametrize("suffix, text", [
    (".json", json.dumps([{"anchor": "a?", "positive": "A\nB"}])),
    (".csv", 'anchor,positive\na?,"A\nB"\n'),
    (".tsv", 'anchor\tpositive\na?\t"A\nB"\n'),
])
def test_pairs_are_read_from_json_csv_and_tsv(tmp_path, suffix, text):
    path = tmp_path / f"pairs{suffix}"
    path.write_text(text, "utf-8")
    assert load_corpus(path).passages[0].text == "A\nB"


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("anchor,positive\na?,A\n", "utf-8-sig")
    assert load_corpus(path).passages[0].text == "A"


def broken(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name, content, said", [
    ("a.jsonl", b'{"anchor": "a?", "positive": "A"}\n{"anchor": \n', "a.jsonl line 2 is not JSON"),
    ("a.jsonl", b'[1]\n', "a.jsonl line 1 must be an object"),
    ("a.jsonl", b'{"anchor": "a?"}\n', "a.jsonl line 1 has no positive or answer"),
    ("a.jsonl", b'{"anchor": "a?", "positive": ["x", 1]}\n', "positive must be text"),
    ("a.jsonl", b'{"anchor": "a?", "positive": "  "}\n', "positive must be text"),
    ("a.jsonl", b'\n\n{"anchor": "\xc3\xa9 \xc3\xa9 \xe9"}\n', "a.jsonl line 3 is not UTF-8"),
    ("a.jsonl", b"[" * 100_000, "a.jsonl line 1 is not JSON"),
    ("a.jsonl", b"", "holds no pairs"),
    ("a.json", b'{"a": 1}', "must hold a list"),
    ("a.csv", b"x,y\n1,2\n", "has no anchor or question or query: it has x, y"),
    ("a.csv", b"anchor,positive\n" + b"x" * 200_000 + b",1\n", "a.csv line 2"),
    ("a.xml", b"<a/>", "not from 'a.xml'"),
])
def test_a_broken_file_is_refused_with_its_name_line_and_fault(tmp_path, name, content, said):
    with pytest.raises(CorpusError) as caught:
        load_corpus(broken(tmp_path, name, content))
    assert said in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("changes, said", [
    ({"test": "q9\tp1\t1"}, "names query 'q9', which queries.jsonl has not"),
    ({"test": "q1\tp9\t1"}, "test.tsv line 2 names passage 'p9'"),
    ({"test": "q1 p1 1"}, "test.tsv line 2 must be query-id, corpus-id"),
    ({"test": "q1\tp1\tyes"}, "whole-number score"),
    ({"corpus": [{"_id": "p1"}]}, "corpus.jsonl line 1 has no text"),
    ({"corpus": [{"text": "A."}]}, "corpus.jsonl line 1 has no _id"),
    ({"corpus": [{"_id": "p1", "text": text} for text in "AB"]}, "'p1' stands 2 times as _id"),
    ({"queries": [{"_id": "q1", "text": text} for text in "AB"]}, "'q1' stands 2 times as _id"),
])
def test_a_broken_beir_folder_is_refused_with_file_line_and_value(tmp_path, changes, said):
    with pytest.raises(CorpusError, match="jsonl|tsv") as caught:
        load_corpus(beir(tmp_path, **changes))
    assert said in str(caught.value)


def test_a_folder_without_qrels_and_a_path_to_nothing_say_what_to_do(tmp_path):
    write_lines(tmp_path / "corpus.jsonl", [{"_id": "p1", "text": "A."}])
    write_lines(tmp_path / "queries.jsonl", [{"_id": "q1", "text": "A?"}])
    with pytest.raises(CorpusError, match="put qrels/train.tsv"):
        load_corpus(tmp_path)
    with pytest.raises(CorpusError, match="Give `porsche`"):
        load_corpus(tmp_path / "nothing")


def test_a_file_is_read_in_whatever_encoding_and_with_whatever_delimiter(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_bytes("Frage;Antwort\nWie groß?;Fünf Meter; ja\n\"Für wen?\";\"A;\nB\"\n".replace(
        "Meter; ja", "Meter").encode("cp1252"))
    said = []
    corpus = load_corpus(path, on_bad_row=said.append)
    assert [passage.text for passage in corpus.passages] == ["Fünf Meter", "A;\nB"]
    assert [error.kind for error in said] == ["encoding"]
    assert "windows-1252" in str(said[0])
    assert load_corpus(path).fingerprint == corpus.fingerprint  # a remark is no refusal


@pytest.mark.parametrize("text", [
    json.dumps({"version": 1, "data": [{"anchor": "a?", "positive": "A"}]}),
    json.dumps({"anchor": ["a?"], "positive": ["A"]}),
    json.dumps({"anchor": {"0": "a?"}, "positive": {"0": "A"}}),
    ' [ {"anchor": "a?", "positive": "A"} ] ',
    '{"anchor": "a?", "positive": "A"}\n{"anchor": "a?", "positive": "A"}\n',
])
def test_json_is_read_in_each_layout_that_has_one_meaning(tmp_path, text):
    path = tmp_path / "pairs.json"
    path.write_text(text, "utf-8")
    corpus = load_corpus(path)
    assert ([p.text for p in corpus.passages], [q.text for q in corpus.queries.values()]) == (
        ["A"], ["a?"])


@pytest.mark.parametrize("text, said", [
    ('{"a": [{"anchor": 1}], "b": [{"anchor": 2}]}', "must hold a list of rows, not one object"),
    ('{"anchor": ["a", "b"], "positive": ["A"]}', "must hold a list of rows, not one object"),
    ('[{"anchor": "a?", "positive": "A"}', "is not JSON"),
    ('[{"anchor": "a?", "positive": "A"} {}]', "is not JSON: Expecting ',' delimiter"),
    ('[{"anchor": "a?", "positive": "A"},]', "is not JSON"),
    ('[] []', "is not JSON: Extra data"),
    ("[" * 100_000, "is not JSON"),
    ('{"a":' * 100_000, "is not JSON"),
    ("[" + "9" * 5000 + "]", "is not JSON"),
    ("[1e999]", "row 1 must be an object, not inf"),
    ("", "is not JSON"),
])
def test_json_that_is_no_table_is_refused(tmp_path, text, said):
    with pytest.raises(CorpusError) as caught:
        load_corpus(broken(tmp_path, "a.json", text.encode()))
    assert said in str(caught.value)


def test_several_positives_and_negatives_of_a_row_are_judged(tmp_path):
    path = write_lines(tmp_path / "pairs.jsonl", [
        {"query": "a?", "pos": ["A", " B "], "neg": ["C", "D"], "negative_1": "E"},
        {"query": "b?", "pos": ["C"], "neg": []},
    ])
    corpus = load_corpus(path)
    text = {passage.id: passage.text for passage in corpus.passages}
    judged = {corpus.queries[query].text: {text[found]: grade for found, grade in grades.items()}
              for qrels in corpus.qrels.values() for query, grades in qrels.items()}
    assert judged == {"a?": {"A": 1, "B": 1, "C": 0, "D": 0, "E": 0}, "b?": {"C": 1}}


def test_what_cannot_be_seen_is_taken_out_of_texts_and_said(tmp_path):
    path = write_lines(tmp_path / "pairs.jsonl", [
        {"anchor": "a\0b\u202e?", "positive": "one\ttwo\nthree\r\nfour\fpage\u2067"}])
    said = []
    corpus = load_corpus(path, on_bad_row=said.append)
    assert corpus.passages[0].text == "one\ttwo\nthree\r\nfour page"
    assert [query.text for query in corpus.queries.values()] == ["ab?"]
    assert [error.kind for error in said] == ["control_characters"] * 2
    assert "line 1: anchor holds U+0000" in str(said[0])
    assert load_corpus(path).passages == corpus.passages


def test_one_file_of_judgements_is_split_with_the_seed(tmp_path):
    folder = beir(tmp_path, [{"_id": f"p{i}", "text": f"A{i}."} for i in range(40)],
                  [{"_id": f"q{i}", "text": f"A{i}?"} for i in range(40)])
    (folder / "qrels" / "test.tsv").unlink()
    (folder / "qrels.tsv").write_text("".join(f"q{i}\tp{i}\t1\n" for i in range(40)), "utf-8")
    assert load_corpus(folder, 1).qrels == load_corpus(folder, 1).qrels
    assert load_corpus(folder, 1).qrels != load_corpus(folder, 2).qrels


@pytest.mark.parametrize("text", [
    "query_id\tdoc_id\trelevance\nq1\tp1\t1.0\n", "q1 0 p1 1\n", "q1\tQ0\tp1\t1\r\n",
])
def test_judgements_are_read_with_any_header_and_in_the_columns_of_trec(tmp_path, text):
    folder = beir(tmp_path)
    (folder / "qrels" / "test.tsv").write_text(text, "utf-8")
    assert load_corpus(folder).qrels["test"] == {"q1": {"p1": 1}}


def test_what_is_no_file_is_refused(tmp_path):
    import os

    os.mkfifo(tmp_path / "pairs.csv")
    with pytest.raises(CorpusError, match="is not a file"):
        load_corpus(tmp_path / "pairs.csv")


def test_ids_may_be_called_id(tmp_path):
    folder = beir(tmp_path, [{"id": "p1", "text": "A."}], [{"id": "q1", "text": "A?"}])
    assert load_corpus(folder).qrels == {"test": {"q1": {"p1": 1}}}


def test_rows_that_stand_there_again_are_read_once_and_counted(tmp_path):
    folder = beir(tmp_path, [{"_id": "p1", "title": "T", "text": "A."}] * 3
                  + [{"_id": "p2", "text": "B."}], [{"_id": "q1", "text": "A?"}] * 2)
    said = []
    corpus = load_corpus(folder, on_bad_row=said.append)
    assert ([passage.id for passage in corpus.passages], list(corpus.queries)) == (
        ["p1", "p2"], ["q1"])
    assert [str(error) for error in said] == [
        f"{count:,} rows of {name} repeat an earlier one, id and all: they are read once."
        for count, name in ((2, "corpus.jsonl"), (1, "queries.jsonl"))]


@pytest.mark.parametrize("text", ["", " ", None])
def test_a_passage_with_a_title_alone_has_the_title_as_its_text(tmp_path, text):
    folder = beir(tmp_path, [{"_id": "p1", "title": "The whole", "text": text},
                             {"_id": "p2", "title": "T", "text": "B."}])
    said = []
    first, second = load_corpus(folder, on_bad_row=said.append).passages
    assert (first.text, first.title, first.content) == ("The whole", "", "The whole")
    assert (second.text, second.title) == ("B.", "T")
    assert "1 passages of corpus.jsonl have a title and no text" in str(said[0])
    (folder / "corpus.jsonl").write_text('{"_id": "p1", "title": "T"}\n{"_id": "p2"}\n')
    with pytest.raises(CorpusError, match="corpus.jsonl line 2 has no text"):
        load_corpus(folder)


@pytest.mark.parametrize("name", [
    "qrels/test.txt", "qrels/test.qrels", "qrels.test.tsv", "qrels-test.txt", "test.qrels",
    "test.trec", "qrels/test.tsv.gz", "qrels_test.txt",
])
def test_judgements_are_found_under_any_usual_name(tmp_path, name):
    folder = beir(tmp_path)
    (folder / "qrels" / "test.tsv").unlink()
    text = b"q1 0 p1 1\n"
    (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    assert load_corpus(folder).qrels == {"test": {"q1": {"p1": 1}}}


def test_a_folder_may_hold_its_texts_packed(tmp_path):
    folder = beir(tmp_path, [{"_id": f"p{n}", "text": f"A {n}."} for n in range(3)])
    plain = load_corpus(folder)
    for name in ("corpus.jsonl", "queries.jsonl"):
        text = (folder / name).read_bytes()
        (folder / f"{name}.gz").write_bytes(gzip.compress(text))
        assert load_corpus(folder).fingerprint == plain.fingerprint  # the plain one is taken
        (folder / name).unlink()
    assert load_corpus(folder).split_fingerprints == plain.split_fingerprints
    assert convert(folder, tmp_path / "out")["passages"] == 3


def test_mojibake_is_said_and_undone_when_asked(tmp_path):
    rows = [{"question": f"Wie groß ist die Tür {n}?", "answer": f"„Größe {n}“ – schön."}
            for n in range(20)]
    good = write_lines(tmp_path / "good.jsonl", rows)
    bad = tmp_path / "bad.csv"
    bad.write_text("question,answer\n" + "".join(
        ",".join(f'"{text}"' for text in row.values()).encode().decode("cp1252", "replace") + "\n"
        for row in rows).replace("\ufffd", "\x9d"), "utf-8")
    assert look(good).notes == ()
    (note,) = look(bad).notes
    assert "40 of the 40 texts of bad.csv" in note and "“groÃŸ” for “groß”" in note
    assert "--fix-mojibake" in note
    told = []
    load_corpus(bad, on_bad_row=told.append)
    assert [str(error) for error in told if error.kind == "note"] == [note]
    about = convert(bad, tmp_path / "kept")
    assert about["fixed"] == {} or "mojibake" not in about["fixed"]
    about = convert(bad, tmp_path / "fixed", fix_mojibake=True)
    assert about["fixed"]["mojibake"]["count"] == 40
    assert load_corpus(tmp_path / "fixed").fingerprint == load_corpus(good).fingerprint
