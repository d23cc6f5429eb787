"""Rows of a workbook, read by calamine.

In a process of its own; .xlsx, .xls and .ods. One sheet is read, or all: below the names of its
columns, and whatever title stands above those.
"""

import json
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus.records import CorpusError, not_possible
from corpus.sandbox import ChildError, lines_of_child
from corpus.text import listed, shortened

from .archive import opened_zip
from .header import column_names, header_of, numbered_names, say_titles
from .rows import (
    Contents,
    Meter,
    OnBadRow,
    Reader,
    ReadLimits,
    Remark,
    Row,
    Table,
    of_packed,
    refuse,
)

OLE = bytes.fromhex("d0cf11e0a1b11ae1")
"""How a workbook of before 2007 begins, or one with a password."""
ZIP = b"PK\x03\x04"
OF_EXCEL = (b"[Content_Types].xml", b"docProps/", b"xl/workbook",
            b"application/vnd.oasis.opendocument.spreadsheet")
"""What the zip that a workbook is begins with."""
ALL = "all"
MEMORY = 3_000
"""Megabytes that reading a workbook may take: a million rows of ten columns take a third."""
SaidOfSheet = tuple[int, dict[int, str], dict[int, tuple[str, int]]]
"""A row: its number, its cells by column, and those merged with one above: text, its row."""


@dataclass(frozen=True)
class Sheet:
    """A sheet to read.

    Its columns by their place, and the last row above its rows.
    """

    name: str
    columns: Mapping[int, str]
    above: int
    known: int


def excel_table(
    path: Path, limits: ReadLimits, part: str = "", on_bad_row: OnBadRow = refuse
) -> Table:
    """The columns of the sheets that are read.

    And which those are where there are several.
    """
    return _table(_sheets(path, limits, part, on_bad_row))


def excel_rows(
    path: Path, limits: ReadLimits, on_bad_row: OnBadRow = refuse, part: str = ""
) -> Iterator[Row]:
    """The rows of a workbook.

    Of its first sheet that is a table, of a named one, or of `all`. Every value is text, as in a
    CSV file: dates as 2024-05-01, a formula's as it was saved last. Cells that are merged with one
    above have its text.
    """
    return _rows(path, limits, _sheets(path, limits, part, lambda error: None)[0])


def _open(path: Path, limits: ReadLimits, on_bad_row: OnBadRow, part: str) -> Contents:
    found = _sheets(path, limits, part, on_bad_row)
    table = _table(found)
    for note in table.notes:
        on_bad_row(Remark(note))
    sheets = (*(sheet.name for sheet in found[0]), *found[1])
    return Contents("Excel", _rows(path, limits, found[0]), table.names, parts=sheets)


def is_workbook(start: bytes) -> bool:
    """Whether a file that begins so is a workbook.

    Whatever it is called.
    """
    return start.startswith(OLE) or start.startswith(ZIP) and any(
        name in start for name in OF_EXCEL)


EXCEL_READER = Reader((".xlsx", ".xlsm", ".xls", ".ods"), _open, is_workbook, parts="sheet")


# --- which sheets


def _table(found: tuple[list[Sheet], list[str]]) -> Table:
    sheets, others = found
    names = tuple(dict.fromkeys(name for sheet in sheets for name in sheet.columns.values()))
    if not others and len(sheets) == 1:
        return Table(names)
    read = f"Sheet {_names([sheet.name for sheet in sheets])} is read" if len(sheets) == 1 else (
        f"{len(sheets)} sheets are read ({_names([sheet.name for sheet in sheets])})")
    unread = f"; not read: {_names(others)}. Another, or all, is read with --sheet" \
        if others else ""
    return Table(names, notes=(f"{read}{unread}.",))


def _sheets(
    path: Path, limits: ReadLimits, part: str, on_bad_row: OnBadRow
) -> tuple[list[Sheet], list[str]]:
    """The sheets to read, and the names of the others."""
    _refuse_traps(path, limits)
    with closing(_printed(path)) as lines:
        listed: Mapping[str, Any] = next(lines)
        names: list[str] = listed["sheets"]
        first = _first_rows(lines)
    visible = names[: len(names) - listed["hidden"]]
    if part and part != ALL and part not in names:
        raise CorpusError(f"{path.name} has no sheet {_quoted(part)}: it has {_names(names)}.")
    asked = visible if part == ALL else [part] if part else names
    said: dict[str, list[CorpusError]] = {name: [] for name in asked}
    tables = [sheet for name in asked
              if (sheet := _sheet(path.name, name, first[name], limits, said[name].append))]
    if not tables:
        raise CorpusError(f"{path.name} has no sheet with a row of column names and rows under it.")
    chosen = tables if part == ALL else [_first_table(tables, visible)]
    for sheet in chosen:
        for error in said[sheet.name]:
            on_bad_row(error)
    return chosen, [name for name in names if name not in {sheet.name for sheet in chosen}]


def _first_table(tables: Sequence[Sheet], visible: Sequence[str]) -> Sheet:
    """The sheet to read where nobody says which: a cover or a list of notes is none, mostly."""
    seen = [sheet for sheet in tables if sheet.name in visible] or tables
    return next((sheet for sheet in seen if sheet.known > 1), None) or next(
        (sheet for sheet in seen if len(sheet.columns) > 1), seen[0])


