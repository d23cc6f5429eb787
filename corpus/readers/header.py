"""Find the header among a table's first rows.

For CSV and workbooks alike. Above it may stand a title or two; there may be none, so that the first
row is data.
"""

from collections.abc import Sequence
from typing import NamedTuple

from corpus.names import known_names
from corpus.text import shortened

from .rows import OnBadRow, Remark

SEARCHED = 20
"""Rows among which the header is looked for."""
SENTENCE_ENDS = ("?", ".", "!", "？", "。", "！", "؟")
LONG_NAME = 60
WORDY_NAME = 8
EVEN = 0.95
FEWEST_EVEN = 8


class Header(NamedTuple):
    """Where the header is, and its known names.

    Its place among the first rows (from 0), and how many names in it are known. at: None where the
    first row is data already, so that there is no header.
    """

    at: int | None
    known: int


def header_of(rows: Sequence[Sequence[str]]) -> Header:
    """The header among the first rows of a table.

    It is the first row in which two names or more are known; or else the first below titles, which
    are rows of a single cell above a table of more.
    """
    first = rows[:SEARCHED]
    for at, row in enumerate(first):
        if (known := len(known_names(row))) > 1:
            return Header(at, known)
        if _filled(row) > 1 and looks_like_data(row):
            break
    at = _below_titles(rows)
    if not rows or looks_like_data(rows[at]):
        return Header(None, 0)
    return Header(at, len(known_names(rows[at])))


def column_names(cells: Sequence[str], where: str, on_bad_row: OnBadRow) -> list[str]:
    """The names of columns, each once.

    A repeated one gets a number, an empty one its place.
    """
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
            f"The first row of {where} names a column more than once: the later ones are called "
            f"{', '.join(f'“{shortened(called, 40)}”' for called in repeated[:5])}."
        ))
    return list(names)


def numbered_names(count: int, where: str, on_bad_row: OnBadRow) -> list[str]:
    """Numbered names for columns without a header.

    Which is said.
    """
    on_bad_row(Remark(
        f"The first row of {where} looks like data, not like the names of columns: "
        "it is read as a row, and the columns are called “column 1” and so on."
    ))
    return [f"column {number}" for number in range(1, count + 1)]


def say_titles(titles: Sequence[Sequence[str]], where: str, on_bad_row: OnBadRow) -> None:
    """Say which rows above the header are titles.

    They are not read.
    """
    if not titles:
        return
    said = "; ".join(f"“{shortened(' '.join(filter(None, map(str.strip, row))), 40)}”"
                     for row in titles[:3])
    on_bad_row(Remark(
        f"{where} has {len(titles)} {'row' if len(titles) == 1 else 'rows'} above the names of "
        f"its columns, which {'is' if len(titles) == 1 else 'are'} not read: {said}."
    ))


def looks_like_data(cells: Sequence[str]) -> bool:
    """Whether a row is of texts rather than of names."""
    return not known_names(cells) and any(
        len(cell) > LONG_NAME or len(cell.split()) > WORDY_NAME
        or cell.rstrip().endswith(SENTENCE_ENDS) for cell in cells
    )


def _below_titles(rows: Sequence[Sequence[str]]) -> int:
    """The first row that is not a single cell above an even table of more; 0 where none is."""
    at = next((at for at, row in enumerate(rows[:SEARCHED])
               if _filled(row) > 1 or known_names(row)), 0)
    if at == 0 or _filled(rows[at]) < 2:
        return 0
    padded = all(len(row) == len(rows[at]) for row in rows[:at])
    below = rows[at + 1:]
    even = sum(len(row) == len(rows[at]) for row in below)
    if padded or (len(below) >= FEWEST_EVEN and even >= EVEN * len(below)
                  and not looks_like_data(rows[at])):
        return at
    return 0


def _filled(row: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in row)
