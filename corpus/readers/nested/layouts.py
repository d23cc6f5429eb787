"""Nested layouts, recognised by first rows and unfolded.

To flat rows. A flat row holds texts, numbers, lists of texts, and passages as `{"title", "text"}`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from corpus.columns import Columns
from corpus.readers.rows import OnBadRow, Remark, Row

from .conversations import conversations
from .exports import alpaca, deepeval, ragas
from .groups import grouped, wrapped
from .layout import Fields, Find, Layout
from .lists import parallel, printed, question_keys, row_lists, sets
from .passages import choices, hotpot, objects, selected
from .squad import squad, squad_flat

FIRST_ROWS = 100
"""Rows that are looked at to tell a layout."""
MOST_TIMES = 4
"""Layouts within layouts: rows by category of printed lists of objects are three."""
FINDERS: tuple[Find, ...] = (
    row_lists, printed, wrapped, conversations, squad, sets, question_keys, grouped, hotpot,
    choices, selected, squad_flat, parallel, ragas, deepeval, objects, alpaca,
)
"""What recognises a layout, in this order."""


@dataclass(frozen=True)
class Unfolded:
    """Rows after every layout in them was unfolded.

    columns: where a layout tells them.
    """

    rows: Iterator[Row]
    layouts: tuple[str, ...] = ()
    columns: Columns | None = None


def unfolded(rows: Iterable[Row], on_bad_row: OnBadRow) -> Unfolded:
    """Rows unfolded, and the names of their layouts.

    What each part became is told as a Remark; so is each row that is left out.
    """
    taken = iter(rows)
    names: list[str] = []
    columns = None
    finders = list(FINDERS)
    for _ in range(MOST_TIMES):
        first = list(islice(taken, FIRST_ROWS))
        taken = chain(first, taken)
        finder, layout = _found([fields for _, fields in first], finders)
        if layout is None:
            break
        if finder is not grouped:  # categories may hold categories
            finders.remove(finder)
        if layout.note:
            on_bad_row(Remark(layout.note))
        names += [layout.name] if layout.name else []
        columns = layout.columns
        taken = layout.rows(taken, on_bad_row)
        if columns:
            break
    return Unfolded(taken, tuple(names), columns)


def _found(first: Sequence[Fields], finders: Sequence[Find]) -> tuple[Find, Layout | None]:
    """The layout of rows that the first of them show, and what found it; None for flat ones."""
    for find in finders if first else ():
        if layout := find(first):
            return find, layout
    return finders[0], None
