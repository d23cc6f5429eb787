"""CSV and its like -> rows.

Whatever stands between the cells, and however texts are quoted. A quotation mark that opens a cell
takes in all up to the next one, line ends too: where files are written without quoting, whole rows
go so. The file is read through once beforehand, to see which way of quoting makes most rows of it.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from corpus.records import CorpusError

from .header import column_names, header_of, numbered_names, say_titles
from .jsonl import contents_of_lines
from .rows import (
    Contents,
    OnBadRow,
    Reader,
    ReadLimits,
    Remark,
    Row,
    TooLongError,
    TooMuchError,
)
from .text import TextFile

DELIMITERS = {",": ",", ";": ";", "\t": "tab", "|": "|"}
ONE_COLUMN = "\x1f"
"""Stands between cells where there is one in a row: it is in no text that people write."""
SAMPLE = 1 << 16
SAMPLE_ROWS = 200
LONGEST_CELL = 131_072
"""Characters of a cell after which a quotation mark is taken to be opened and never closed."""
BACKSLASHED = re.compile(r'(?<!\\)((?:\\\\)*)\\"')
JUDGED = re.compile(r"\S+[ \t]+Q?0[ \t]+\S+[ \t]+-?\d{1,3}\s*"
                    r"|[^\s\d]*\d\S*[ \t]+[^\s\d]*\d\S*[ \t]+-?\d{1,3}\s*")
"""A line of judgements, as TREC or BEIR write them: query, passage, grade."""
EVEN = 0.9
"""The share of a file's lines that have the same number of cells, where each is a row."""
MOST_CELLS = 100_000
"""Cells of a line that is looked at to see how a file is quoted."""


@contextmanager
def longest_cell(characters: int) -> Iterator[None]:
    """Allow CSV cells of so many characters meanwhile.

    131,072 are the least; it holds for the whole process.
    """
    before = csv.field_size_limit(max(LONGEST_CELL, min(characters, 1 << 30)))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def delimited(file: TextFile, limits: ReadLimits, on_bad_row: OnBadRow) -> Contents:
    """The table in a text file.

    Names are made up where the first row looks like data.
    """
    sample = file.text(SAMPLE)
    name = file.path.name
    _refuse_judgements(sample, name)
    skipped = 0
    if sample[:4].lower() == "sep=" and sample[4:5] in DELIMITERS and sample[5:6] in "\r\n":
        delimiter, skipped, sample = sample[4], 1, sample[5:]  # how Excel is told
    else:
        delimiter = _delimiter(sample, file.path.suffix.lower())
    quoting = _quoting(file, delimiter, skipped, on_bad_row)
    lines = _Lines(_from(file, skipped), delimiter, limits, quoting)
    cells = _cells(lines, name, skipped, limits, on_bad_row)
    names, kept = _named(cells, sample, delimiter, name, limits, on_bad_row)
    said = "tab" if delimiter == ONE_COLUMN else DELIMITERS[delimiter]
    kind = "CSV, one column" if delimiter == ONE_COLUMN else f"CSV, delimiter {said}"
    return Contents(kind, _rows(kept, names, said, on_bad_row), tuple(names),
                    encoding=file.encoding, text=file)


# --- rows of cells


class _Lines:
    """Lines for a csv.reader; one with more delimiters than any table has is not parsed."""

    def __init__(
        self, lines: Iterator[str], delimiter: str, limits: ReadLimits, quoting: "Quoting"
    ) -> None:
        self.lines, self.delimiter, self.quoting = lines, delimiter, quoting
        self.most = max(100 * limits.columns, 100_000)
        self.read = self.cells = 0
        self.of_row: list[str] = []

    def clear(self) -> None:
        """A new row begins."""
        self.cells = 0
        self.of_row.clear()

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.quoting.line(next(self.lines))
        self.read += 1
        self.cells += line.count(self.delimiter)
        self.of_row.append(line)
        if self.cells > self.most:
            raise _TooManyCells(self.cells + 1)
        return line


class _TooManyCells(CorpusError):
    """A row of so many cells that it is not made one."""


def _cells(
    lines: _Lines, name: str, skipped: int, limits: ReadLimits, on_bad_row: OnBadRow
) -> Iterator[tuple[str, list[str]]]:
    """Where each row begins, and its cells; blank lines are no rows."""
    reader = csv.reader(lines, **lines.quoting.dialect(lines.delimiter))
    header = True
    while True:
        line = lines.read + skipped + 1
        lines.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (_TooManyCells, csv.Error) as error:
            on_bad_row(_fault(error, lines, f"{name} line {line}", header, limits))
            continue
        if len(lines.of_row) > 1 and not _is_quoted_well(lines):
            on_bad_row(CorpusError(
                f"{name} line {line}: a quotation mark that opens a text there is not closed as it "
                f"should be, so that {len(lines.of_row):,} lines cannot be read: write quotation "
                "marks within a quoted text twice."))
        elif cells:
            header = False
            yield f"{name} line {line}", cells


