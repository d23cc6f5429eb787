"""Ratio of two gains over base, with its interval."""

from typing import Any

import numpy as np

RESAMPLES = 10_000
Values = np.ndarray[Any, np.dtype[np.float64]]


def gain_ratio(base: Values, first: Values, other: Values, seed: int = 42) -> dict[str, float]:
    """Ratio of two mean gains, with its bootstrap interval.

    (mean of other - base) / (mean of first - base), paired, 95 %. base, first, other: one metric of
    each query, (queries,). The queries are resampled, the same ones for all three. Where the first
    gains little the interval is wide, and so it should be.
    """
    gains = np.stack([first - base, other - base], axis=1)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(len(base), np.full(len(base), 1 / len(base)), RESAMPLES)
    resampled = counts @ gains
    ratios = resampled[:, 1] / np.where(resampled[:, 0] == 0, np.nan, resampled[:, 0])
    low, high = np.nanquantile(ratios, [0.025, 0.975])
    of_first, of_other = gains.sum(axis=0)
    return {"value": float(of_other / of_first), "low": float(low), "high": float(high)}
