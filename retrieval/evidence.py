"""Two models over all queries of a split: means, differences, intervals, tests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus.check import POWER_FACTOR
from corpus.records import Corpus

from .index import Searcher
from .metrics import METRICS, PRIMARY, mean_metrics, query_metrics

RESAMPLES = 10_000
LEVEL = 0.95
NO_DIFFERENCE = "no clear difference"
CHUNK = 500
"""Resamples drawn at once: bounds the memory."""


@dataclass(frozen=True)
class Judged:
    """How one model did on one query: the rank of each relevant passage, and each metric."""

    ranks: Mapping[str, int | None]
    metrics: Mapping[str, float]

    @property
    def best_rank(self) -> int | None:
        """The rank of the answer that ranks best, or None if none was found."""
        return min((rank for rank in self.ranks.values() if rank is not None), default=None)


@dataclass(frozen=True)
class QueryOutcome:
    """One query on both sides: the best rank of an answer, and tuned minus base in ndcg@10."""

    query_id: str
    base_rank: int | None
    tuned_rank: int | None
    gap: float

    @property
    def outcome(self) -> str:
        """`won`, `lost` or `tied` by tuned; `both miss` when neither has an answer in its ten."""
        if self.gap:
            return "won" if self.gap > 0 else "lost"
        found = any(rank is not None and rank <= 10 for rank in (self.base_rank, self.tuned_rank))
        return "tied" if found else "both miss"


@dataclass(frozen=True)
class Difference:
    """Tuned minus base in one metric, with its 95 % interval and the p of no difference."""

    value: float
    low: float
    high: float
    p: float

    def as_json(self) -> dict[str, float]:
        """The difference as the command line and the run record write it."""
        return {"value": self.value, "low": self.low, "high": self.high, "p": self.p}

    @property
    def outcome(self) -> str:
        """`better`, `worse`, or `no clear difference`."""
        if self.low > 0 and self.p < 1 - LEVEL:
            return "better"
        if self.high < 0 and self.p < 1 - LEVEL:
            return "worse"
        return NO_DIFFERENCE


def judge(side: Searcher, corpus: Corpus, split: str) -> dict[str, Judged]:
    """Rank the corpus for every query of a split, and measure each."""
    qrels = corpus.qrels.get(split, {})
    if not qrels:
        raise ValueError(f"The {split} split of {corpus.name} has no queries: there is nothing to "
                         "measure.")
    rankings = side.search_many([corpus.queries[query_id].text for query_id in qrels])
    judged: dict[str, Judged] = {}
    for (query_id, grades), ranking in zip(qrels.items(), rankings, strict=True):
        ranks = {pid: ranking.rank(pid) for pid, grade in grades.items() if grade > 0}
        judged[query_id] = Judged(ranks, query_metrics(ranks, grades))
    return judged


def means(judged: Mapping[str, Judged]) -> dict[str, float]:
    """The mean of each metric."""
    return mean_metrics(query.metrics for query in judged.values())


@dataclass(frozen=True)
class Evidence:
    """Base and tuned, measured on the same queries."""

    split: str
    passages: int
    base: Mapping[str, Judged]
    tuned: Mapping[str, Judged]
    seed: int = 42

    def __post_init__(self) -> None:
        """Refuse sides that were not measured on the same queries."""
        if self.base.keys() != self.tuned.keys():
            raise ValueError("The two sides were measured on different queries: they cannot be "
                             "compared.")

    @classmethod
    def from_rows(cls, rows: Iterable[Mapping[str, Any]], split: str, passages: int) -> "Evidence":
        """The evidence a run recorded in `per_query.jsonl`."""
        of_split = [row for row in rows if row["split"] == split]
        if not of_split:
            raise ValueError(f"The run has not measured its {split} split.")
        base, tuned = (
            {row["query_id"]: Judged(row[side]["ranks"], row[side]["metrics"]) for row in of_split}
            for side in ("base", "tuned")
        )
        return cls(split, passages, base, tuned)

    @cached_property
    def differences(self) -> dict[str, Difference]:
        """Tuned minus base in each metric."""
        return paired_differences(
            _table(self.base.values()), _table(self.tuned[q] for q in self.base), self.seed
        )

    @cached_property
    def gaps(self) -> dict[str, float]:
        """Tuned minus base in the primary metric, query by query."""
        return {
            query_id: self.tuned[query_id].metrics[PRIMARY] - base.metrics[PRIMARY]
            for query_id, base in self.base.items()
        }

    @cached_property
    def queries(self) -> tuple[QueryOutcome, ...]:
        """Every query, the worst regressions first."""
        outcomes = [
            QueryOutcome(q, self.base[q].best_rank, self.tuned[q].best_rank, gap)
            for q, gap in self.gaps.items()
        ]
        return tuple(sorted(outcomes, key=lambda query: (query.gap, query.query_id)))

    @property
    def outcomes(self) -> dict[str, int]:
        """How many queries tuned won, lost and tied in the primary metric."""
        gaps = self.gaps.values()
        return {
            "won": sum(gap > 0 for gap in gaps),
            "lost": sum(gap < 0 for gap in gaps),
            "tied": sum(gap == 0 for gap in gaps),
        }

    @property
    def detectable(self) -> float | None:
        """The smallest difference in the primary metric that these queries show with 80 % power.

        From the spread of this pair's differences; None for fewer than two queries.
        """
        gaps = list(self.gaps.values())
        if len(gaps) < 2:
            return None
        return float(POWER_FACTOR * np.std(gaps, ddof=1) / np.sqrt(len(gaps)))

    @property
    def verdict(self) -> str:
        """What the primary metric says, in a sentence for a person who decides."""
        return self.verdict_of("Base", "Fine-tuned")

    def verdict_of(self, base: str, tuned: str) -> str:
        """The verdict, with the two sides called by other names."""
        gap, queries = self.differences[PRIMARY], len(self.base)
        said = (
            f"{gap.value:+.3f} {PRIMARY} (95 % interval {gap.low:+.3f} to {gap.high:+.3f}) on "
            f"{queries:,} {'question' if queries == 1 else 'questions'} neither was trained on"
        )
        return {
            "better": f"{tuned} is better: {said}.",
            "worse": f"{tuned} is worse: {said}. Keep {base}.",
            NO_DIFFERENCE: f"No clear difference: {said}. {self._could_show}",
        }[gap.outcome]

    @property
    def _could_show(self) -> str:
        if not self.detectable:
            return "That is too little to tell: add test questions."
        return (f"So many questions show a difference of {self.detectable:.3f} or more; a smaller "
                "one takes more of them.")

    def as_json(self) -> dict[str, Any]:
        """The evidence as `train evaluate` prints it and the run record keeps it."""
        return {
            "split": self.split,
            "queries": len(self.base),
            "passages": self.passages,
            "base": means(self.base),
            "tuned": means(self.tuned),
            "difference": {name: gap.as_json() for name, gap in self.differences.items()},
            "outcomes": self.outcomes,
            "detectable_difference": self.detectable,
            "verdict": self.verdict,
        }


def paired_differences(
    base: NDArray[np.float64], tuned: NDArray[np.float64], seed: int = 42
) -> dict[str, Difference]:
    """Differences of means with a paired bootstrap interval and a randomisation test.

    base, tuned: (queries, metrics) in the order of METRICS. The interval is the percentile one
    over resampled queries (Efron & Tibshirani 1993); p is two-sided, by flipping the sign of
    each query's difference (Smucker, Allan & Carterette 2007).
    """
    gaps = tuned - base
    value = gaps.mean(axis=0)
    rng = np.random.default_rng(seed)
    low, high = _bootstrap_interval(gaps, rng)
    p = _randomisation_p(gaps, rng)
    return {
        name: Difference(float(value[i]), float(low[i]), float(high[i]), float(p[i]))
        for i, name in enumerate(METRICS)
    }


def _bootstrap_interval(
    gaps: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    queries = len(gaps)
    resampled = []
    for _ in range(RESAMPLES // CHUNK):
        drawn = rng.integers(0, queries, (CHUNK, queries))
        offsets = drawn + queries * np.arange(CHUNK)[:, None]
        counts = np.bincount(offsets.ravel(), minlength=CHUNK * queries).reshape(CHUNK, queries)
        resampled.append(counts @ gaps / queries)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(resampled), [tail, 1 - tail], axis=0)
    return low, high


def _randomisation_p(gaps: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    observed = np.abs(gaps.sum(axis=0))
    as_extreme = np.zeros(gaps.shape[1])
    for _ in range(RESAMPLES // CHUNK):
        signs = rng.integers(0, 2, (CHUNK, len(gaps))) * 2 - 1
        as_extreme += (np.abs(signs @ gaps) >= observed - 1e-9).sum(axis=0)
    return (as_extreme + 1) / (RESAMPLES + 1)


def _table(judged: Iterable[Judged]) -> NDArray[np.float64]:
    return np.array([[query.metrics[name] for name in METRICS] for query in judged])
