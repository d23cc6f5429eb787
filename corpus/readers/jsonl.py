"""JSON -> rows: one object a line, a list of objects, or columns that are lists.

Each is told by what the file holds: `.json` may be lines, and `.jsonl` a list.
"""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from corpus.records import CorpusError

from .clean import quoted
from .rows import WHOLE, Contents, OnBadRow, Reader, ReadLimits, Row, each, refuse
from .text import TextFile

SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()
SAMPLE = 1 << 16
"""Characters within which the first value of a file of lines ends, or it is not read as one."""


def json_lines(
    path: Path, on_bad_row: OnBadRow = refuse, limits: ReadLimits = WHOLE
) -> Iterator[Row]:
    """The rows of a file with one JSON object a line."""
    return rows_of_lines(TextFile(path, limits, on_bad_row), on_bad_row)


def rows_of_lines(file: TextFile, on_bad_row: OnBadRow) -> Iterator[Row]:
    """The rows of a file with one JSON object a line."""
    return each(numbered(file), _row_of_line, on_bad_row)


def numbered(file: TextFile) -> Iterator[tuple[str, str]]:
    """Where each line that is not blank stands, and the line."""
    for number, line in enumerate(file.lines(), 1):
        if line.strip():
            yield f"{file.path.name} line {number}", line.removesuffix("\n")


def json_rows(file: TextFile, on_bad_row: OnBadRow) -> tuple[str, Iterator[Row]]:
    """The rows of a JSON file, and what its layout is called.

    A list of objects; an object with one list of objects in it ({"data": [...]}); columns that
    are lists of one length, or as pandas writes them; or one object a line after all.
    """
    text = file.text()
    start = _after_space(text, 0)
    if text[start : start + 1] != "{":
        return "JSON", each(_items(text, start, file.path.name), _object, on_bad_row)
    value, end = _value(text, start, file.path.name)
    if _after_space(text, end) < len(text):
        if "\n" in text[start:end]:
            return "JSON", each(_one_by_one(text, start, file.path.name), _object, on_bad_row)
        del text, value
        return "JSON lines", rows_of_lines(file, on_bad_row)
    rows = _of_object(value, file.path.name)
    places = ((f"{file.path.name} row {number}", row) for number, row in enumerate(rows, 1))
    return "JSON", each(places, _object, on_bad_row)


def opened_json(
    path: Path, limits: ReadLimits, on_bad_row: OnBadRow, part: str = ""
) -> Contents:
    """The rows of a JSON file, whatever its layout."""
    file = TextFile(path, limits, on_bad_row)
    kind, rows = json_rows(file, on_bad_row)
    return Contents(kind, rows, free=True, encoding=file.encoding, text=file)


def opened_lines(
    path: Path, limits: ReadLimits, on_bad_row: OnBadRow, part: str = ""
) -> Contents:
    """The rows of a file of JSON lines, though it may be a list or objects over several lines."""
    return contents_of_lines(TextFile(path, limits, on_bad_row), on_bad_row)


def contents_of_lines(file: TextFile, on_bad_row: OnBadRow) -> Contents:
    """The same of a file that is open."""
    kind, rows = ("JSON lines", rows_of_lines(file, on_bad_row)) if _is_lines(file) else json_rows(
        file, on_bad_row)
    return Contents(kind, rows, free=True, encoding=file.encoding, text=file)


def _is_lines(file: TextFile) -> bool:
    """Whether each line holds a value; else the first ends in a later line, or is a list."""
    first = next((line for line in file.lines() if line.strip()), "")
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        sample = file.text(SAMPLE)
        try:
            _, end = DECODER.raw_decode(sample, _after_space(sample, 0))
        except (ValueError, RecursionError):
            return not sample.lstrip().startswith("[\n")
        return "\n" not in sample[:end].lstrip()
    return not (isinstance(value, list) and value and isinstance(value[0], dict))


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


def _of_object(value: dict[str, Any], name: str) -> Iterable[Any]:
    """The rows of an object, where there is one way only to see rows in it."""
    lists = {key: part for key, part in value.items() if isinstance(part, list)}
    tables = [part for part in lists.values() if part and isinstance(part[0], dict)]
    if len(tables) == 1:
        return iter(tables[0])
    if not tables and len(lists) > 1 and len(set(map(len, lists.values()))) == 1:
        return (dict(zip(lists, cells, strict=True)) for cells in zip(*lists.values(), strict=True))
    columns = [part for part in value.values() if isinstance(part, dict)]
    if len(columns) == len(value) > 1 and all(part.keys() == columns[0].keys() for part in columns):
        return ({key: part[place] for key, part in value.items()} for place in columns[0])
    raise CorpusError(
        f"{name} must hold a list of rows, not one object with {', '.join(list(value)[:10]):.200}."
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
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{where} is not JSON ({error}): {text.strip()[:80]!r}.") from error
    if not isinstance(row, dict):
        raise CorpusError(f"{where} must be an object, not {text.strip()[:80]!r}.")
    return where, row


def _object(row: tuple[str, Any]) -> Row:
    where, fields = row
    if not isinstance(fields, dict):
        raise CorpusError(f"{where} must be an object, not {quoted(fields)}.")
    return where, fields


JSON_READER = Reader((".json",), opened_json, packed=True)
LINES_READER = Reader((".jsonl", ".ndjson"), opened_lines, packed=True)
