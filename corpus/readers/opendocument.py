"""Merged cells of OpenDocument spreadsheets, which calamine does not tell.

For the process that reads workbooks: its memory is bounded, and so is what this may take of it.
"""

import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO
from xml.etree.ElementTree import Element, ParseError, iterparse
from zipfile import BadZipFile, ZipFile

CONTENT = "content.xml"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
ROW, CELLS = f"{TABLE}table-row", (f"{TABLE}table-cell", f"{TABLE}covered-table-cell")
SPANNED = b"number-rows-spanned"
PIECE = 1 << 16
MOST = 1 << 24
"""Rows, or columns, that one of them may stand for."""

Merged = tuple[tuple[int, int], tuple[int, int]]
"""First and last cell of some that are merged, each as row and column from 0."""


def merged_cells(path: str) -> dict[str, list[Merged]]:
    """The merged cells of each sheet of an .ods.

    Empty for other workbooks, where nothing is merged, and for what cannot be read: calamine, which
    reads the texts, says what is wrong with it.
    """
    found: dict[str, list[Merged]] = {}
    with suppress(ParseError, BadZipFile, zlib.error, OSError, EOFError, RuntimeError, KeyError):
        with ZipFile(Path(path)) as archive, archive.open(CONTENT) as file:
            if not _speaks_of_spans(file):
                return {}
        with ZipFile(Path(path)) as archive, archive.open(CONTENT) as file:
            for sheet, cells in _spans(file):
                found.setdefault(sheet, []).append(cells)
    return found


def _speaks_of_spans(file: IO[bytes]) -> bool:
    end = b""
    while piece := file.read(PIECE):
        if SPANNED in end + piece:
            return True
        end = piece[-len(SPANNED) :]
    return False


def _spans(file: IO[bytes]) -> Iterator[tuple[str, Merged]]:
    """Each sheet's name with each of its merged cells."""
    sheet, row, column = "", 0, 0
    for event, element in iterparse(file, ("start", "end")):
        starts = event == "start"
        if element.tag == f"{TABLE}table" and starts:
            sheet, row = element.get(f"{TABLE}name", ""), 0
        elif element.tag == ROW and starts:
            column = 0
        elif element.tag == ROW:
            row += _number(element, "number-rows-repeated")
            element.clear()
        elif element.tag in CELLS and starts:
            down, across = (_number(element, f"number-{way}-spanned")
                            for way in ("rows", "columns"))
            if down > 1 or across > 1:
                yield sheet, ((row, column), (row + down - 1, column + across - 1))
            column += _number(element, "number-columns-repeated")
        elif not starts and element.tag not in CELLS:
            element.clear()


def _number(element: Element, name: str) -> int:
    text = element.get(f"{TABLE}{name}", "1")
    return min(int(text), MOST) if text.isascii() and text.isdigit() and len(text) < 12 else 1
