"""What is known of a table before its rows are read, and how much of it has been read."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ..limits import Limits, TooMuchError


@dataclass(frozen=True)
class Table:
    """A first look at a table: its columns, how many rows (None: not known), and what to say."""

    names: tuple[str, ...]
    rows: int | None = None
    notes: tuple[str, ...] = ()


class Meter:
    """Counts what has been read of one source, and stops at the limits."""

    def __init__(self, name: str, limits: Limits) -> None:
        self.name, self.limits = name, limits
        self.rows = self.bytes = 0

    def row(self, fields: Mapping[str, Any]) -> None:
        """One more row; its texts count as bytes, and at least as many as they have characters."""
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
