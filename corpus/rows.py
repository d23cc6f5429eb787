"""Rows of data on their way to a corpus: what a row is, and what is said of one that is bad."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from .limits import Limits, TooMuchError
from .records import CorpusError

Row = tuple[str, Mapping[str, Any]]
"""Where a row stands ("pairs.jsonl line 3"), and what it holds."""

OnBadRow = Callable[[CorpusError], None]
"""What to do about a row that cannot be read: raise, or take note and go on."""

Raw = TypeVar("Raw")
Read = TypeVar("Read")


class EmptyTextError(CorpusError):
    """A row whose text is empty."""

    kind = "empty_text"


class TooLongError(CorpusError):
    """A row with a text that is longer than what is read of one."""

    kind = "too_long"


class NoPairsError(CorpusError):
    """A file or folder without a single row that can be used."""

    kind = "too_few_pairs"


class Remark(CorpusError):
    """What is worth saying and does no harm: handed to OnBadRow, and nobody need stop for it."""

    kind = "note"


class OtherEncoding(Remark):
    """A text file that is not in UTF-8."""

    kind = "encoding"


class RepeatedPairError(Remark):
    """A row that repeats an earlier pair: read once."""

    kind = "duplicate_pair"


class BelowScoreError(Remark):
    """A row whose score is under what was asked for: left out."""

    kind = "below_score"


class MarksRemoved(Remark):
    """A text that had control characters, or marks that turn the direction of writing."""

    kind = "control_characters"


def refuse(error: CorpusError) -> None:
    """Stop at the first row that cannot be read; a remark is not a reason to."""
    if not isinstance(error, Remark):
        raise error


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


def patient(on_bad_row: OnBadRow, most: int, name: str) -> OnBadRow:
    """The same, until so many rows were bad that what they are from is something else."""
    count = 0

    def counted(error: CorpusError) -> None:
        nonlocal count
        on_bad_row(error)
        count += not isinstance(error, Remark)
        if count > most:
            raise TooMuchError(f"{name} has more than {most:,} rows that cannot be read, such as: "
                               f"{error!s:.200}")

    return counted


def bounded(rows: Iterable[Row], limits: Limits, name: str) -> Iterator[Row]:
    """The same rows; TooMuchError where they, or the columns of one, are more than are read."""
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
