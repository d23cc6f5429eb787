"""Paired statistics over queries: intervals by bootstrap, p by randomisation, Holm's correction."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, factorial

import numpy as np
from numpy.typing import NDArray

from .metrics import METRICS, PRIMARY

RESAMPLES = 10_000
LEVEL = 0.95
NO_DIFFERENCE = "no clear difference"
CHUNK = 250
"""Resamples drawn at once: bounds the memory."""
FEW = 2_000
"""Up to so many queries resamples are drawn one by one; beyond, by Poisson weights."""

Table = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """Tuned minus base in one metric, with its 95 % interval and the p of no difference.

    p_holm: p corrected for the other metrics being many; that of the primary metric, which was
    declared beforehand, is its p.
    """

    value: float
    low: float
    high: float
    p: float
    p_holm: float

    def as_json(self) -> dict[str, float]:
        """The difference as the command line and the run record write it."""
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


def paired_differences(base: Table, tuned: Table, seed: int = 42) -> dict[str, Difference]:
    """Differences of means with a paired bootstrap interval and a randomisation test.

    base, tuned: (queries, metrics) in the order of METRICS.
    """
    gaps = tuned - base
    value = gaps.mean(axis=0)
    rng = np.random.default_rng(seed)
    low, high = bootstrap_intervals(gaps, rng)
    p = dict(zip(METRICS, randomisation_p(gaps, rng).tolist(), strict=True))
    others = [name for name in METRICS if name != PRIMARY]
    corrected = p | dict(zip(others, holm([p[name] for name in others]), strict=True))
    return {
        name: Difference(float(value[i]), float(low[i]), float(high[i]), p[name], corrected[name])
        for i, name in enumerate(METRICS)
    }


def bootstrap_intervals(gaps: Table, rng: np.random.Generator) -> tuple[Table, Table]:
    """The percentile interval of each column's mean (Efron & Tibshirani 1993), low and high.

    gaps: (queries, columns), what is resampled being queries.
    """
    resampled = np.concatenate([
        weights @ gaps.astype(weights.dtype) / weights.sum(axis=1, keepdims=True)
        for weights in _weights(len(gaps), rng)
    ])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail], axis=0)
    return low, high


def randomisation_p(gaps: Table, rng: np.random.Generator) -> Table:
    """The two-sided p of each column's mean, by flipping signs (Smucker, Allan & Carterette 2007).

    gaps: (queries, columns), the signs of a query's row being flipped together.
    """
    moved = gaps[np.any(gaps != 0, axis=1)]  # a zero has no sign
    moved = moved.astype(np.float32 if len(moved) > FEW else np.float64)
    total = moved.sum(axis=0)
    # Sums that are equal but for rounding count as equally extreme.
    observed = np.abs(total) - 1e-6 * np.abs(moved).sum(axis=0)
    as_extreme = np.zeros(gaps.shape[1])
    for _ in range(RESAMPLES // CHUNK):
        bits = np.unpackbits(_random(CHUNK * len(moved), np.uint8, rng, share=8))
        kept = bits[: CHUNK * len(moved)].reshape(CHUNK, len(moved)).astype(moved.dtype)
        as_extreme += (np.abs(2 * (kept @ moved) - total) >= observed).sum(axis=0)
    return np.asarray((as_extreme + 1) / (RESAMPLES + 1))


def holm(p: Sequence[float]) -> list[float]:
    """P values corrected for their number, in the same order (Holm 1979)."""
    corrected, largest = [0.0] * len(p), 0.0
    for place, at in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - place) * p[at]))
        corrected[at] = largest
    return corrected


def _weights(queries: int, rng: np.random.Generator) -> Iterator[NDArray[np.floating]]:
    """How often each query stands in each resample: (CHUNK, queries) at a time.

    Poisson weights, given their sum, are the counts of a resample of that size; over many queries
    the size hardly varies, and they cost a tenth of drawing.
    """
    for _ in range(RESAMPLES // CHUNK):
        if queries > FEW:
            bits = _random(CHUNK * queries, np.uint16, rng)
            yield _poisson_table().take(bits).reshape(CHUNK, queries)
        else:
            drawn = rng.integers(0, queries, (CHUNK, queries))
            offsets = drawn + queries * np.arange(CHUNK)[:, None]
            counts = np.bincount(offsets.ravel(), minlength=CHUNK * queries)
            yield counts.reshape(CHUNK, queries).astype(np.float64)


def _poisson_table() -> NDArray[np.float32]:
    """The Poisson(1) number that each of 65,536 equal parts of probability stands for."""
    below = np.cumsum([exp(-1) / factorial(k) for k in range(12)])
    return np.searchsorted(below, (np.arange(65536) + 0.5) / 65536).astype(np.float32)


def _random(
    count: int, dtype: type, rng: np.random.Generator, share: int = 1
) -> NDArray[np.unsignedinteger]:
    """At least `count` / `share` random integers of all bits, cut from 64 at a time."""
    words = -(-count * np.dtype(dtype).itemsize // (8 * share))
    return rng.integers(0, 2**64, max(1, words), dtype=np.uint64).view(dtype)[: -(-count // share)]
