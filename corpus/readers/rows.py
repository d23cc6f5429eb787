"""Rows of data on their way to a corpus.

Bounded, and what is said of bad ones. Every reader gives `Contents`: the columns of one table and
an iterator of `Row`s. What is wrong with single rows, and what there is to say, goes to an
`OnBadRow` as a `CorpusError`.
"""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from corpus.records import CorpusError
from hub.progress import Progress

# --- what a row is


Row = tuple[str, Mapping[str, Any]]
"""Where a row stands ("pairs.jsonl line 3"), and what it holds."""

OnBadRow = Callable[[CorpusError], None]
"""What to do about a row that cannot be read: raise, or take note and go on."""

Raw = TypeVar("Raw")
Read = TypeVar("Read")


# --- what is wrong with one, or worth saying


class TooMuchError(CorpusError):
    """Data over a limit.

    The message has the figure that was exceeded, and the limit.
    """


class EmptyTextError(CorpusError):
    """A row whose text is empty."""

    kind = "empty_text"


class TooLongError(CorpusError):
    """A row with a text longer than the limit."""

    kind = "too_long"


class NoPairsError(CorpusError):
    """A file or folder without a single usable row."""

    kind = "too_few_pairs"


class Remark(CorpusError):
    """What is worth saying and does no harm.

    Handed to OnBadRow, and nobody need stop for it.
    """

    kind = "note"


class OtherEncoding(Remark):
    """A text file that is not in UTF-8."""

    kind = "encoding"


class RepeatedPairError(Remark):
    """A row that repeats an earlier pair: read once."""

    kind = "duplicate_pair"


class BelowScoreError(Remark):
    """A row whose score is under what was asked for.

    Left out.
    """

    kind = "below_score"


class NoAnswerError(Remark):
    """A question that its own data says has no answer.

    Left out.
    """

    kind = "no_answer"


class NoQuestionError(Remark):
    """An answer that its own data has no question for.

    Such as the fallback of a chatbot. Left out.
    """

    kind = "no_question"


class EmptyItemError(Remark):
    """A place in a list of texts that holds none.

    Left out.
    """

    kind = "empty_item"


class NoPairError(Remark):
    """A row left out, its label being unclear.

    It says neither that it is a pair nor that it is none.
    """

    kind = "no_pair"


class TagsStripped(Remark):
    """A text whose HTML tags were stripped as asked."""

    kind = "html"


class MarksRemoved(Remark):
    """A text from which control characters were removed.

    Or marks that turn the direction of writing.
    """

    kind = "control_characters"


class MojibakeUndone(Remark):
    """A text whose mojibake was undone.

    It is in UTF-8 and was read as another encoding once.
    """

    kind = "mojibake"


def refuse(error: CorpusError) -> None:
    """Stop at the first row that cannot be read.

    A remark is not a reason to.
    """
    if not isinstance(error, Remark):
        raise error


def patient(on_bad_row: OnBadRow, most: int, name: str) -> OnBadRow:
    """Report bad rows until there are too many.

    Then what they are from is something else.
    """
    count = 0

    def counted(error: CorpusError) -> None:
        nonlocal count
        on_bad_row(error)
        count += not isinstance(error, Remark)
        if count > most:
            raise TooMuchError(f"{name} has more than {most:,} rows that cannot be read, such as: "
                               f"{error!s:.200}")

    return counted


# --- how much is read


@dataclass(frozen=True)
class ReadLimits:
    """What is read at most of one source.

    rows: of a table. bytes: of a file, and of what it unpacks to. characters: of one text.
    columns: of a table.
    """

    rows: int = 1_000_000
    bytes: int = 2_000_000_000
    characters: int = 100_000
    columns: int = 1_000


USUAL = ReadLimits()
"""What is read where nobody says otherwise."""
WHOLE = ReadLimits(sys.maxsize, sys.maxsize, sys.maxsize, 100_000)
"""What is read of one's own files on one's own machine: all of them."""


def of_packed(limits: ReadLimits) -> ReadLimits:
    """Limits for what unpacks to more than it is.

    Nobody's own file is to fill the disk.
    """
    return replace(limits, bytes=min(limits.bytes, USUAL.bytes))


