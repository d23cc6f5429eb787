"""What must hold whatever somebody writes into a workbook, a Parquet file, or a zip."""

import tempfile
import warnings
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from corpus.readers.archive import unpacked
from corpus.readers.excel import excel_rows
from corpus.readers.parquet import parquet_rows
from corpus.readers.registry import IN_FOLDERS
from corpus.readers.rows import ReadLimits
from corpus.readers.workbook import cell_text
from corpus.records import CorpusError

LIMITS = ReadLimits()
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"),
                             exclude_characters="\ufffe\uffff"), max_size=30)
SHORT = settings(max_examples=30, deadline=None)
FEW = settings(max_examples=12, deadline=None)
NAME = st.text(st.sampled_from("ab./\\:~ \u202eC-"), min_size=1, max_size=12)


@pytest.mark.slow
@FEW
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5))
def test_texts_of_a_workbook_are_read_as_they_were_written(rows):
    assume(not any("_x" in text or text.startswith("=") for row in rows for text in row))
    assume(any(text.strip() for row in rows for text in row))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.xlsx"
        book = openpyxl.Workbook()
        book.active.append(["anchor", "positive"])
        for number, row in enumerate(rows, 2):
            for column, text in enumerate(row, 1):
                cell = book.active.cell(number, column, text)
                cell.data_type = "s"  # text, though it may look like an error or a number
        book.save(path)
        read = [tuple(row.values()) for _, row in excel_rows(path, LIMITS)]
    assert read == [tuple(text if text.strip() else "" for text in row) for row in rows
                    if any(text.strip() for text in row)]


@SHORT
@given(st.lists(st.tuples(st.none() | st.text(), st.none() | st.lists(st.text(), max_size=3)),
                max_size=9), st.integers(1, 4))
def test_texts_of_a_parquet_file_are_read_as_they_were_written(rows, group):
    assume(not any("\ud800" <= mark <= "\udfff" for row in rows
                   for text in (row[0] or "", *(row[1] or ())) for mark in text))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.parquet"
        pq.write_table(pa.table({"a": pa.array([row[0] for row in rows], pa.string()),
                                 "b": pa.array([row[1] for row in rows], pa.list_(pa.string()))}),
                       path, row_group_size=group)
        assert [tuple(row.values()) for _, row in parquet_rows(path, LIMITS)] == rows


@SHORT
@given(st.lists(NAME | st.sampled_from(["corpus.jsonl", "a.csv", "x/corpus.jsonl", "../a.csv"]),
                min_size=1, max_size=4))
def test_nothing_of_a_zip_is_written_but_into_its_folder(names):
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of two members of one name
        home, path = Path(folder) / "home", Path(folder) / "home" / "a.zip"
        home.mkdir()
        with ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "x")
        into = home / "into"
        try:
            made = unpacked(path, into, LIMITS, IN_FOLDERS)
        except CorpusError:
            assert list(home.iterdir()) == [path]
        else:
            assert made == into or made.parent == into
            assert sorted(home.iterdir()) == [path, into]
        assert list(Path(folder).iterdir()) == [home]


@given(st.text(max_size=20) | st.floats() | st.integers() | st.booleans() | st.datetimes()
       | st.dates() | st.times() | st.timedeltas() | st.none())
def test_any_value_of_a_cell_has_a_text(value):
    assert isinstance(cell_text(value), str)
