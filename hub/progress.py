"""How far long work is, for whoever waits for it.

It stands in the lowest room, as transfers, readers, searches and runs all tell of it.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

R = TypeVar("R")
S = TypeVar("S")
T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How many bytes, passages or steps are done.

    total: 0 where nobody knows it. text: what is being done. left_s: seconds it still takes, where
    that can be guessed.
    """

    done: int = 0
    total: int = 0
    text: str = ""
    left_s: float | None = None

    @property
    def share(self) -> float | None:
        """Share of the total, from 0 to 1.

        None where the total is not known.
        """
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else None

    def after(self, seconds: float) -> "Progress":
        """With the seconds left, at the rate so far.

        seconds: what has been done took. Unchanged where that tells no rate.
        """
        if not 0 < self.done <= self.total:
            return self
        return replace(self, left_s=seconds / self.done * (self.total - self.done))


OnProgress = Callable[[Progress], None]
"""Told how far work is, as it goes."""


def silent(progress: Progress) -> None:
    """Progress that nobody wants to see."""


def mapped(steps: Generator[S, None, T], show: Callable[[S], R]) -> Generator[R, None, T]:
    """A generator of progress whose steps are shown otherwise.

    Returns what it returns.
    """
    while True:
        try:
            step = next(steps)
        except StopIteration as finished:
            result: T = finished.value
            return result
        yield show(step)


def drained(steps: Generator[S, None, T], tell: Callable[[S], Any] = lambda step: None) -> T:
    """Result of a generator, drained to its end.

    tell: told each step.
    """
    while True:
        try:
            tell(next(steps))
        except StopIteration as finished:
            result: T = finished.value
            return result
