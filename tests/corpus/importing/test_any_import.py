"""Whatever somebody brings: what was written is what is read, and what is no data says so."""

import csv
import io
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.columns import Columns
from corpus.importing.convert import convert
from corpus.importing.preview import look
from corpus.load import load_corpus
from corpus.readers.clean import MARKS, NOTHING
from corpus.readers.registry import SOURCE_SUFFIXES
from corpus.readers.rows import ReadLimits
from corpus.records import CorpusError
from corpus.text import folded

FEW = settings(max_examples=60, deadline=None)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda text: text.strip() == MARKS.sub("", text).strip() != "" and folded(text)
    and text.strip() not in NOTHING)
ROWS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8)
WIDE = ("utf-8", "utf-8-sig", "utf-16", "utf-32")


def pairs_of(rows):
    """The pairs that rows make, equal questions as one."""
    first = {}
    for anchor, _ in rows:
        first.setdefault(folded(anchor.strip()), anchor.strip())
    return {(first[folded(anchor.strip())], positive.strip()) for anchor, positive in rows}


def read_back(name, content, columns=None):
    """The pairs of a folder that a file was converted to."""
    with TemporaryDirectory() as place:
        path = Path(place) / name
        path.write_bytes(content)
        convert(path, Path(place) / "out", columns)
        corpus = load_corpus(Path(place) / "out")
        if columns is None:
            whole = load_corpus(path)
            assert (whole.fingerprint, whole.split_fingerprints) == (
                corpus.fingerprint, corpus.split_fingerprints)
    return {(pair.query.text, pair.passage.text)
            for split in corpus.qrels for pair in corpus.pairs(split)}


@pytest.mark.slow
@FEW
@given(ROWS, st.sampled_from(",;\t|"), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
       st.sampled_from(WIDE), st.sampled_from(["\n", "\r\n"]),
       st.sampled_from([".csv", ".tsv", ".txt"]))
def test_a_table_written_in_any_way_gives_back_its_pairs(
    rows, delimiter, quoting, encoding, end, suffix
):
    if end == "\n" and any("\r" in text for row in rows for text in row):
        quoting = csv.QUOTE_ALL  # csv.writer leaves a lone carriage return bare: a row ends there
    table = io.StringIO()
    csv.writer(table, delimiter=delimiter, quoting=quoting, lineterminator=end).writerows(
        [("question", "answer"), *rows])
    assert read_back(f"a{suffix}", table.getvalue().encode(encoding)) == pairs_of(rows)


@FEW
@given(ROWS, st.sampled_from(WIDE), st.booleans(), st.sampled_from(["lines", "list", "columns"]))
def test_json_written_in_any_way_gives_back_its_pairs(rows, encoding, ascii_only, layout):
    objects = [{"x": anchor, "y": positive} for anchor, positive in rows]
    if layout == "lines":
        text = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in objects)
    else:
        whole = objects if layout == "list" else {
            name: [row[name] for row in objects] for name in ("x", "y")}
        text = json.dumps(whole, ensure_ascii=ascii_only, indent=2)
    name = "a.jsonl" if layout == "lines" else "a.json"
    assert read_back(name, text.encode(encoding), Columns("x", "y")) == pairs_of(rows)


GERMAN = st.lists(st.sampled_from("""wie groß ist für schöne Türen über Öl Straße „so“ – 5 € teuer
    Garantie zwei Jahre Käufer möchte außen""".split()), min_size=4, max_size=20).map(" ".join)


@pytest.mark.slow
@FEW
@given(st.lists(st.tuples(GERMAN, GERMAN), min_size=3, max_size=8), st.sampled_from(";,\t"))
def test_german_in_windows_1252_gives_back_its_pairs(rows, delimiter):
    table = io.StringIO()
    csv.writer(table, delimiter=delimiter).writerows([("Frage", "Antwort"), *rows])
    assert read_back("a.csv", table.getvalue().encode("cp1252")) == pairs_of(rows)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(["anchor", "positive", "data", "", "\ud800"]), inner),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())
PIECES = st.lists(st.sampled_from([
    b"question,answer\n", b'"', b",", b";", b"\t", b"\n", b"\r", b"\0", b"a?", b"x" * 300, b"\xff",
    b"\xff\xfe", b"\xef\xbb\xbf", "ä\u202e".encode(), b'{"anchor": "a?", "positive": "b"}', b"[",
    b"]", b"{", b"sep=;\n", b"PK\x03\x04", b"PAR1", b"\xd8\x00", b"\\ud800", b"1e999", b"\x81",
]), max_size=12).map(b"".join)
ANY_BYTES = st.binary(max_size=200) | PIECES | JSON


@FEW
@given(ANY_BYTES, st.sampled_from([*SOURCE_SUFFIXES, ".ndjson", ".xyz", ""]), ANY_BYTES,
       st.sampled_from([None, Columns("anchor", "positive"), Columns("question", "answer", ("x",),
                                                                     "s", 0.5)]))
def test_any_bytes_at_all_are_data_or_refused_in_a_sentence_and_leave_nothing(
    content, suffix, more, columns
):
    with TemporaryDirectory() as place:
        path, extra = Path(place) / f"a{suffix}", Path(place) / "b.csv"
        path.write_bytes(content)
        extra.write_bytes(more)
        try:
            json.dumps(look(path, ReadLimits(columns=20)).as_json())
        except CorpusError as error:
            assert 10 < len(str(error)) < 1_000
        for passages in (None, extra):
            out = Path(place) / "out"
            try:
                convert(path, out, columns, passages=passages)
            except CorpusError:
                assert set(Path(place).iterdir()) == {path, extra}
            else:
                assert load_corpus(out).passages
                assert set(Path(place).iterdir()) == {path, extra, out}
                shutil.rmtree(out)


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
def test_json_as_deep_as_can_be_is_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    for deep in ('{"anchor": "a?", "positive": ' + "[" * 200_000, "[" * 200_000 + "]" * 200_000):
        path.write_text(deep, "utf-8")
        with pytest.raises(CorpusError):
            convert(path, tmp_path / "out")
    assert list(tmp_path.iterdir()) == [path]
