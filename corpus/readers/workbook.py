"""A workbook's sheets as JSON lines, from a child.

Read by calamine in a bounded process of its own.

    python -m corpus.readers.workbook MEGABYTES PATH [SHEET ...]

calamine allots the whole rectangle between a sheet's first and last cell, and unpacks whatever a
file says: a few KB can ask for all there is, and end the process. So nobody imports this module
but that process; `excel.py` starts it, and says what became of it.

The first line is {"sheets": [name, ...]}, the visible ones first and {"hidden": count} in it. Then
comes, of each sheet that is named, {"sheet": name} and its rows, as [number, {column: text},
{column: [text, row]}], numbers from 1: the second are cells that are merged with one above, of that
row. Without names the first rows of all sheets come. {"error": text, "kind": name} ends it.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import Any

from corpus.readers.opendocument import Merged, merged_cells
from corpus.sandbox import bound_memory

PEEKED = 25
"""Rows of each sheet that are shown where none is named: as many as may be above a table."""
EXACT = 1 << 53
"""Whole numbers below are exact in a workbook."""


def main(megabytes: str, path: str, *wanted: str) -> None:
    """Print the sheets of a workbook."""
    bound_memory(int(megabytes))
    try:
        _print_sheets(path, wanted)
    except (MemoryError, BrokenPipeError):
        sys.exit(3)
    except Exception as error:
        _print({"error": str(error), "kind": type(error).__name__})


def _print_sheets(path: str, wanted: tuple[str, ...]) -> None:
    import python_calamine as calamine

    with open(path, "rb") as file:
        book = calamine.CalamineWorkbook.from_filelike(file)
        sheets = [sheet for sheet in book.sheets_metadata
                  if sheet.typ == calamine.SheetTypeEnum.WorkSheet]
        shown = [sheet.name for sheet in sheets
                 if sheet.visible == calamine.SheetVisibleEnum.Visible]
        hidden = [sheet.name for sheet in sheets if sheet.name not in shown]
        _print({"sheets": shown + hidden, "hidden": len(hidden)})
        merged = merged_cells(path)
        for name in wanted or shown + hidden:
            _print({"sheet": name})
            rows = _rows(book.get_sheet_by_name(name), merged.get(name))
            for row in islice(rows, None if wanted else PEEKED):
                _print(row)


def _rows(
    sheet: Any, of_ods: list[Merged] | None = None
) -> Iterator[tuple[int, dict[int, str], dict[int, tuple[str, int]]]]:
    """The rows of a sheet that are not empty. of_ods: its merged cells, in an .ods."""
    merged: dict[int, list[tuple[int, int]]] = {}
    for (top, left), (bottom, _) in sheet.merged_cell_ranges or of_ods or ():
        if bottom > top:
            merged.setdefault(top + 1, []).append((left + 1, bottom + 1))
    open_cells: dict[int, tuple[str, int, int]] = {}
    # Rows come from the sheet's first one on, cells from the first column with something in it.
    left = sheet.start[1] + 1 if sheet.start else 1
    for number, values in enumerate(sheet.iter_rows(), 1):
        if values.count("") == len(values):  # most rows, where a far cell spans a sheet
            continue
        cells = {column: text for column, value in enumerate(values, left)
                 if value != "" and (text := cell_text(value)).strip()}
        if not cells:
            continue
        open_cells = {column: cell for column, cell in open_cells.items() if cell[2] >= number}
        filled = {column: (text, row) for column, (text, row, _) in open_cells.items()
                  if column not in cells}
        for column, last in merged.get(number, ()):
            if column in cells:
                open_cells[column] = (cells[column], number, last)
        yield number, cells, filled


def cell_text(value: object) -> str:
    """A cell's value as a sheet shows it.

    15 digits, dates as 2024-05-01, TRUE and FALSE.
    """
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if abs(value) < EXACT and value == int(value) else f"{value:.15g}"
    if isinstance(value, datetime):
        return str(value.date() if value.time() == time() else value.replace(microsecond=0))
    if isinstance(value, timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    if isinstance(value, date | time | int):
        return str(value)
    return value if isinstance(value, str) else ""


def _print(line: object) -> None:
    sys.stdout.write(json.dumps(line) + "\n")


if __name__ == "__main__":
    with suppress(BrokenPipeError):
        main(*sys.argv[1:])
        sys.stdout.flush()
