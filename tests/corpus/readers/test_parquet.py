"""Parquet files, honest and hostile."""

import datetime
import decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.readers.parquet import parquet_rows, parquet_table
from corpus.readers.rows import ReadLimits, TooMuchError
from corpus.records import CorpusError

LIMITS = ReadLimits()


def written(path, table, **how):
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), path, **how)
    return path


def read(path, limits=LIMITS):
    bad = []
    return list(parquet_rows(path, limits, bad.append)), [str(error) for error in bad]


def test_rows_come_with_their_place_and_their_values(tmp_path):
    path = written(tmp_path / "pairs.parquet", {
        "anchor": ["who?", "what?"], "positive": pa.array(["he", None], pa.large_string()),
        "topic": pa.array(["a", "a"]).dictionary_encode(), "score": [0.5, 1.0], "id": [1, 2],
        "good": [True, None], "negatives": [["x", "y"], None], "none": pa.nulls(2),
    }, row_group_size=1)
    assert read(path) == ([
        ("pairs.parquet row 1", {"anchor": "who?", "positive": "he", "topic": "a", "score": 0.5,
                                 "id": 1, "good": True, "negatives": ["x", "y"], "none": None}),
        ("pairs.parquet row 2", {"anchor": "what?", "positive": None, "topic": "a", "score": 1.0,
                                 "id": 2, "good": None, "negatives": None, "none": None}),
    ], [])
    assert parquet_table(path, LIMITS).rows == 2


def test_dates_and_decimals_are_text(tmp_path):
    path = written(tmp_path / "a.parquet", {
        "day": [datetime.date(2024, 5, 1)], "price": [decimal.Decimal("1.50")],
        "at": [datetime.datetime(2024, 5, 1, 13, 45)], "a": ["x"]})
    ((_, row),), _ = read(path)
    assert (row["day"], row["price"]) == ("2024-05-01", "1.50")
    assert row["at"].startswith("2024-05-01 13:45")


def test_columns_of_another_type_are_left_out_and_said(tmp_path):
    path = written(tmp_path / "a.parquet", {
        "anchor": ["x"], "blob": [b"\x00\xff"], "both": [{"a": 1}], "vector": [[0.1, 0.2]]})
    table = parquet_table(path, LIMITS)
    assert table.names == ("anchor",)
    assert table.notes[0] == "Column 'blob' holds binary, not text: it is left out."
    assert len(table.notes) == 3
    assert read(path)[0] == [("a.parquet row 1", {"anchor": "x"})]
    only = written(tmp_path / "b.parquet", {"blob": [b"x"]})
    with pytest.raises(CorpusError, match="b.parquet has no column of text. Column 'blob' holds"):
        parquet_table(only, LIMITS)


def test_two_columns_of_one_name_are_refused(tmp_path):
    table = pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["a", "a"])
    with pytest.raises(CorpusError, match="two columns named 'a'"):
        read(written(tmp_path / "a.parquet", table))


def test_text_that_is_not_utf_8_costs_its_row_alone(tmp_path):
    raw = pa.array([b"good", b"b\xffd", b"fine"])
    table = pa.table({"a": raw.view(pa.string()), "b": ["1", "2", "3"]})
    rows, bad = read(written(tmp_path / "a.parquet", table))
    assert [row["a"] for _, row in rows] == ["good", "fine"]
    assert bad == ["a.parquet row 2: a is not UTF-8 (byte 0xff)."]


def test_a_long_list_costs_its_row_alone(tmp_path):
    table = {"a": ["x", "y"], "negatives": [["n"] * 11, ["n"]]}
    rows, bad = read(written(tmp_path / "a.parquet", table), ReadLimits(columns=10))
    assert [row["a"] for _, row in rows] == ["y"]
    assert bad == ["a.parquet row 1: negatives lists 11 texts, and the limit is 10."]


@pytest.mark.parametrize("limits, said", [
    (ReadLimits(rows=2), "a.parquet has 3 rows, and the limit is 2"),
    (ReadLimits(columns=1), "a.parquet has 2 columns, and the limit is 1"),
    (ReadLimits(bytes=100), r"a.parquet has [\d,]+ bytes, and the limit is 100"),
])
def test_what_the_table_of_contents_tells_is_refused_before_anything_is_read(
    tmp_path, limits, said
):
    path = written(tmp_path / "a.parquet", {"a": ["x"] * 3, "b": ["y"] * 3})
    with pytest.raises(TooMuchError, match=said):
        parquet_table(path, limits)
    with pytest.raises(TooMuchError, match=said):
        next(parquet_rows(path, limits))


