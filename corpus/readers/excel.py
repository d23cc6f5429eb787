"""An Excel workbook (.xlsx) -> rows: the first sheet that is a table, as it is unpacked.

Its parts are read with expat, and nothing is built of them but the row at hand, because the
libraries do not hold up (bench/RESULTS.md): calamine allots the whole rectangle between two cells,
so that 2 KB abort the process; openpyxl needs a guard in front of it that is a third of this code,
and even then refuses a sound workbook for an odd margin, or all of one for one bad cell.
"""

from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile

from corpus.records import CorpusError
from corpus.text import shortened

from .archive import opened_zip
from .cells import Fault, Sheet, SheetRow, Strings, Styles, letters_of
from .package import parsed, read_book, refuse_old
from .rows import Meter, OnBadRow, ReadLimits, Row, Table, refuse


def excel_table(path: Path, limits: ReadLimits) -> Table:
    """The columns of the sheet that is read, and which sheet that is when there are several."""
    with closing(_tables(path, limits)) as tables:
        found = next(tables)
    others = [name for name in found.all_names if name != found.sheet]
    notes = [f"Sheet {_quoted(found.sheet)} is read; not read: "
             f"{', '.join(map(_quoted, others[:10]))}."] if others else []
    return Table(tuple(found.header.values()), notes=tuple(notes))


def excel_rows(path: Path, limits: ReadLimits, on_bad_row: OnBadRow = refuse) -> Iterator[Row]:
    """The rows of a workbook's first sheet that has a header and a row under it.

    The first row that is not empty has the columns' names. Every value is text, as in a CSV
    file: dates as 2024-05-01, a formula's as it was saved last.
    """
    meter = Meter(path.name, limits)
    with closing(_tables(path, limits)) as tables:
        found = next(tables)
        for number, cells in found.rows:
            where = f"{path.name} sheet {_quoted(found.sheet)} row {number}"
            fields = {name: cells.get(column, "") for column, name in found.header.items()}
            meter.row(fields)
            faults = [f"{where}: cell {letters_of(column)}{number} {cells[column]}."
                      for column in found.header if isinstance(cells.get(column), Fault)]
            if faults:
                on_bad_row(CorpusError(faults[0]))
            elif any(fields.values()):
                yield where, fields


class _Found(NamedTuple):
    """The sheet to read: its columns by their place, its rows, and what sheets there are."""

    sheet: str
    header: dict[int, str]
    rows: Iterator[SheetRow]
    all_names: tuple[str, ...]


def _tables(path: Path, limits: ReadLimits) -> Generator[_Found, None, None]:
    """Yields the sheet to read, once; the file is open as long as this has not ended."""
    meter = Meter(path.name, limits)
    try:
        meter.hold(bytes=path.stat().st_size)
        refuse_old(path)
    except OSError as error:
        raise CorpusError(f"{path.name} cannot be read: {error.strerror}.") from error
    with opened_zip(path) as archive:
        book = read_book(archive, meter)
        strings, styles = Strings(), Styles()
        for name, part in ((book.strings, strings), (book.styles, styles)):
            if name is not None:
                for _ in parsed(archive, name, meter, part):
                    pass
        names = tuple(name for name, _ in book.sheets)
        for name, place in book.sheets:
            where = f"{path.name} sheet {_quoted(name)}"
            sheet = Sheet(where, strings.texts, styles.dates, book.from_1904)
            rows = _rows(archive, place, meter, sheet)
            first = list(islice(rows, 2))
            if len(first) == 2:
                header = _header(where, first[0])
                meter.hold(columns=len(header))
                yield _Found(name, header, _chained(first[1], rows), names)
                return
    raise CorpusError(f"{path.name} has no sheet with a row of column names and rows under it.")


def _rows(archive: ZipFile, place: str, meter: Meter, sheet: Sheet) -> Iterator[SheetRow]:
    for _ in parsed(archive, place, meter, sheet):
        yield from sheet.ready
        sheet.ready.clear()


def _chained(first: SheetRow, rest: Iterator[SheetRow]) -> Iterator[SheetRow]:
    yield first
    yield from rest


def _header(where: str, row: SheetRow) -> dict[int, str]:
    header: dict[int, str] = {}
    for column, name in row.cells.items():
        if isinstance(name, Fault):
            raise CorpusError(f"{where}: cell {letters_of(column)}{row.number} {name}.")
        name = name.strip()
        if name in header.values():
            raise CorpusError(f"{where} has two columns named {shortened(name)!r}: rename one.")
        header[column] = name
    return header


def _quoted(name: str) -> str:
    return f"“{shortened(name)}”"
