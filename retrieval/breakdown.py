"""The evidence in parts: by topic, and by where the answer stood before and after."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from corpus.records import Query

from .evidence import FEWEST, Evidence
from .metrics import PRIMARY
from .resampling import bootstrap_intervals

REST = "other topics"


@dataclass(frozen=True)
class Topic:
    """The questions of one topic: both means in ndcg@10, their difference, its 95 % interval.

    The interval is for reading: it is not corrected for the topics being many.
    """

    name: str
    queries: int
    base: float
    tuned: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """Tuned minus base."""
        return self.tuned - self.base

    @property
    def way(self) -> str:
        """`up` or `down` where the interval leaves out 0, else empty."""
        return "up" if self.low > 0 else "down" if self.high < 0 else ""

    def as_json(self) -> dict[str, float | int | str]:
        """The topic in figures."""
        return {"topic": self.name, "queries": self.queries, "base": self.base,
                "tuned": self.tuned, "difference": self.value, "low": self.low, "high": self.high}


def by_topic(evidence: Evidence, queries: Mapping[str, Query]) -> tuple[Topic, ...]:
    """The topics, the largest first; those with fewer than six questions are taken together.

    Empty where there is only one topic, or none is known.
    """
    of = {query_id: queries[query_id].topic if query_id in queries else ""
          for query_id in evidence.base}
    sizes = Counter(of.values())
    grouped: dict[str, list[str]] = {}
    for query_id, topic in of.items():
        name = topic if topic and sizes[topic] >= FEWEST else REST
        grouped.setdefault(name, []).append(query_id)
    if len(grouped) < 2:
        return ()
    order = sorted(grouped, key=lambda name: (name == REST, -len(grouped[name]), name))
    return tuple(_topic(name, grouped[name], evidence) for name in order)


def _topic(name: str, query_ids: list[str], evidence: Evidence) -> Topic:
    base, tuned = (np.array([side[query_id].metrics[PRIMARY] for query_id in query_ids])
                   for side in (evidence.base, evidence.tuned))
    low, high = bootstrap_intervals((tuned - base)[:, None], np.random.default_rng(evidence.seed))
    return Topic(name, len(query_ids), float(base.mean()), float(tuned.mean()), float(low[0]),
                 float(high[0]))


def one_answer_each(evidence: Evidence) -> bool:
    """Whether every query has one relevant passage: many metrics are then one number."""
    return all(len(judged.ranks) == 1 for judged in evidence.base.values())


def rank_moves(evidence: Evidence) -> Counter[tuple[int, int]]:
    """How many queries had their best answer at (base rank, tuned rank); unranked ones left out."""
    return Counter(
        (query.base_rank, query.tuned_rank)
        for query in evidence.queries
        if query.base_rank is not None and query.tuned_rank is not None
    )
