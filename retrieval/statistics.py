"""Paired statistics over queries.

Intervals by bootstrap, p by randomisation, Holm's correction.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .metrics import METRICS, PRIMARY

RESAMPLES = 10_000
LEVEL = 0.95
NO_DIFFERENCE = "no clear difference"
CELLS = 2_500_000
"""How many random numbers are drawn at once: bounds the memory."""

Table = NDArray[np.float64]
Groups = NDArray[np.intp]
"""(queries,): the number from 0 of each query's group; no number is left out."""


@dataclass(frozen=True)
class Difference:
    """Tuned minus base in one metric, with its interval.

    95 %, and the p of no difference. p_holm: p corrected for the other metrics being many; that of
    the primary metric, which was declared beforehand, is its p.
    """

    value: float
    low: float
    high: float
    p: float
    p_holm: float

    def as_json(self) -> dict[str, float]:
        """The difference as command line and run record write it."""
        return {"value": self.value, "low": self.low, "high": self.high, "p": self.p,
                "p_holm": self.p_holm}

    @property
    def outcome(self) -> str:
        """`better`, `worse`, or `no clear difference`."""
        if self.low > 0 and self.p_holm < 1 - LEVEL:
            return "better"
        if self.high < 0 and self.p_holm < 1 - LEVEL:
            return "worse"
        return NO_DIFFERENCE


def paired_differences(
    base: Table, tuned: Table, seed: int = 42, groups: Groups | None = None
) -> dict[str, Difference]:
    """Paired differences of means, with intervals and p values.

    By bootstrap and randomisation. base, tuned: (queries, metrics) in the order of METRICS.
    groups: as `bootstrap_intervals` takes them.
    """
    gaps = tuned - base
    value = gaps.mean(axis=0)
    rng = np.random.default_rng(seed)
    low, high = bootstrap_intervals(gaps, rng, groups)
    p = dict(zip(METRICS, randomisation_p(gaps, rng, groups).tolist(), strict=True))
    others = [name for name in METRICS if name != PRIMARY]
    corrected = p | dict(zip(others, holm([p[name] for name in others]), strict=True))
    return {
        name: Difference(float(value[i]), float(low[i]), float(high[i]), p[name], corrected[name])
        for i, name in enumerate(METRICS)
    }


def bootstrap_intervals(
    gaps: Table, rng: np.random.Generator, groups: Groups | None = None
) -> tuple[Table, Table]:
    """Expanded percentile bootstrap interval of each column's mean.

    gaps: (queries, columns), differences of metrics within [-1, 1]. groups: (queries,), the number
    from 0 of each query's group; queries that share an answer are no independent witnesses, so
    groups are what is resampled (each query alone by default). The plain percentile interval is too
    narrow for few groups; its tails are taken so much further out as t is wider than the normal
    distribution and as resampling understates the spread (Hesterberg 2015, "What teachers should
    know about the bootstrap"). Of a single group nothing is known: the interval is all of [-1, 1].
    """
    from scipy.special import ndtr, stdtrit  # not when imported: it takes a while

    sums, sizes = _grouped(gaps, groups)
    count = len(sizes)
    if count < 2:
        return np.full(gaps.shape[1], -1.0), np.ones(gaps.shape[1])
    resampled = np.concatenate([
        (times @ sums) / (times @ sizes)[:, None] for times in _resamples(count, rng)
    ])
    tail = ndtr(-np.sqrt(count / (count - 1)) * stdtrit(count - 1, (1 + LEVEL) / 2))
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    return low, high


def randomisation_p(
    gaps: Table, rng: np.random.Generator, groups: Groups | None = None
) -> Table:
    """Two-sided p of each column's mean, by flipping signs.

    Smucker, Allan & Carterette 2007. gaps, groups: as `bootstrap_intervals` takes them; the signs
    of a group are flipped together.
    """
    sums, _ = _grouped(gaps, groups)
    moved = sums[np.any(sums != 0, axis=1)]  # a zero has no sign
    total = moved.sum(axis=0)
    # Sums that are equal but for rounding count as equally extreme.
    observed = np.abs(total) - 1e-6 * np.abs(moved).sum(axis=0)
    as_extreme = np.zeros(gaps.shape[1])
    for size in _chunks(len(moved)):
        kept = rng.integers(0, 2, (size, len(moved)), dtype=np.uint8).astype(np.float64)
        as_extreme += (np.abs(2 * (kept @ moved) - total) >= observed).sum(axis=0)
    return np.asarray((as_extreme + 1) / (RESAMPLES + 1))


def standard_error(gaps: Sequence[float], groups: Groups | None = None) -> float:
    """Standard error of a mean over grouped queries.

    Of queries each alone it is the usual one; of groups the linearised one (Cameron & Miller 2015).
    0 for fewer than two groups.
    """
    column = np.asarray(gaps, float)[:, None]
    sums, sizes = _grouped(column, groups)
    if len(sizes) < 2:
        return 0.0
    residuals = sums[:, 0] - column.mean() * sizes
    spread = np.sum(residuals**2) * len(sizes) / (len(sizes) - 1)
    return float(np.sqrt(spread) / len(column))


def holm(p: Sequence[float]) -> list[float]:
    """P values corrected for their number (Holm 1979).

    In the same order.
    """
    corrected, largest = [0.0] * len(p), 0.0
    for place, at in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - place) * p[at]))
        corrected[at] = largest
    return corrected


def _grouped(gaps: Table, groups: Groups | None) -> tuple[Table, Table]:
    """Sums of each group's rows, (groups, columns), and how many rows it has."""
    if groups is None:
        return gaps, np.ones(len(gaps))
    sums = np.zeros((groups.max() + 1, gaps.shape[1]))
    np.add.at(sums, groups, gaps)
    return sums, np.bincount(groups).astype(np.float64)


def _resamples(count: int, rng: np.random.Generator) -> Iterator[Table]:
    """How often each of `count` groups stands in each resample: (resamples, count) at a time."""
    for size in _chunks(count):
        drawn = rng.integers(0, count, (size, count)) + count * np.arange(size)[:, None]
        times = np.bincount(drawn.ravel(), minlength=size * count)
        yield times.reshape(size, count).astype(np.float64)


def _chunks(count: int) -> Iterator[int]:
    """The resamples in parts, each of which takes a bounded memory."""
    left, most = RESAMPLES, max(1, CELLS // max(1, count))
    while left > 0:
        yield min(left, most)
        left -= most
