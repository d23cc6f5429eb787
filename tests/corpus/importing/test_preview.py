import json
import zipfile

import pytest

from corpus.__main__ import main
from corpus.importing.preview import look
from corpus.readers.rows import ReadLimits
from corpus.records import CorpusError
from support.samples import write_lines

ROWS = [{"frage": f"Wie {i}?", "antwort": "x" * 1000, "n": i, "deep": {"a": [i]}}
        for i in range(500)]


def test_a_look_has_ten_short_rows_and_the_guess(tmp_path):
    seen = look(write_lines(tmp_path / "a.jsonl", ROWS)).as_json()
    assert seen.keys() >= {"kind", "format", "encoding", "columns", "rows", "guess", "certain",
                           "notes", "row_count"}
    assert (seen["kind"], seen["format"], seen["encoding"]) == ("pairs", "JSON lines", "utf-8")
    assert seen["columns"] == ["frage", "antwort", "n", "deep"]
    assert len(seen["rows"]) == 10
    assert seen["rows"][3]["n"] == "3" and seen["rows"][3]["deep"] == '{"a": [3]}'
    assert max(len(text) for row in seen["rows"] for text in row.values()) <= 300
    assert (seen["guess"]["anchor"], seen["certain"]) == ("frage", True)
    assert (seen["notes"], seen["row_count"]) == ([], None)
    json.dumps(seen)


def test_a_small_file_says_how_many_rows_it_has(tmp_path):
    assert look(write_lines(tmp_path / "a.jsonl", ROWS[:12])).row_count == 12


def test_the_beginning_alone_is_read(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", ROWS)
    with path.open("a", encoding="utf-8") as file:
        file.write("{ broken\n" * 3)
    assert look(path, ReadLimits(rows=400)).notes == ()


def test_bad_rows_near_the_beginning_are_shown(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"q": "a?", "a": "b"}\n{ broken\n[1]\n', "utf-8")
    notes = look(path).notes
    assert "a.jsonl line 2 is not JSON" in notes[0] and "line 3 must be an object" in notes[1]


def test_a_guess_from_texts_is_called_one_and_a_score_asks_for_its_least(tmp_path):
    guessed = look(write_lines(tmp_path / "a.jsonl", [{"x": "Why so?", "y": "Because of this."}]))
    assert (guessed.guess.anchor, guessed.certain) == ("x", False)
    assert "guessed from the texts" in guessed.notes[0]
    scored = look(write_lines(tmp_path / "b.jsonl", [{"q": "a", "text": "b", "score": 0.5}]))
    assert scored.guess.score == "score" and "give the least" in scored.notes[0]
    nothing = look(write_lines(tmp_path / "c.jsonl", [{"x": 1}]))
    assert nothing.guess is None and "name them" in nothing.notes[0]


def folder(tmp_path, splits=("train", "test")):
    place = tmp_path / "beir"
    (place / "qrels").mkdir(parents=True)
    write_lines(place / "corpus.jsonl", [{"_id": f"p{i}", "title": "T", "text": f"A{i}"}
                                         for i in range(30)])
    write_lines(place / "queries.jsonl", [{"_id": f"q{i}", "text": f"Q{i}?"} for i in range(30)])
    for split in splits:
        (place / "qrels" / f"{split}.tsv").write_text(
            "".join(f"q{i}\tp{29 - i}\t1\n" for i in range(15)), "utf-8")
    return place


def test_a_beir_folder_shows_judged_texts_and_the_size_of_its_splits(tmp_path):
    seen = look(folder(tmp_path)).as_json()
    assert (seen["kind"], seen["format"], seen["columns"]) == ("beir", "BEIR folder", [])
    assert seen["rows"][1] == {"query": "Q1?", "passage": "T A28", "grade": "1"}
    assert (seen["splits"], seen["row_count"]) == ({"train": 15, "test": 15}, 30)
    assert "no qrels/dev.tsv" in seen["notes"][0]


def test_a_folder_to_measure_on_alone_is_said_to_be_one(tmp_path):
    assert "measured on, not trained on" in look(folder(tmp_path, ["test"])).notes[0]


def test_a_zip_is_looked_into_whatever_it_is_called(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    with zipfile.ZipFile(tmp_path / "data.csv", "w") as archive:
        archive.write(write_lines(tmp_path / "a.jsonl", ROWS), "inner/a.jsonl")
    seen = look(tmp_path / "data.csv")
    assert (seen.name, seen.format) == ("data", "JSON lines, in a zip")
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize("name, content, said", [
    ("a.xml", b"<a/>", "not from 'a.xml'"),
    ("a.xls", b"\xd0\xcf\x11\xe0" + b"x" * 600, "a.xls is no workbook, whatever it is called"),
    ("a.xls", bytes.fromhex("d0cf11e0a1b11ae1") + b"x" * 600, "a.xls is no whole workbook"),
    ("a.csv", b"a," * 3000, "has 3,001 columns; at most 1,000"),
    ("a.jsonl", json.dumps({f"c{i}": 1 for i in range(1001)}).encode(), "1,001 columns"),
    ("a.jsonl", b"".join(b'{"c%d": 1}\n' % i for i in range(90)), None),
    ("a.json", b"[" + b"[]," * 5_000 + b"[]]", "more than 1,000 rows that cannot be read, such"),
    ("a.parquet", b"nothing", "a.parquet"),
    ("a.xlsx", b"nothing", "a.xlsx"),
    ("a.zip", b"nothing", "a.zip"),
])
def test_what_cannot_be_looked_at_is_refused_in_a_sentence(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    if said is None:
        assert look(tmp_path / name).guess is None
        return
    with pytest.raises(CorpusError) as caught:
        look(tmp_path / name)
    assert said in str(caught.value)


def test_the_command_prints_one_object_and_a_refusal_is_one_too(tmp_path, capsys):
    path = write_lines(tmp_path / "a.jsonl", ROWS)
    assert main(["look", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == look(path).as_json()
    assert main(["look", str(tmp_path / "nothing.csv"), "--json"]) == 1
    assert "nothing.csv cannot be read" in json.loads(capsys.readouterr().out)["error"]
    assert main(["look", str(tmp_path / ("x" * 300)), "--json"]) == 1
    assert "error" in json.loads(capsys.readouterr().out)
    assert main(["look", str(path)]) == 0
    assert "Anchor: frage; positive: antwort" in capsys.readouterr().out