def test_a_file_that_says_it_is_small_is_stopped_when_it_is_not(tmp_path):
    # One text that stands in each of 3,000 rows: 3 GB of text in some kilobytes.
    text = "x" * 1_000_000
    table = pa.table({"a": [str(n) for n in range(3_000)],
                      "b": pa.DictionaryArray.from_arrays(pa.array([0] * 3_000), [text])})
    path = written(tmp_path / "a.parquet", table)
    assert path.stat().st_size < 200_000
    before = pa.total_allocated_bytes()
    with pytest.raises(TooMuchError, match="unpacks to more than 100,000,000 bytes"):
        for _ in parquet_rows(path, ReadLimits(bytes=100_000_000)):
            assert pa.total_allocated_bytes() - before < 50_000_000


def test_an_index_that_its_dictionary_has_not_costs_its_row_alone(tmp_path, monkeypatch):
    # As a spoilt page makes it: the library hands such indices over as they are.
    spoilt = pa.DictionaryArray.from_arrays(
        pa.array([0, 7, -1], pa.int32()), pa.array(["x", "y"]), safe=False)
    path = written(tmp_path / "a.parquet", {"a": ["x", "y", "z"]})
    batch = pa.RecordBatch.from_arrays([spoilt], ["a"])
    monkeypatch.setattr(pq.ParquetFile, "iter_batches", lambda *_, **__: iter([batch]))
    rows, bad = read(path)
    assert rows == [("a.parquet row 1", {"a": "x"})]
    assert bad == [f"a.parquet row {n}: a names a text that the file has not." for n in (2, 3)]


def test_texts_and_lists_are_whole_across_row_groups_and_dictionaries(tmp_path):
    # More text than a dictionary takes (1 MB), so that a column has both kinds of pages.
    texts = [f"{n} " * 500 for n in range(2_000)]
    path = written(tmp_path / "a.parquet", {
        "a": texts, "b": [texts[0]] * 2_000, "negatives": [[text, "x"] for text in texts],
    }, row_group_size=700)
    rows, bad = read(path)
    assert [row["a"] for _, row in rows] == texts
    assert [row["negatives"] for _, row in rows] == [[text, "x"] for text in texts]
    assert {row["b"] for _, row in rows} == {texts[0]}
    assert bad == []


def test_a_wrong_number_of_rows_in_the_table_of_contents_is_no_crash(tmp_path):
    path = written(tmp_path / "a.parquet", {"a": ["x"] * 77}, compression="none")
    data = path.read_bytes()
    footer = data.rindex(b"PAR1") - 4 - int.from_bytes(data[-8:-4], "little")
    # 77 is the zigzag varint 0x9a 0x01: say 78 wherever the table of contents says 77.
    lied = data[:footer] + data[footer:].replace(b"\x9a\x01", b"\x9c\x01")
    assert lied != data
    path.write_bytes(lied)
    try:
        assert len(read(path)[0]) in (77, 78)
    except CorpusError as error:
        assert "a.parquet cannot be read as Parquet" in str(error)


@pytest.mark.parametrize("spoil", [
    lambda data: b"", lambda data: b"PAR1", lambda data: data[:-1],
    lambda data: data[: len(data) // 2],
    lambda data: b"\x00" * len(data), lambda data: data[:40] + b"\xff" * 40 + data[80:],
    lambda data: data[:-8] + b"\xff\xff\xff\x7fPAR1",
], ids=["empty", "magic", "cut", "half", "zeros", "pages", "footer"])
def test_a_spoilt_file_is_refused_with_a_sentence(tmp_path, spoil):
    path = written(tmp_path / "a.parquet", {"a": [f"text {n}" for n in range(99)]})
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(CorpusError, match="^a.parquet cannot be read as Parquet: ") as raised:
        read(path)
    assert str(tmp_path) not in str(raised.value)


def test_a_file_that_is_not_there_is_said_without_its_folder(tmp_path):
    with pytest.raises(CorpusError) as raised:
        read(tmp_path / "a.parquet")
    assert str(tmp_path) not in str(raised.value)


def test_many_columns_are_refused_quickly(tmp_path):
    path = written(tmp_path / "a.parquet", {f"c{n}": ["x"] for n in range(3_000)})
    with pytest.raises(TooMuchError, match="3,000 columns, and the limit is 1,000"):
        read(path)
