import json
import signal
import subprocess
import sys
import time
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook

from corpus.__main__ import main
from corpus.columns import Columns
from corpus.importing.convert import convert
from corpus.importing.manifest import read_manifest
from corpus.importing.preview import look
from corpus.load import load_corpus
from corpus.readers import open
from corpus.readers.hub import Choices, HubData
from corpus.readers.rows import ReadLimits, TooMuchError
from corpus.records import SPLITS, CorpusError
from support.samples import write_beir, write_lines
from support.services import ROOT

PAIRS = [{"question": f"Why {i // 2}?", "answer": f"As {i}.", "category": f"t{i % 3}",
          "negatives": [f"No {i}."], "score": i / 100} for i in range(100)]


def texts(folder):
    return [passage.text for passage in load_corpus(folder).passages]


def test_a_converted_file_is_the_corpus_that_the_file_is(tmp_path):
    path = write_lines(tmp_path / "mine.jsonl", PAIRS)
    about = convert(path, tmp_path / "out")
    for seed in (42, 7):
        one, other = load_corpus(path, seed), load_corpus(tmp_path / "out", seed)
        assert (one.name, one.fingerprint, one.split_fingerprints, one.passages) == (
            other.name, other.fingerprint, other.split_fingerprints, other.passages)
        assert dict(one.queries) == dict(other.queries)
    assert (about["rows"], about["pairs"], about["queries"], about["passages"]) == (
        100, 100, 50, 200)
    assert about["from_pairs"] is True and about["schema"] == 1
    assert (about["left_out"], about["fixed"], about["notes"]) == ({}, {}, [])
    assert about == json.loads((tmp_path / "out" / "about.json").read_text("utf-8"))
    assert read_manifest(tmp_path / "out").as_json() == about
    assert sorted(place.name for place in (tmp_path / "out").iterdir()) == [
        "about.json", "corpus.jsonl", "qrels.tsv", "queries.jsonl"]


def test_what_cannot_be_used_is_left_out_counted_and_named(tmp_path):
    rows = [{"anchor": "a?", "positive": "A", "score": "0,9"},
            {"anchor": "A", "positive": "A", "score": 1},
            {"anchor": " ", "positive": "A", "score": 1}, {"anchor": "b?", "score": 1},
            {"anchor": "c?", "positive": "x" * 51, "score": 1},
            {"anchor": "d?", "positive": "D\u202e", "score": "0.7"},
            {"anchor": "e?", "positive": "E", "score": 0.4},
            {"anchor": "f?", "positive": "F", "score": "high"},
            {"anchor": "g?", "positive": "\ud800", "score": 1}]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows) + "{\n", "utf-8")
    about = convert(path, tmp_path / "out", Columns("anchor", "positive", score="score",
                                                    least_score=0.5), ReadLimits(characters=50))
    assert {kind: found["count"] for kind, found in about["left_out"].items()} == {
        "duplicate_pair": 1, "empty_text": 1, "unreadable_row": 4, "too_long": 1,
        "below_score": 1}
    assert {kind: found["count"] for kind, found in about["fixed"].items()} == {
        "control_characters": 1}
    assert "line 5: positive has 51 characters; at most 50" in about["left_out"]["too_long"][
        "examples"][0]
    assert (about["rows"], texts(tmp_path / "out")) == (9, ["A", "D"])


def test_no_more_than_five_examples_are_kept_and_each_is_short(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [PAIRS[0], *[{"question": "x" * 9_000}] * 40])
    found = convert(path, tmp_path / "out")["left_out"]["unreadable_row"]
    assert (found["count"], len(found["examples"])) == (40, 5)
    assert max(map(len, found["examples"])) <= 300


def test_a_negative_that_answers_its_own_question_is_an_answer_and_that_is_said(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [
        {"anchor": "a?", "positive": "A", "negative": "B"}, {"anchor": "a", "positive": "B"}])
    about = convert(path, tmp_path / "out")
    assert set((tmp_path / "out" / "qrels.tsv").read_text().split()[3:][2::3]) == {"1"}
    assert "1 negatives are answers" in about["notes"][0]


