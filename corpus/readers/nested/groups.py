"""Rows within rows: FAQs by category, and rows in wrappers."""

from collections.abc import Iterator, Mapping, Sequence

from corpus.columns import TITLES
from corpus.names import first_called, names_pair
from corpus.readers.rows import OnBadRow, Row
from corpus.records import CorpusError
from corpus.text import shortened

from .layout import Fields, Layout, mostly, names_of, plain_of

MOST_DEPTH = 4
TOPICS = ("category", "title", "name", "section", "tag", "heading", "group", "kategorie", "thema",
          "topic")
BODIES = ("body", "content", "text", "description", "html")
"""What the text of an entry is called whose title asks."""


def grouped(first: Sequence[Fields]) -> Layout | None:
    """Rows that hold lists of pairs: FAQs by category.

    Or of rows that do.
    """
    names = names_of(first)
    inner = [name for name in names if mostly(first, name, _holds_pairs)]
    if len(inner) != 1 or names_pair([name for name in names if name != inner[0]]):
        return None
    name = inner[0]

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        outer = plain_of(fields, name)
        topic = first_called(outer, TOPICS)
        outer = {"topic" if key == topic else key: value for key, value in outer.items()}
        rows = fields.get(name)
        for number, row in enumerate(rows if isinstance(rows, list) else [], 1):
            place = f"{where} {shortened(name, 40)} {number}"
            if isinstance(row, Mapping):
                yield place, {**outer, **row}
            else:
                on_bad_row(CorpusError(f"{place} must be an object, not {shortened(str(row))!r}."))

    return Layout("rows by category", (
        f"Its rows are groups: the pairs are those of “{shortened(name, 40)}” in each, and what "
        "the group is called is their topic."), expand)


def _holds_pairs(value: object, depth: int = 0) -> bool:
    if not isinstance(value, list) or not value or not isinstance(value[0], Mapping):
        return False
    rows = [row for row in value if isinstance(row, Mapping)]
    names = list(map(str, rows[0]))
    return names_pair(names) or _asks_by_title(rows) or depth < MOST_DEPTH and any(
        _holds_pairs(part, depth + 1) for part in rows[0].values())


def _asks_by_title(rows: Sequence[Fields]) -> bool:
    """Whether entries have a title that is a question, and a text."""
    title, body = (first_called(map(str, rows[0]), names) for names in (TITLES, BODIES))
    asking = sum(str(row.get(title) or "").rstrip().endswith(("?", "？", "؟")) for row in rows)
    return bool(title and body) and 2 * asking > len(rows)


def wrapped(first: Sequence[Fields]) -> Layout | None:
    """Rows whose pair stands in an object of theirs.

    As Elasticsearch (`_source`), the Hub's rows (`row`) and Label Studio (`data`) export them.
    """
    names = names_of(first)
    found = [name for name in names if mostly(
        first, name, lambda value: isinstance(value, Mapping) and names_pair(list(value)))]
    if len(found) != 1 or names_pair([name for name in names if name != found[0]]):
        return None
    name = found[0]

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        row = fields.get(name)
        if not isinstance(row, Mapping):
            raise CorpusError(f"{where}: {shortened(name, 40)} must be an object, not "
                              f"{shortened(str(row))!r}.")
        yield where, {**{key: value for key, value in plain_of(fields, name).items()
                         if not key.startswith("_")}, **row}

    return Layout("rows in wrappers", (
        f"The rows are what stands in “{shortened(name, 40)}” of each."), expand)