class Meter:
    """Counts the rows and bytes read, and stops at limits."""

    def __init__(self, name: str, limits: ReadLimits) -> None:
        self.name, self.limits = name, limits
        self.rows = self.bytes = 0

    def row(self, fields: Mapping[str, Any]) -> None:
        """One more row.

        Its texts count as bytes, and at least as many as they have characters.
        """
        self.rows += 1
        self.hold(rows=self.rows)
        self.more(sum(_length(value) for value in fields.values()))

    def more(self, count: int) -> None:
        """So many more bytes."""
        self.bytes += count
        if self.bytes > self.limits.bytes:
            raise TooMuchError(
                f"{self.name} unpacks to more than {self.limits.bytes:,} bytes, which is the "
                "limit: give a smaller part of it."
            )

    def hold(self, rows: int = 0, bytes: int = 0, columns: int = 0) -> None:
        """Refuse what says of itself that it is too much."""
        for what, count, most in (("rows", rows, self.limits.rows),
                                  ("bytes", bytes, self.limits.bytes),
                                  ("columns", columns, self.limits.columns)):
            if count > most:
                raise TooMuchError(
                    f"{self.name} has {count:,} {what}, and the limit is {most:,}: give a smaller "
                    "part of it."
                )


def _length(value: object) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, Mapping):
        return sum(_length(part) for pair in value.items() for part in pair)
    if isinstance(value, Collection):
        return sum(_length(part) for part in value)
    return 8


def bounded(rows: Iterable[Row], limits: ReadLimits, name: str) -> Iterator[Row]:
    """The same rows.

    TooMuchError where they, or the columns of one, are more than are read.
    """
    for number, (where, fields) in enumerate(rows, 1):
        if number > limits.rows:
            raise TooMuchError(
                f"{name} has more than {limits.rows:,} rows, which is what is read at most."
            )
        if len(fields) > limits.columns:
            raise TooMuchError(
                f"{where} has {len(fields):,} columns; at most {limits.columns:,} are read."
            )
        yield where, fields


def each(
    raws: Iterable[Raw], read: Callable[[Raw], Read], on_bad_row: OnBadRow
) -> Iterator[Read]:
    """What `read` makes of each, without those it cannot read."""
    for raw in raws:
        try:
            made = read(raw)
        except TooMuchError:
            raise
        except CorpusError as error:
            on_bad_row(error)
        else:
            yield made


# --- what a reader is, and what it gives


@dataclass(frozen=True)
class Table:
    """A first look at a table.

    Its columns, how many rows (None: not known), and what to say.
    """

    names: tuple[str, ...]
    rows: int | None = None
    notes: tuple[str, ...] = ()


class Measured(Protocol):
    """A file that tells how many bytes were read."""

    progress: Progress


@dataclass
class Contents:
    """The table that a file holds.

    Its format, its columns, and its rows as they are read. names: as its head gives them; free:
    each row has names of its own, and there are none here. row_count: where it is known. encoding
    and text: of a text file. collection: of a file that holds a whole BEIR folder and no rows, that
    folder as long as it is needed. parts: of a file that has several, those that are read first.
    """

    format: str
    rows: Iterator[Row]
    names: tuple[str, ...] = ()
    free: bool = False
    row_count: int | None = None
    encoding: str | None = None
    text: Measured | None = None
    collection: AbstractContextManager[Path] | None = None
    parts: tuple[str, ...] = ()


Open = Callable[[Path, ReadLimits, OnBadRow, str], Contents]
"""Opens a file; the text names the part of it to read, such as a sheet: empty for the usual."""


@dataclass(frozen=True)
class Reader:
    """A file format.

    What its files are called, how they begin, and what reads them. suffixes: of its files' names.
    begins: whether a file that begins so is one, whatever it is called. parts: what a part of its
    files is called that can be chosen; empty where they have none. packed: whether its files may
    also be packed with gzip.
    """

    suffixes: tuple[str, ...]
    open: Open
    begins: Callable[[bytes], bool] = lambda start: False
    parts: str = ""
    packed: bool = False