def test_columns_that_nobody_can_tell_are_asked_for_and_those_named_are_taken(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [{"x": "Why?", "y": "So it is.", "z": "No."}])
    with pytest.raises(CorpusError, match="has no anchor .*: it has x, y, z.*--anchor"):
        convert(path, tmp_path / "out")
    about = convert(path, tmp_path / "out", Columns("x", "y", ("z",)))
    assert texts(tmp_path / "out") == ["So it is.", "No."]
    assert Columns.from_json(about["columns"]) == Columns("x", "y", ("z",))


@pytest.mark.parametrize("name, content, joined", [
    ("more.txt", "First line\nsecond line.\n\n\n  Another.\n\nAs 1.", 2),
    ("more.csv", "title;passage\nT;First\n;As 1.\nU;Second\n", 2),
    ("more.jsonl", '{"whatever": "First"}\n{"whatever": "First"}\n{"whatever": ""}\n', 1),
])
def test_passages_without_questions_join_the_corpus(tmp_path, name, content, joined):
    path = write_lines(tmp_path / "a.jsonl", PAIRS)
    (tmp_path / name).write_text(content, "utf-8")
    about = convert(path, tmp_path / "out", passages=tmp_path / name)
    assert about["passages"] == 200 + joined
    assert f"{joined} passages of {name} joined the corpus" in about["notes"][-1]
    corpus = load_corpus(tmp_path / "out")
    assert corpus.split_fingerprints == load_corpus(path).split_fingerprints
    assert len({passage.text for passage in corpus.passages}) == 200 + joined
    if name == "more.csv":
        assert corpus.passages[200].content == "T First"


def test_a_file_of_passages_must_say_which_column_they_are(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", PAIRS)
    more = write_lines(tmp_path / "more.jsonl", [{"x": "a", "y": "b"}])
    with pytest.raises(CorpusError, match="more.jsonl has no text or passage .*: it has x, y"):
        convert(path, tmp_path / "out", passages=more)
    assert sorted(place.name for place in tmp_path.iterdir()) == ["a.jsonl", "more.jsonl"]


def test_a_beir_folder_and_its_zip_keep_ids_splits_and_fingerprints(porsche, tmp_path):
    folder = write_beir(porsche, tmp_path / "sample", 60)
    with zipfile.ZipFile(tmp_path / "sample.zip", "w") as archive:
        for place in folder.rglob("*"):
            archive.write(place, f"top/{place.relative_to(folder)}")
    corpus = load_corpus(folder)
    for source in (folder, tmp_path / "sample.zip"):
        out = tmp_path / f"out-{source.suffix}"
        about = convert(source, out)
        made = load_corpus(out)
        assert (made.name, made.fingerprint, made.split_fingerprints, made.passages) == (
            "sample", corpus.fingerprint, corpus.split_fingerprints, corpus.passages)
        assert (about["columns"], about["from_pairs"]) == (None, False)
        assert about["pairs"] == sum(len(corpus.pairs(split)) for split in SPLITS)
    assert load_corpus(tmp_path / "sample.zip").split_fingerprints == corpus.split_fingerprints
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "out-", "out-.zip", "sample", "sample.zip"]


def test_judgements_without_splits_stay_so_until_they_are_read(tmp_path):
    folder = tmp_path / "beir"
    folder.mkdir()
    write_lines(folder / "corpus.jsonl", [{"_id": f"p{i}", "text": f"A{i}"} for i in range(20)])
    write_lines(folder / "queries.jsonl", [{"_id": f"q{i}", "text": f"Q{i}"} for i in range(20)])
    (folder / "qrels.tsv").write_text("".join(
        f"q{i} 0 p{i} 2\nq{i} 0 p{(i + 1) % 20} 0\n" for i in range(20)) + "q99 0 p1 1\n", "utf-8")
    about = convert(folder, tmp_path / "out")
    assert (about["pairs"], about["rows"], about["notes"]) == (20, 40, [])
    assert "names query 'q99'" in about["left_out"]["unreadable_row"]["examples"][0]
    corpus = load_corpus(tmp_path / "out", 3)
    assert [len(corpus.qrels[split]) for split in SPLITS] == [16, 2, 2]
    with pytest.raises(CorpusError, match="no columns to name"):
        convert(folder, tmp_path / "other", Columns("a", "b"))


