"""What a nested layout is, and how rows tell it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corpus.columns import Columns
from corpus.readers.rows import OnBadRow, Row
from corpus.records import CorpusError
from corpus.text import shortened

SHOWN = 5
"""Columns that a note names."""

Fields = Mapping[str, Any]
Expand = Callable[[str, Fields, OnBadRow], Iterable[Row]]


@dataclass(frozen=True)
class Layout:
    """A nested layout: its name, parts, and unfolding.

    What it is called, what was made of its parts, and how a row is unfolded. columns: of the flat
    rows, where the layout leaves no doubt which hold what.
    """

    name: str
    note: str
    expand: Expand
    columns: Columns | None = None

    def rows(self, rows: Iterable[Row], on_bad_row: OnBadRow) -> Iterator[Row]:
        """The flat rows of nested ones.

        Those that cannot be unfolded are told of.
        """
        for where, fields in rows:
            try:
                yield from self.expand(where, fields, on_bad_row)
            except CorpusError as error:
                on_bad_row(error)


Find = Callable[[Sequence[Fields]], Layout | None]


def names_of(first: Sequence[Fields]) -> list[str]:
    """The columns that some rows have between them."""
    return list(dict.fromkeys(str(name) for fields in first for name in fields))


def values_of(first: Sequence[Fields], name: str) -> list[Any]:
    """What rows hold in a column, without empty values."""
    return [value for fields in first if (value := fields.get(name)) not in (None, "", [], {})]


def mostly(first: Sequence[Fields], name: str, is_so: Callable[[Any], bool]) -> bool:
    """Whether most of the values of a column are so."""
    values = values_of(first, name)
    return bool(values) and 2 * sum(map(is_so, values)) > len(values)


def plain_of(fields: Fields, *but: str) -> dict[str, Any]:
    """The plain values of a row, without some columns."""
    return {name: value for name, value in fields.items()
            if name not in but and isinstance(value, str | int | float)}


def said_of(names: Sequence[str]) -> str:
    """Names of columns as a note has them."""
    return ", ".join(f"“{shortened(name, 40)}”" for name in names[:SHOWN])
