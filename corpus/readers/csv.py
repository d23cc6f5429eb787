"""CSV and its like -> rows: whatever stands between the cells, with line breaks in quotes."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from corpus.names import known_names
from corpus.records import CorpusError
from corpus.text import shortened

from .rows import OnBadRow, ReadLimits, Remark, Row, TooLongError, TooMuchError
from .text import TextFile

DELIMITERS = {",": ",", ";": ";", "\t": "tab", "|": "|"}
ONE_COLUMN = "\x1f"
"""Stands between cells where there is one in a row: it is in no text that people write."""
SAMPLE = 1 << 16
SAMPLE_ROWS = 200
LONGEST_CELL = 131_072
"""Characters of a cell after which a quotation mark is taken to be opened and never closed."""
SENTENCE_ENDS = ("?", ".", "!", "？", "。", "！", "؟")
LONG_NAME = 60
WORDY_NAME = 8


@dataclass(frozen=True)
class Delimited:
    """A table in a text file: what its columns are called, and its rows."""

    format: str
    names: tuple[str, ...]
    rows: Iterator[Row]


@contextmanager
def longest_cell(characters: int) -> Iterator[None]:
    """While in it, cells may have so many characters (131,072 are the least): of one process."""
    before = csv.field_size_limit(max(LONGEST_CELL, min(characters, 1 << 30)))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def delimited(file: TextFile, limits: ReadLimits, on_bad_row: OnBadRow) -> Delimited:
    """The table in a text file; names are made up where the first row looks like data."""
    sample = file.text(SAMPLE)
    lines = file.lines(newline="")
    skipped = 0
    if sample[:4].lower() == "sep=" and sample[4:5] in DELIMITERS and sample[5:6] in "\r\n":
        delimiter, skipped = sample[4], 1  # how Excel is told
        next(lines)
    else:
        delimiter = _delimiter(sample, file.path.suffix.lower())
    cells = _cells(_Lines(lines, delimiter, limits), file.path.name, skipped, limits, on_bad_row)
    first = next(cells, None)
    names: list[str] = []
    if first and len(first[1]) > limits.columns:
        raise TooMuchError(f"{file.path.name} has {len(first[1]):,} columns; at most "
                           f"{limits.columns:,} are read.")
    if first is None:
        kept: Iterator[tuple[str, list[str]]] = iter(())
    elif _looks_like_data(first[1]):
        names = [f"column {number}" for number in range(1, len(first[1]) + 1)]
        on_bad_row(Remark(
            f"The first row of {file.path.name} looks like data, not like the names of columns: "
            "it is read as a row, and the columns are called “column 1” and so on."
        ))
        kept = _with_first(first, cells)
    else:
        names = _names(first[1], file.path.name, on_bad_row)
        kept = cells
    said = "tab" if delimiter == ONE_COLUMN else DELIMITERS[delimiter]
    kind = "CSV, one column" if delimiter == ONE_COLUMN else f"CSV, delimiter {said}"
    return Delimited(kind, tuple(names), _rows(kept, names, said, on_bad_row))


class _Lines:
    """Lines for a csv.reader; one with more delimiters than any table has is not parsed."""

    def __init__(self, lines: Iterator[str], delimiter: str, limits: ReadLimits) -> None:
        self.lines, self.delimiter = lines, delimiter
        self.most = max(100 * limits.columns, 100_000)
        self.cells = self.read = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self.lines)
        self.read += 1
        self.cells += line.count(self.delimiter)
        if self.cells > self.most:
            raise _TooManyCells(self.cells + 1)
        return line


class _TooManyCells(CorpusError):
    """A row of so many cells that it is not made one."""


def _cells(
    lines: _Lines, name: str, skipped: int, limits: ReadLimits, on_bad_row: OnBadRow
) -> Iterator[tuple[str, list[str]]]:
    """Where each row begins, and its cells; blank lines are no rows."""
    reader = csv.reader(lines, delimiter=lines.delimiter)
    header = True
    while True:
        where = f"{name} line {lines.read + skipped + 1}"
        lines.cells = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except _TooManyCells as error:
            if header:
                raise TooMuchError(f"{name} has more than {error.args[0] - 1:,} columns; at most "
                                   f"{limits.columns:,} are read.") from error
            on_bad_row(CorpusError(f"{where} has more than {error.args[0] - 1:,} cells."))
        except csv.Error as error:
            fault = TooLongError if limits.characters <= csv.field_size_limit() else CorpusError
            said = fault(f"{where}: {error}: shorten the text, or close the quotation mark that "
                         "opens it.")
            if header:
                raise said from error
            on_bad_row(said)
        else:
            if cells:
                header = False
                yield where, cells


def _rows(
    cells: Iterator[tuple[str, list[str]]], names: Sequence[str], said: str, on_bad_row: OnBadRow
) -> Iterator[Row]:
    """Rows with their names; too many cells mean that a text was torn, so nobody reads a part."""
    for where, row in cells:
        if any(extra.strip() for extra in row[len(names) :]):
            on_bad_row(CorpusError(
                f"{where} has {len(row):,} cells, and there are {len(names):,} columns: put a "
                f"text that holds a {said} between quotation marks."
            ))
        else:
            yield where, dict(zip(names, row, strict=False))


def _with_first(
    first: tuple[str, list[str]], others: Iterator[tuple[str, list[str]]]
) -> Iterator[tuple[str, list[str]]]:
    yield first
    yield from others


def _names(cells: Sequence[str], name: str, on_bad_row: OnBadRow) -> list[str]:
    """The names of columns, each once: a repeated one gets a number, an empty one its place."""
    names: dict[str, None] = {}
    repeated: list[str] = []
    for place, cell in enumerate(cells, 1):
        called = first = cell.strip() or f"column {place}"
        times = 1
        while called in names:
            times += 1
            called = f"{first} ({times})"
        if times > 1:
            repeated.append(called)
        names[called] = None
    if repeated:
        on_bad_row(Remark(
            f"The first row of {name} names a column more than once: the later ones are called "
            f"{', '.join(f'“{shortened(called, 40)}”' for called in repeated[:5])}."
        ))
    return list(names)


def _looks_like_data(cells: Sequence[str]) -> bool:
    return not known_names(cells) and any(
        len(cell) > LONG_NAME or len(cell.split()) > WORDY_NAME
        or cell.rstrip().endswith(SENTENCE_ENDS) for cell in cells
    )


def _delimiter(sample: str, suffix: str) -> str:
    """What stands between the cells: known names in the header count first, then even rows."""
    best, found = (0, 0.0, False, 0), ONE_COLUMN
    for delimiter in DELIMITERS:
        rows = _parsed(sample, delimiter)
        width = len(rows[0]) if rows else 0
        if width > 1:
            even = sum(len(row) == width for row in rows) / len(rows)
            usual = delimiter == ("\t" if suffix == ".tsv" else ",")
            rank = (len(known_names(rows[0][:SAMPLE_ROWS])), even, usual, width)
            if rank > best:
                best, found = rank, delimiter
    return found


def _parsed(sample: str, delimiter: str) -> list[list[str]]:
    """The first rows of a sample, without the one it cuts."""
    rows: list[list[str]] = []
    try:
        for row in csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) > SAMPLE_ROWS:
                break
    except csv.Error:
        pass
    return rows[:-1] if len(sample) == SAMPLE and 1 < len(rows) <= SAMPLE_ROWS else rows
