import json

import pytest

from corpus.read import load_corpus
from corpus.records import CorpusError
from samples import write_lines


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
    ("a.jsonl", b'{"anchor": "a?", "positive": ["x"]}\n', "positive must be text"),
    ("a.jsonl", b'{"anchor": "a?", "positive": "  "}\n', "positive must be text"),
    ("a.jsonl", b'\n\n{"anchor": "\xe9"}\n', "a.jsonl line 3 is not UTF-8"),
    ("a.jsonl", b"[" * 100_000, "a.jsonl line 1 is not JSON"),
    ("a.jsonl", b"", "holds no pairs"),
    ("a.json", b'{"a": 1}', "must hold a list"),
    ("a.csv", b"x,y\n1,2\n", "has no anchor or question or query: it has x, y"),
    ("a.csv", b"anchor,positive\n" + b"x" * 200_000 + b",1\n", "a.csv line 2"),
    ("a.xml", b"<a/>", "not '.xml'"),
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
    ({"corpus": [{"_id": "p1", "text": "A."}] * 2}, "'p1' stands 2 times as _id"),
    ({"queries": [{"_id": "q1", "text": "A?"}] * 2}, "'q1' stands 2 times as _id"),
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
