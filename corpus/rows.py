"""Files on disk -> rows: JSON lines, a JSON list, CSV or TSV, each row with its place."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from .records import CorpusError

ROW_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv")

Row = tuple[str, Mapping[str, Any]]
"""Where a row stands ("pairs.jsonl line 3"), and what it holds."""

OnBadRow = Callable[[CorpusError], None]
"""What to do about a row that cannot be read: raise, or take note and go on."""

Raw = TypeVar("Raw")
Read = TypeVar("Read")


class EmptyTextError(CorpusError):
    """A row whose text is empty."""

    kind = "empty_text"


class RepeatedPairError(CorpusError):
    """A row that repeats an earlier pair: handed to OnBadRow, and read once all the same."""

    kind = "duplicate_pair"


class NoPairsError(CorpusError):
    """A file or folder without a single row that can be used."""

    kind = "too_few_pairs"


def refuse(error: CorpusError) -> None:
    """Stop at the first row that cannot be read; a pair that stands there twice does no harm."""
    if not isinstance(error, RepeatedPairError):
        raise error


def each(
    raws: Iterable[Raw], read: Callable[[Raw], Read], on_bad_row: OnBadRow
) -> Iterator[Read]:
    """What `read` makes of each, without those it cannot read."""
    for raw in raws:
        try:
            made = read(raw)
        except CorpusError as error:
            on_bad_row(error)
        else:
            yield made


def rows_of(path: Path, on_bad_row: OnBadRow = refuse) -> Iterator[Row]:
    """The rows of a file, by its suffix."""
    if path.suffix == ".jsonl":
        return json_lines(path, on_bad_row)
    if path.suffix == ".json":
        return _json_list(path, on_bad_row)
    return _table(path, "\t" if path.suffix == ".tsv" else ",", on_bad_row)


def json_lines(path: Path, on_bad_row: OnBadRow = refuse) -> Iterator[Row]:
    """The rows of a file with one JSON object a line."""
    return each(lines_of(path), _json_row, on_bad_row)


def lines_of(path: Path) -> Iterator[tuple[str, str]]:
    """Where each line that is not blank stands, and the line."""
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if line.strip():
            yield f"{path.name} line {number}", line


def read_text(path: Path) -> str:
    """A file's text, which must be UTF-8."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise CorpusError(
            f"{path.name} line {line} is not UTF-8 (byte 0x{error.object[error.start]:02x}): "
            "save the file as UTF-8."
        ) from error


def text_field(row: Mapping[str, Any], names: tuple[str, ...], where: str) -> str:
    """The text under the first of some names that a row has, without space around it."""
    for name in names:
        value = row.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return encodable(value.strip(), f"{where}: {name}")
        if value is not None:
            fault = EmptyTextError if isinstance(value, str) else CorpusError
            raise fault(f"{where}: {name} must be text, not {_quoted(value)}.")
    found = ", ".join(str(name)[:80] for name in list(row)[:20]) or "no fields"
    raise CorpusError(f"{where} has no {' or '.join(names)}: it has {found:.300}.")


def label_field(row: Mapping[str, Any], name: str, where: str) -> str:
    """What a row says under a name that it need not have; empty when it says nothing."""
    try:
        return encodable(str(row.get(name) or ""), f"{where}: {name}")
    except RecursionError as error:
        raise CorpusError(f"{where}: {name} must be text, not nested lists.") from error


def encodable(text: str, where: str) -> str:
    """The same text; half a surrogate pair, which JSON can spell and UTF-8 cannot, is refused."""
    half = re.search(r"[\ud800-\udfff]", text)
    if half:
        raise CorpusError(
            f"{where} holds \\u{ord(half.group()):04x}, half a character: write the whole of it."
        )
    return text


def _json_list(path: Path, on_bad_row: OnBadRow) -> Iterator[Row]:
    try:
        rows = json.loads(read_text(path))
    except CorpusError:
        raise
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{path.name} is not JSON: {error}.") from error
    if not isinstance(rows, list):
        raise CorpusError(f"{path.name} must hold a list of rows, not a {type(rows).__name__}.")
    places = ((f"{path.name} row {number}", row) for number, row in enumerate(rows, 1))
    return each(places, _object, on_bad_row)


def _table(path: Path, delimiter: str, on_bad_row: OnBadRow) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter=delimiter)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            on_bad_row(CorpusError(f"{path.name} line {reader.reader.line_num}: {error}."))
        else:
            yield f"{path.name} line {reader.line_num}", row


def _json_row(line: tuple[str, str]) -> Row:
    where, text = line
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError
        raise CorpusError(f"{where} is not JSON ({error}): {text.strip()[:80]!r}.") from error
    if not isinstance(row, dict):
        raise CorpusError(f"{where} must be an object, not {text.strip()[:80]!r}.")
    return where, row


def _object(row: tuple[str, Any]) -> Row:
    where, fields = row
    if not isinstance(fields, dict):
        raise CorpusError(f"{where} must be an object, not {_quoted(fields)}.")
    return where, fields


def _quoted(value: object) -> str:
    try:
        return f"{value!r:.80}"
    except RecursionError:
        return f"a {type(value).__name__} that is nested too deep"