def _fault(
    error: Exception, lines: _Lines, where: str, header: bool, limits: ReadLimits
) -> CorpusError:
    """What to say of a row that is not made one; raised where there is no header without it."""
    if isinstance(error, _TooManyCells):
        count = f"more than {error.args[0] - 1:,}"
        if header:
            raise TooMuchError(f"{where.partition(' line ')[0]} has {count} columns; at most "
                               f"{limits.columns:,} are read.") from error
        return CorpusError(f"{where} has {count} cells.")
    kind = TooLongError if limits.characters <= csv.field_size_limit() else CorpusError
    several = len(lines.of_row)
    lost = f", so that {several:,} lines cannot be read" if several > 1 else ""
    said = kind(f"{where}: {error}{lost}: shorten the text, or close the quotation mark that opens "
                "it.")
    if header:
        raise said from error
    return said


def _is_quoted_well(lines: _Lines) -> bool:
    """Whether a row of several lines is whole: each quotation mark closes what it should."""
    try:
        return sum(1 for _ in csv.reader(
            lines.of_row, **lines.quoting.dialect(lines.delimiter), strict=True)) == 1
    except csv.Error:
        return False


def _named(
    cells: Iterator[tuple[str, list[str]]], sample: str, delimiter: str, name: str,
    limits: ReadLimits, on_bad_row: OnBadRow,
) -> tuple[list[str], Iterator[tuple[str, list[str]]]]:
    """The names of the columns, and the rows below them."""
    header = header_of(_parsed(sample, delimiter))
    first = next(cells, None)
    titles = []
    for _ in range(header.at or 0):
        if first is not None:
            titles.append(first[1])
            first = next(cells, None)
    if first is None:
        return [], iter(())
    if len(first[1]) > limits.columns:
        raise TooMuchError(f"{name} has {len(first[1]):,} columns; at most "
                           f"{limits.columns:,} are read.")
    say_titles(titles, name, on_bad_row)
    if header.at is None:
        return numbered_names(len(first[1]), name, on_bad_row), _with_first(first, cells)
    return column_names(first[1], name, on_bad_row), cells


def _rows(
    cells: Iterator[tuple[str, list[str]]], names: Sequence[str], said: str, on_bad_row: OnBadRow
) -> Iterator[Row]:
    """Rows with their names; too many cells mean that a text was torn, so nobody reads a part.

    Rows without a text in any cell are none, and told of at the end.
    """
    blank = 0
    where = ""
    for where, row in cells:
        if any(extra.strip() for extra in row[len(names) :]):
            on_bad_row(CorpusError(
                f"{where} has {len(row):,} cells, and there are {len(names):,} columns: put a "
                f"text that holds a {said} between quotation marks."
            ))
        elif not any(map(str.strip, row)):
            blank += 1
        else:
            yield where, dict(zip(names, row, strict=False))
    if blank:
        name = where.partition(" line ")[0]
        on_bad_row(Remark(f"Rows of {name} in which every cell is empty are no rows: {blank:,}."))


def _with_first(
    first: tuple[str, list[str]], others: Iterator[tuple[str, list[str]]]
) -> Iterator[tuple[str, list[str]]]:
    yield first
    yield from others


def _from(file: TextFile, skipped: int) -> Iterator[str]:
    lines = file.lines(newline="")
    for _ in range(skipped):
        next(lines, None)
    return lines


# --- what stands between the cells


def _delimiter(sample: str, suffix: str) -> str:
    """What stands between the cells: known names in the header count first, then even rows."""
    best, found = (0, False, 0.0, False, 0), ONE_COLUMN
    for delimiter in DELIMITERS:
        rows = _parsed(sample, delimiter)
        header = header_of(rows)
        table = rows[header.at or 0 :]
        width = len(table[0]) if table else 0
        if width > 1:
            even = sum(len(row) == width for row in table) / len(table)
            usual = delimiter == ("\t" if suffix == ".tsv" else ",")
            rank = (header.known, not header.at, even, usual, width)
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


def _refuse_judgements(sample: str, name: str) -> None:
    """Say of judgements without texts what they are."""
    lines = sample.splitlines()[: -1 if len(sample) == SAMPLE else None][:SAMPLE_ROWS]
    header = bool(lines) and bool(re.fullmatch(
        r"(query|q|topic)[-_ ]?id\t(.*\t)?(corpus|doc|passage)[-_ ]?(id|no)\t.*", lines[0], re.I))
    if len(lines) > 1 and (header or all(map(JUDGED.fullmatch, lines))):
        raise CorpusError(
            f"{name} holds judgements (which passage answers which query, by their ids) and no "
            "texts: put it as qrels.tsv, or qrels/test.tsv, in a folder with corpus.jsonl and "
            "queries.jsonl, and give that folder, or a zip of it."
        )