def test_a_folder_with_a_test_split_alone_says_that_it_cannot_be_trained_on(tmp_path):
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    write_lines(folder / "corpus.jsonl", [{"_id": "p1", "text": "A"}])
    write_lines(folder / "queries.jsonl", [{"_id": "q1", "text": "Q"}])
    (folder / "qrels" / "test.tsv").write_text("q1\tp1\t1\n", "utf-8")
    assert "measured on, not trained on" in convert(folder, tmp_path / "out")["notes"][0]
    assert set(load_corpus(tmp_path / "out").qrels) == {"test"}


@pytest.mark.parametrize("limits, said", [
    (ReadLimits(rows=99), "mine.jsonl has more than 99 rows"),
    (ReadLimits(bytes=1_000), r"mine.jsonl has 10,\d+ bytes; at most 1,000"),
    (ReadLimits(columns=4), "mine.jsonl line 1 has 5 columns; at most 4"),
])
def test_too_much_is_refused_with_both_figures_and_leaves_nothing(tmp_path, limits, said):
    path = write_lines(tmp_path / "mine.jsonl", PAIRS)
    with pytest.raises(TooMuchError, match=said):
        convert(path, tmp_path / "out", limits=limits)
    assert list(tmp_path.iterdir()) == [path]


def test_bad_rows_are_bounded_as_good_ones_are(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("[]\n" * 31 + json.dumps(PAIRS[0]), "utf-8")
    with pytest.raises(TooMuchError, match="a.jsonl has more than 30 rows that cannot be read, su"):
        convert(path, tmp_path / "out", limits=ReadLimits(rows=30))
    assert convert(path, tmp_path / "out")["left_out"]["unreadable_row"]["count"] == 31


def test_a_file_without_a_single_pair_is_refused_with_what_was_wrong(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [{"anchor": "a?", "positive": ""}] * 3)
    said = "no pairs that can be used. Empty text: 3, such as: a.js"
    with pytest.raises(CorpusError, match=said):
        convert(path, tmp_path / "out")
    (tmp_path / "b.csv").write_text("", "utf-8")
    with pytest.raises(CorpusError, match="no pairs that can be used. Add rows"):
        convert(tmp_path / "b.csv", tmp_path / "out")


def test_what_is_there_already_is_not_written_over(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", PAIRS)
    (tmp_path / "out").mkdir()
    convert(path, tmp_path / "out")  # an empty folder is as good as none
    with pytest.raises(CorpusError, match="out is there already"):
        convert(path, tmp_path / "out")
    with pytest.raises(CorpusError, match="cannot be written"):
        convert(path, tmp_path / "no" / "out")


def test_progress_goes_from_the_first_byte_to_the_last(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", PAIRS * 50)
    told = []
    convert(path, tmp_path / "out", 
            progress=lambda at: told.append((at.text, at.done, at.total)))
    size = path.stat().st_size
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert (told[-1], len(told)) == (("5,000 rows read", size, size), 3)
    assert 0 < told[0][1] < size


def test_about_json_of_somebody_else_is_none(tmp_path):
    for text in ("{", "[]", "{}", '{"schema": 2}', "[" * 100_000, '{"schema": 1, "columns": 3}'):
        (tmp_path / "about.json").write_text(text, "utf-8")
        assert read_manifest(tmp_path) is None


def command(*arguments, **options):
    return subprocess.Popen([sys.executable, "-m", "corpus", *map(str, arguments)], cwd=ROOT,
                            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_the_command_takes_columns_and_limits_and_prints_about_json(tmp_path, capsys):
    path = write_lines(tmp_path / "a.jsonl", [{"x": "Why?", "y": "So.", "n": "No.", "m": "Nor.",
                                               "s": 0.5}, {"x": "How?", "y": "So.", "s": 0.4}])
    out = tmp_path / "out"
    assert main(["convert", str(path), "--out", str(out), "--anchor", "x", "--positive", "y",
                 "--negative", "n", "--negative=m", "--score=s", "--least-score=0.5",
                 "--max-rows=10", "--json"]) == 0
    about = json.loads(capsys.readouterr().out)
    assert about == read_manifest(out).as_json()
    assert texts(out) == ["So.", "No.", "Nor."]
    assert main(["convert", str(path), "--out", str(out), "--json"]) == 1
    assert "is there already" in json.loads(capsys.readouterr().out)["error"]
    with pytest.raises(SystemExit, match="2"):
        main(["convert", str(path), "--out", str(out), "--anchor", "x"])


def test_a_bound_of_memory_ends_with_a_sentence_and_leaves_nothing(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{" + '"a": [[],[],[]' + ",[]" * 5_000_000 + "]}", "utf-8")
    child = command("convert", path, "--out", tmp_path / "out", "--json", "--memory", 250)
    printed, logged = child.communicate(timeout=60)
    assert child.returncode == 1, logged
    assert "250 MB" in json.loads(printed)["error"]
    assert list(tmp_path.iterdir()) == [path]


def test_a_polite_end_leaves_nothing(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", PAIRS * 1_000)
    child = command("convert", path, "--out", tmp_path / "out", "--progress")
    child.stderr.readline()
    child.send_signal(signal.SIGTERM)
    start = time.monotonic()
    child.communicate(timeout=60)
    assert time.monotonic() - start < 5
    assert (child.returncode, list(tmp_path.iterdir())) == (143, [path])


def test_a_data_set_of_the_hub_is_kept_with_the_commit_it_was_read_at(tmp_path, monkeypatch):
    sha = "a" * 40

    def choices(data):
        assert (data.id, data.config, data.split) == ("me/faq", "german", None)
        found = HubData("me/faq", "german", "train", sha)
        return Choices(found, ("german", "english"), ("train", "test"))

    def rows(data, limits, on_bad_row):
        assert data.revision == sha
        yield "me/faq train row 1", {"question": "a?", "answer": "A", "n": 1}

    monkeypatch.setattr(open, "hub_choices", choices)
    monkeypatch.setattr(open, "hub_rows", rows)
    seen = look("hf:me/faq", config="german").as_json()
    assert (seen["kind"], seen["columns"]) == ("pairs", ["question", "answer", "n"])
    assert (seen["hub"]["configs"], seen["hub"]["splits"]) == (
        ["german", "english"], ["train", "test"])
    about = convert("hf:me/faq", tmp_path / "out", config="german")
    assert about["source"] == f"hf:me/faq@{sha}"
    assert (about["name"], about["format"]) == (
        "faq", "Hub data set, config german, split train")
    with pytest.raises(CorpusError, match="names no data set"):
        convert("hf:../../etc/passwd", tmp_path / "other")


@pytest.mark.parametrize("suffix", [".parquet", ".xlsx"])
def test_parquet_and_excel_are_converted_like_everything_else(tmp_path, suffix):
    path = tmp_path / f"mine{suffix}"
    rows = [{"question": f"Why {i}?", "answer": f"As {i}."} for i in range(150)]
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        sheet = (book := Workbook()).active
        for row in [list(rows[0]), *(list(row.values()) for row in rows)]:
            sheet.append(row)
        book.save(path)
    as_lines = load_corpus(write_lines(tmp_path / "mine.jsonl", rows))
    about = convert(path, tmp_path / "out")
    assert load_corpus(tmp_path / "out").fingerprint == as_lines.fingerprint
    assert load_corpus(path).split_fingerprints == as_lines.split_fingerprints
    assert (about["rows"], about["encoding"]) == (150, None)
    assert look(path).as_json()["columns"] == ["question", "answer"]
    other = path.rename(tmp_path / "other.csv")  # it is what it holds, whatever it is called
    assert load_corpus(other).fingerprint == as_lines.fingerprint
