"""JSON -> rows.

One object a line, a list of objects, or columns that are lists. Each is told by what the file
holds: `.json` may be lines, and `.jsonl` a list.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from corpus.records import CorpusError

from .clean import quoted
from .nested.collection import write_collection
from .nested.conversations import messages_of
from .nested.documents import Document, document
from .nested.lists import ITEM
from .rows import WHOLE, Contents, OnBadRow, Reader, ReadLimits, Remark, Row, each, refuse
from .text import TextFile

EXAMPLE = '[{"question": "…", "answer": "…"}, …].'
NAMED = (
    ({"rasa_nlu_data"}, " These are Rasa's examples of intents, which have no answers."),
    ({"nlu"}, " These are Rasa's examples of intents, which have no answers."),
    ({"utterances", "intents"}, " This is a LUIS app, whose utterances have no answers."),
    ({"openapi"}, " This is the description of an API."),
    ({"cells", "nbformat"}, " This is a Jupyter notebook."),
    ({"type", "features"}, " This is GeoJSON."),
)
"""Keys of well-known files that hold no pairs, and what to say of them."""
SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder(parse_constant=lambda name: None)
"""NaN is what pandas writes for nothing."""
SAMPLE = 1 << 16
"""Characters within which the first value of a file of lines ends, or it is not read as one."""


def json_lines(
    path: Path, on_bad_row: OnBadRow = refuse, limits: ReadLimits = WHOLE
) -> Iterator[Row]:
    """The rows of a file of JSON lines."""
    return rows_of_lines(TextFile(path, limits, on_bad_row), on_bad_row)


def rows_of_lines(file: TextFile, on_bad_row: OnBadRow) -> Iterator[Row]:
    """The rows of a text of JSON lines."""
    return each(numbered(file), _row_of_line, on_bad_row)


def numbered(file: TextFile) -> Iterator[tuple[str, str]]:
    """Each line that is not blank, with its number."""
    for number, line in enumerate(file.lines(), 1):
        if line.strip():
            yield f"{file.path.name} line {number}", line.removesuffix("\n")


@dataclass(frozen=True)
class JsonRows:
    """What a JSON file holds.

    What it is called, and its rows, or the parts of a collection.
    """

    format: str
    rows: Iterator[Row]
    document: Document | None = None


def json_rows(file: TextFile, on_bad_row: OnBadRow) -> JsonRows:
    """The rows of a JSON file, and its layout.

    A list of objects, or of lists; an object that holds rows in one of the ways that
    `nested.documents` knows; or one object a line after all.
    """
    text = file.text()
    start = _after_space(text, 0)
    if text[start : start + 1] != "{":
        return JsonRows("JSON", each(_items(text, start, file.path.name), _object, on_bad_row))
    value, end = _value(text, start, file.path.name)
    if _after_space(text, end) < len(text):
        if "\n" in text[start:end]:
            values = _one_by_one(text, start, file.path.name)
            return JsonRows("JSON", each(values, _object, on_bad_row))
        del text, value
        return JsonRows("JSON lines", rows_of_lines(file, on_bad_row))
    found = None if _known(value) else document(value)
    if found is None:
        raise _no_rows(value, file.path.name)
    if found.note:
        on_bad_row(Remark(found.note))
    places = ((f"{file.path.name} row {number}", row) for number, row in enumerate(found.rows, 1))
    layout = f"JSON, {found.layout}" if found.layout else "JSON"
    return JsonRows(layout, each(places, _object, on_bad_row), found)


def opened_json(
    path: Path, limits: ReadLimits, on_bad_row: OnBadRow, part: str = ""
) -> Contents:
    """The rows of a JSON file, whatever its layout."""
    file = TextFile(path, limits, on_bad_row)
    return _contents(file, json_rows(file, on_bad_row))


def opened_lines(
    path: Path, limits: ReadLimits, on_bad_row: OnBadRow, part: str = ""
) -> Contents:
    """The rows of JSON lines, however laid out.

    Though the file may be a list or objects over several lines.
    """
    return contents_of_lines(TextFile(path, limits, on_bad_row), on_bad_row)


def contents_of_lines(file: TextFile, on_bad_row: OnBadRow) -> Contents:
    """The same of a file that is open."""
    if _is_lines(file):
        return _contents(file, JsonRows("JSON lines", rows_of_lines(file, on_bad_row)))
    return _contents(file, json_rows(file, on_bad_row))


def _contents(file: TextFile, held: JsonRows) -> Contents:
    judged = held.document.judged if held.document else None
    return Contents(held.format, held.rows, free=True, encoding=file.encoding, text=file,
                    collection=write_collection(judged) if judged else None)


def _is_lines(file: TextFile) -> bool:
    """Whether each line holds a value; else the first ends in a later line, or is a list."""
    first, second = islice(chain((line for line in file.lines() if line.strip()), ("", "")), 2)
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        sample = file.text(SAMPLE)
        try:
            _, end = DECODER.raw_decode(sample, _after_space(sample, 0))
        except (ValueError, RecursionError):
            return not sample.lstrip().startswith("[\n")
        return "\n" not in sample[:end].lstrip()
    if not (isinstance(value, list) and value and isinstance(value[0], dict)):
        return True
    return second.lstrip()[:1] == "["  # messages, a list a line


def _one_by_one(text: str, start: int, name: str) -> Iterator[tuple[str, Any]]:
    """Objects that follow each other, each over as many lines as it likes."""
    place, number = start, 1
    while place < len(text):
        value, place = _value(text, place, name)
        yield f"{name} row {number}", value
        place, number = _after_space(text, place), number + 1


def _items(text: str, start: int, name: str) -> Iterator[tuple[str, Any]]:
    """Each value of a list, one at a time: a list of small objects is many times its text."""
    if text[start : start + 1] != "[":
        value, _ = _value(text, start, name)
        raise CorpusError(f"{name} must hold a list of rows, not a {type(value).__name__}.")
    place, number = _after_space(text, start + 1), 1
    closed = text[place : place + 1] == "]"
    while not closed:
        value, place = _value(text, place, name)
        yield f"{name} row {number}", value
        place, number = _after_space(text, place), number + 1
        mark = text[place : place + 1]
        if mark not in (",", "]"):
            raise _not_json(name, json.JSONDecodeError("Expecting ',' delimiter", text, place))
        closed = mark == "]"
        place = _after_space(text, place + (not closed))
    if (end := _after_space(text, place + 1)) < len(text):
        raise _not_json(name, json.JSONDecodeError("Extra data", text, end))


def _known(value: dict[str, Any]) -> str:
    """What a well-known file without pairs is; empty for any other."""
    return next((said for keys, said in NAMED if keys <= value.keys()), "")


def _no_rows(value: dict[str, Any], name: str) -> CorpusError:
    """What to say of an object in which no rows can be seen."""
    known = _known(value)
    return CorpusError(
        f"{name} must hold a list of rows, not one object with "
        f"{', '.join(list(value)[:10]) or 'nothing in it':.200}.{known} Write it as a list of "
        f"pairs: {EXAMPLE}"
    )


def _value(text: str, start: int, name: str) -> tuple[Any, int]:
    try:
        return DECODER.raw_decode(text, start)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError
        raise _not_json(name, error) from error


def _after_space(text: str, place: int) -> int:
    found = SPACE.match(text, place)
    return found.end() if found else place


def _not_json(name: str, error: Exception) -> CorpusError:
    return CorpusError(f"{name} is not JSON: {error}.")


def _row_of_line(line: tuple[str, str]) -> Row:
    where, text = line
    try:
        row = DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{where} is not JSON ({error}): {text.strip()[:80]!r}.") from error
    if isinstance(row, list):
        row = _of_list(row)
    if not isinstance(row, dict):
        raise CorpusError(f"{where} must be an object, not {text.strip()[:80]!r}.")
    return where, row


def _object(row: tuple[str, Any]) -> Row:
    where, fields = row
    if isinstance(fields, list):
        fields = _of_list(fields)
    if not isinstance(fields, dict):
        raise CorpusError(f"{where} must be an object, not {quoted(row[1])}.")
    return where, fields


def _of_list(values: list[Any]) -> dict[str, Any] | None:
    """A row that is a list of texts and plain values, its columns by number; or messages.

    None for others.
    """
    if messages_of(values):
        return {"messages": values}
    plain = all(value is None or isinstance(value, str | int | float) for value in values)
    texts = sum(isinstance(value, str) for value in values)
    if not plain or texts < 2:
        return None
    return {f"{ITEM}{number}": value for number, value in enumerate(values, 1)}


JSON_READER = Reader((".json",), opened_json, packed=True)
LINES_READER = Reader((".jsonl", ".ndjson"), opened_lines, packed=True)