def _sheet(
    file: str, name: str, rows: Sequence[SaidOfSheet], limits: ReadLimits, on_bad_row: OnBadRow
) -> Sheet | None:
    """The columns of a sheet by its first rows; None where it is no table."""
    if len(rows) < 2:
        return None
    where = f"{file} sheet {_quoted(name)}"
    width = max(max(cells) for _, cells, _ in rows)
    least = min(min(cells) for _, cells, _ in rows)
    used = [column for column in range(least, width + 1) if any(column in row[1] for row in rows)]
    if len(used) > limits.columns:
        Meter(file, limits).hold(columns=len(used))
    header = header_of([[cells.get(column, "") for column in used] for _, cells, _ in rows])
    if header.at is None:
        called = numbered_names(len(used), where, on_bad_row)
        return Sheet(name, dict(zip(used, called, strict=True)), rows[0][0] - 1, 0)
    if header.at + 1 >= len(rows):
        return None
    say_titles([list(cells.values()) for _, cells, _ in rows[: header.at]], where, on_bad_row)
    below = [column for column in used
             if any(column in cells for _, cells, _ in rows[header.at:])]
    called = column_names([rows[header.at][1].get(column, "") for column in below], where,
                          on_bad_row)
    return Sheet(name, dict(zip(below, called, strict=True)), rows[header.at][0], header.known)


# --- what the other process says


def _rows(path: Path, limits: ReadLimits, sheets: Sequence[Sheet]) -> Iterator[Row]:
    meter = Meter(path.name, of_packed(limits))
    by_name = {sheet.name: sheet for sheet in sheets}
    with closing(_printed(path, *by_name)) as lines:
        next(lines)
        sheet = sheets[0]
        for line in lines:
            if isinstance(line, dict):
                sheet = by_name[line["sheet"]]
                continue
            number, cells, filled = _row(line)
            if number <= sheet.above:
                continue
            cells |= {column: text for column, (text, row) in filled.items() if row > sheet.above}
            fields = {name: cells.get(column, "") for column, name in sheet.columns.items()}
            meter.row(fields)
            if any(fields.values()):
                yield f"{path.name} sheet {_quoted(sheet.name)} row {number}", fields


def _first_rows(lines: Iterator[Any]) -> dict[str, list[SaidOfSheet]]:
    """The first rows of each sheet."""
    first: dict[str, list[SaidOfSheet]] = {}
    rows: list[SaidOfSheet] = []
    for line in lines:
        if isinstance(line, dict):
            rows = first.setdefault(line["sheet"], [])
        else:
            rows.append(_row(line))
    return first


def _row(line: Any) -> SaidOfSheet:
    number, cells, filled = line
    return number, {int(column): text for column, text in cells.items()}, {
        int(column): (text, row) for column, (text, row) in filled.items()}


def _printed(path: Path, *sheets: str) -> Generator[Any, None, None]:
    """What the process that reads a workbook prints. CorpusError says what went wrong in it."""
    try:
        for text in lines_of_child("corpus.readers.workbook", MEMORY, str(path.absolute()),
                                   *sheets):
            line = json.loads(text)
            if isinstance(line, dict) and "error" in line:
                raise CorpusError(_sentence(path, line["kind"], line["error"]))
            yield line
    except ChildError as error:
        raise CorpusError(
            f"{path.name} cannot be read within {MEMORY:,} MB of memory: its sheets are larger, or "
            "say they are. Delete the empty rows and columns beside the data, or save it as CSV."
        ) from error


def _sentence(path: Path, kind: str, text: str) -> str:
    if kind == "PasswordError" or _is_encrypted(path):
        return f"{path.name} is encrypted: open it, take its password off, and save it."
    said = shortened(f"{kind}: {text}", 120).rstrip(".")
    return (f"{path.name} is no whole workbook ({said}): save it again as .xlsx, or as CSV."
            )


def _is_encrypted(path: Path) -> bool:
    with open(path, "rb") as file:
        start = file.read(1 << 20)
    return start.startswith(OLE) and "EncryptedPackage".encode("utf-16-le") in start


def _refuse_traps(path: Path, limits: ReadLimits) -> None:
    """Refuse a workbook that is no whole zip, or says itself that it unpacks to too much."""
    meter = Meter(path.name, of_packed(limits))
    try:
        meter.hold(bytes=path.stat().st_size)
        with open(path, "rb") as file:
            start = file.read(len(OLE))
    except OSError as error:
        raise not_possible(path.name, "read", error) from error
    if start == OLE:
        return
    if not start.startswith(ZIP):
        raise CorpusError(f"{path.name} is no workbook, whatever it is called: save it again as "
                          ".xlsx, or as CSV.")
    with opened_zip(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > meter.limits.bytes:
            meter.more(size)


def _names(names: Sequence[str]) -> str:
    return listed([_quoted(name) for name in names], 10)


def _quoted(name: str) -> str:
    return f"“{shortened(name, 78)}”"  # so that both marks stay where it stands in a list