# --- how texts are quoted


class Quoting(NamedTuple):
    """How texts are quoted.

    plain: quotation marks are text. backslashed: one within a text has a backslash before it.
    """

    plain: bool = False
    backslashed: bool = False

    def line(self, line: str) -> str:
        """A line of text as csv.reader wants its quotes."""
        return BACKSLASHED.sub(r'\1""', line) if self.backslashed else line

    def dialect(self, delimiter: str) -> dict[str, Any]:
        """What csv.reader is told."""
        return {"delimiter": delimiter,
                "quoting": csv.QUOTE_NONE if self.plain else csv.QUOTE_MINIMAL}


@dataclass
class _Tried:
    """What a way of quoting makes of a file: whole rows by their width, and spoilt ones."""

    widths: Counter[int] = field(default_factory=Counter)
    spoilt: int = 0
    first: int = 0
    """The line of the first spoilt row that is not just too long."""

    @property
    def whole(self) -> int:
        """Rows of the usual width, less those that are otherwise."""
        return 2 * max(self.widths.values(), default=0) - self.widths.total() - self.spoilt


def _quoting(
    file: TextFile, delimiter: str, skipped: int, on_bad_row: OnBadRow
) -> Quoting:
    """The way of quoting that makes most whole rows of a file; told where it is not the usual."""
    def tried(quoting: Quoting) -> _Tried:
        return _tried(_from(file, skipped), delimiter, quoting, skipped)

    usual = tried(Quoting())
    if not usual.first:
        return Quoting()
    name = file.path.name
    slashed, plain = tried(Quoting(backslashed=True)), _as_text(_from(file, skipped), delimiter)
    if slashed.whole >= plain and slashed.whole > usual.whole:
        on_bad_row(Remark(f'{name} writes quotation marks within texts as \\", and is read so.'))
        return Quoting(backslashed=True)
    if plain > usual.whole:
        on_bad_row(Remark(
            f"{name} does not put texts between quotation marks: those in it (the first that opens "
            f"a text is in line {usual.first}) are read as text, and each line is a row."))
        return Quoting(plain=True)
    on_bad_row(Remark(
        f"{name} has {usual.spoilt:,} rows with a quotation mark that is not closed, or stands "
        f"single in a quoted text, the first in line {usual.first}: look how they are read."))
    return Quoting()


def _tried(lines: Iterator[str], delimiter: str, quoting: Quoting, skipped: int) -> _Tried:
    """Read a whole file in a way of quoting, strictly."""
    found = _Tried()
    reader = csv.reader(_bearable(lines, delimiter, quoting), strict=True,
                        **quoting.dialect(delimiter))
    while True:
        line = reader.line_num
        try:
            for row in reader:
                line = reader.line_num
                if row:
                    found.widths[len(row)] += 1
            return found
        except csv.Error as error:
            found.spoilt += 1
            if "field larger" not in str(error) or reader.line_num > line + 1:
                found.first = found.first or line + skipped + 1


def _bearable(lines: Iterator[str], delimiter: str, quoting: Quoting) -> Iterator[str]:
    """The lines, but those of more cells than any table has: they would fill the memory."""
    for line in lines:
        if len(line) < MOST_CELLS or line.count(delimiter) < MOST_CELLS:
            yield quoting.line(line)
        else:
            yield "\n"


def _as_text(lines: Iterable[str], delimiter: str) -> int:
    """Rows that a file has where quotation marks are text, as `_Tried.whole` counts them.

    None where most of those that open a text also close one, or where lines differ in their cells.
    """
    widths = Counter[int]()
    closed = opened = 0
    for line in lines:
        if not (text := line.rstrip("\r\n")) or text.count(delimiter) > MOST_CELLS:
            continue
        cells = text.split(delimiter)
        widths[len(cells)] += 1
        opens = sum(cell.startswith('"') for cell in cells)
        opened += opens
        closed += min(opens, sum(len(cell) > 1 and cell.endswith('"') for cell in cells))
    even = max(widths.values(), default=0)
    return 0 if 2 * closed > opened or even < EVEN * widths.total() else (
        2 * even - widths.total())


def opened_table(
    path: Path, limits: ReadLimits, on_bad_row: OnBadRow, part: str = ""
) -> Contents:
    """The table in a text file of any name.

    JSON lines where it begins as they do.
    """
    file = TextFile(path, limits, on_bad_row)
    if file.text(SAMPLE).lstrip().startswith("{"):
        return contents_of_lines(file, on_bad_row)
    return delimited(file, limits, on_bad_row)


CSV_READER = Reader((".csv", ".tsv", ".txt"), opened_table, packed=True)
