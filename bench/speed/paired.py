"""Two ways to do the same, timed in turn in one process."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LEAST = 7
"""Rounds below which a median is none."""


@dataclass
class Timed:
    """Seconds of several ways to do the same, by name.

    The first way is the one that the others are held against.
    """

    seconds: dict[str, list[float]] = field(default_factory=dict)

    def median(self, name: str) -> float:
        """The median of a way, in seconds."""
        return statistics.median(self.seconds[name])

    def ratio(self, name: str) -> float:
        """How often a way fits into the first, median of rounds."""
        first = self.seconds[next(iter(self.seconds))]
        return statistics.median(a / b for a, b in zip(first, self.seconds[name], strict=True))

    def as_json(self) -> dict[str, Any]:
        """Median, tenth part and ratio of each way, with the number of rounds."""
        return {name: {"rounds": len(times), "median_ms": 1e3 * self.median(name),
                       "tenth_ms": 1e3 * quantile(times, 0.1), "times_as_fast": self.ratio(name)}
                for name, times in self.seconds.items()}


def in_turn(ways: Mapping[str, Callable[[Any], object]], inputs: Sequence[Any]) -> Timed:
    """Time each way on each input, one after the other.

    Round by round, so that whatever else the machine does meets all of them. The first three inputs
    are warmed up on and not counted. ValueError with fewer than LEAST left.
    """
    warm, counted = inputs[:3], inputs[3:]
    if len(counted) < LEAST:
        raise ValueError(f"{len(counted)} rounds are too few for a median: at least {LEAST}.")
    for given in warm:
        for way in ways.values():
            way(given)
    timed = Timed({name: [] for name in ways})
    names = list(ways)
    for place, given in enumerate(counted):
        turn = place % len(names)
        for name in names[turn:] + names[:turn]:
            start = time.perf_counter()
            ways[name](given)
            timed.seconds[name].append(time.perf_counter() - start)
    return timed


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which a share of them lies."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def memory_mb() -> dict[str, float]:
    """Resident memory of this process in MB, now and at most."""
    with open("/proc/self/status", encoding="utf-8") as file:
        fields = dict(line.split(":", 1) for line in file)
    return {name: int(fields[key].split()[0]) / 1024
            for name, key in (("now", "VmRSS"), ("most", "VmHWM"))}


def load() -> float:
    """How many processes wanted a core in the last minute, on average."""
    return os.getloadavg()[0]
