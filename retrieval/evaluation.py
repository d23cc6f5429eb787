"""Two models over all queries of a split.

What each query did, and what they say together. The evidence in parts: by topic, and by where the
answer stood before and after.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from corpus.check.power import shown_by
from corpus.records import Corpus, Query
from corpus.split import connected

from .index import Index, Ranking, Searcher
from .metrics import METRICS, PRIMARY, mean_metrics, query_metrics
from .statistics import (
    NO_DIFFERENCE,
    Difference,
    Groups,
    Table,
    bootstrap_intervals,
    paired_differences,
    standard_error,
)

SCORES = 25_000_000
"""Scores that are held at a time, 100 MB: of 10,000 queries and 100,000 passages all are 4 GB."""
FEWEST = 6
"""Questions it takes before all of them won is more than chance: 2 / 2⁶ is below 0.05."""


@dataclass(frozen=True)
class Judged:
    """How one model did on one query.

    The rank of each relevant passage, and each metric.
    """

    ranks: Mapping[str, int | None]
    metrics: Mapping[str, float]

    @property
    def best_rank(self) -> int | None:
        """The best rank of an answer; None if none found."""
        return min((rank for rank in self.ranks.values() if rank is not None), default=None)


@dataclass(frozen=True)
class QueryOutcome:
    """One query on both sides.

    The best rank of an answer, and tuned minus base in ndcg@10.
    """

    query_id: str
    base_rank: int | None
    tuned_rank: int | None
    difference: float

    @property
    def outcome(self) -> str:
        """`won`, `lost` or `tied` by tuned.

        `both miss` when neither has an answer in its ten.
        """
        if self.difference:
            return "won" if self.difference > 0 else "lost"
        found = any(rank is not None and rank <= 10 for rank in (self.base_rank, self.tuned_rank))
        return "tied" if found else "both miss"


def evaluate(side: Searcher, corpus: Corpus, split: str) -> dict[str, Judged]:
    """Rank the corpus for each query, and measure each.

    ValueError when there is nothing to measure, or a model has no vector for what is judged: a side
    that failed is not measured, which is not the same as zero.
    """
    qrels = corpus.qrels.get(split, {})
    if not qrels:
        raise ValueError(f"The {split} split of {corpus.name} has no queries: there is nothing to "
                         "measure.")
    rankings = _in_parts(side, [corpus.queries[query_id].text for query_id in qrels],
                         len(corpus.passages))
    judged: dict[str, Judged] = {}
    for (query_id, grades), ranking in zip(qrels.items(), rankings, strict=True):
        ranks = {pid: ranking.rank(pid) for pid, grade in grades.items() if grade > 0}
        _check_measurable(side, ranking, query_id, ranks)
        judged[query_id] = Judged(ranks, query_metrics(ranks, grades))
    return judged


def _in_parts(side: Searcher, queries: Sequence[str], passages: int) -> Iterator[Ranking]:
    """Rankings of many queries, few of them held at a time."""
    step = max(1, SCORES // max(1, passages))
    for start in range(0, len(queries), step):
        yield from side.search_many(queries[start : start + step])


def _check_measurable(
    side: Searcher, ranking: Ranking, query_id: str, ranks: Mapping[str, int | None]
) -> None:
    gone = [pid for pid, rank in ranks.items() if rank is None]
    if gone:
        raise ValueError(f"The answer {gone[0]!r:.80} of query {query_id!r:.80} is not among the "
                         f"{len(ranking.ids):,} passages that {side.name} searches: the data has "
                         "changed since it was indexed, or the qrels name a passage that is gone.")
    lost = ""
    if not np.isfinite(ranking.scores).all() or (isinstance(side, Index)
                                                 and not ranking.scores.any()):
        lost = f"query {query_id!r:.80}"
    elif isinstance(side, Index):
        lost = next((f"passage {pid!r:.80}" for pid in ranks
                     if not side.vectors[ranking.places[pid]].any()), "")
    if lost:
        raise ValueError(f"{side.name} gives no usable vector for {lost} (zeros, or not a number): "
                         "it is not measured. Its weights may be damaged, or need float32.")


def means(judged: Mapping[str, Judged]) -> dict[str, float]:
    """The mean of each metric."""
    return mean_metrics(query.metrics for query in judged.values())


@dataclass(frozen=True)
class Evidence:
    """Base and tuned, measured on the same queries.

    leaked: the queries that were trained on or chosen by, as a question or by their answer
    (`corpus.split.leaked_queries`); None where nobody knows what the models were trained on. The
    verdict is that of the others.
    """

    split: str
    passages: int
    base: Mapping[str, Judged]
    tuned: Mapping[str, Judged]
    seed: int = 42
    leaked: frozenset[str] | None = None

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
        leaked = frozenset(row["query_id"] for row in of_split if row.get("leaked"))
        known = all("leaked" in row for row in of_split)
        return cls(split, passages, base, tuned, leaked=leaked if known else None)

    def as_rows(self) -> list[dict[str, Any]]:
        """The evidence as `per_query.jsonl` keeps it, a row a query."""
        known = self.leaked
        return [
            {"split": self.split, "query_id": query, "base": asdict(self.base[query]),
             "tuned": asdict(self.tuned[query])}
            | ({} if known is None else {"leaked": query in known})
            for query in self.base
        ]

    @cached_property
    def unseen(self) -> "Evidence | None":
        """The evidence of the queries that were not leaked.

        None where all were.
        """
        if not self.leaked:
            return self
        kept = [query_id for query_id in self.base if query_id not in self.leaked]
        base, tuned = ({query_id: side[query_id] for query_id in kept}
                       for side in (self.base, self.tuned))
        return replace(self, base=base, tuned=tuned, leaked=frozenset()) if kept else None

    @cached_property
    def differences(self) -> dict[str, Difference]:
        """Tuned minus base in each metric."""
        return paired_differences(
            _table(self.base.values()), _table(self.tuned[q] for q in self.base), self.seed,
            self.groups,
        )

    @cached_property
    def groups(self) -> Groups:
        """Groups of queries that share an answer.

        The group of each query, in order, as `statistics` takes them. Queries that share an answer,
        directly or by way of others, are one group.
        """
        relevant = {query_id: sorted(judged.ranks) for query_id, judged in self.base.items()}
        number = {query_id: place for place, (query_ids, _) in enumerate(connected(relevant))
                  for query_id in query_ids}
        return np.array([number[query_id] for query_id in self.base])

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
            QueryOutcome(q, self.base[q].best_rank, self.tuned[q].best_rank, difference)
            for q, difference in self.gaps.items()
        ]
        return tuple(sorted(outcomes, key=lambda query: (query.difference, query.query_id)))

    @property
    def outcomes(self) -> dict[str, int]:
        """Queries that tuned won, lost and tied.

        In the primary metric.
        """
        gaps = self.gaps.values()
        return {
            "won": sum(difference > 0 for difference in gaps),
            "lost": sum(difference < 0 for difference in gaps),
            "tied": sum(difference == 0 for difference in gaps),
        }

    @property
    def detectable(self) -> float | None:
        """The smallest difference that these queries can show.

        In the primary metric, with 80 % power. From the spread of this pair's differences; None for
        fewer than two queries.
        """
        if len(self.gaps) < 2:
            return None
        return shown_by(standard_error(list(self.gaps.values()), self.groups))

    @property
    def verdict(self) -> str:
        """The verdict of the primary metric, in a sentence.

        For a person who decides.
        """
        return self.verdict_of("Base", "Fine-tuned")

    def verdict_of(self, base: str, tuned: str) -> str:
        """The verdict, with the two sides called by other names."""
        unseen, everything = self.unseen, _questions(len(self.base))
        if unseen is None:
            return (f"No verdict: all {everything} of the {self.split} split were trained on or "
                    "chosen by, as a question or by their answer. What they show, "
                    f"{self.differences[PRIMARY].value:+.3f} {PRIMARY}, need not hold for new "
                    "ones. A split by question shows no more than whether new wordings find known "
                    "answers; a verdict takes test questions whose answers no other split has.")
        shown = unseen.differences[PRIMARY]
        here = " neither was trained on here" if self.leaked is not None else (
            f" of the {self.split} split")
        said = (f"{shown.value:+.3f} {PRIMARY} (95 % interval {shown.low:+.3f} to {shown.high:+.3f}"
                f") on {_questions(len(unseen.base))}{here}")
        if self.leaked:
            said += (f" ({self.differences[PRIMARY].value:+.3f} on all {everything}, of which "
                     f"{len(self.leaked):,} were trained on or chosen by, as a question or by "
                     "their answer)")
        return {
            "better": f"{tuned} is better: {said}.",
            "worse": f"{tuned} is worse: {said}. Keep {base}.",
            NO_DIFFERENCE: f"No clear difference: {said}. {unseen._could_show}",
        }[self.outcome]

    @property
    def outcome(self) -> str:
        """The outcome of the comparison, on queries not leaked.

        `better`, `worse` or no clear difference.
        """
        unseen = self.unseen
        return unseen.differences[PRIMARY].outcome if unseen else NO_DIFFERENCE

    @property
    def _could_show(self) -> str:
        if not self.detectable or len(np.unique(self.groups)) < FEWEST:
            return (f"That is too little to tell: with fewer than {FEWEST} questions with answers "
                    "of their own even all of them won could be chance. Add test questions.")
        return (f"So many questions show a difference of {self.detectable:.3f} or more; a smaller "
                "one takes more of them.")

    def as_json(self) -> dict[str, Any]:
        """The evidence as `train evaluate` and the record write it."""
        return {
            "split": self.split,
            "queries": len(self.base),
            "passages": self.passages,
            "base": means(self.base),
            "tuned": means(self.tuned),
            "difference": {name: found.as_json() for name, found in self.differences.items()},
            "outcomes": self.outcomes,
            "detectable_difference": self.detectable,
            "verdict": self.verdict,
            "leaked": None if self.leaked is None else len(self.leaked),
        } | ({"unseen": self.unseen.as_json()} if self.leaked and self.unseen else {})


def _questions(count: int) -> str:
    return f"{count:,} {'question' if count == 1 else 'questions'}"


def _table(judged: Iterable[Judged]) -> Table:
    return np.array([[query.metrics[name] for name in METRICS] for query in judged])


REST = "other topics"


@dataclass(frozen=True)
class Topic:
    """The questions of one topic.

    Both means in ndcg@10, their difference, its 95 % interval. The interval is for reading: it is
    not corrected for the topics being many.
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
        """`up` or `down` where the interval excludes 0, else empty."""
        return "up" if self.low > 0 else "down" if self.high < 0 else ""

    def as_json(self) -> dict[str, float | int | str]:
        """The topic in figures."""
        return {"topic": self.name, "queries": self.queries, "base": self.base,
                "tuned": self.tuned, "difference": self.value, "low": self.low, "high": self.high}


def by_topic(evidence: Evidence, queries: Mapping[str, Query]) -> tuple[Topic, ...]:
    """The topics, the largest first.

    Those with fewer than six questions are taken together. Empty where there is only one topic, or
    none is known.
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
    all_groups = dict(zip(evidence.base, evidence.groups, strict=True))
    groups = np.unique([all_groups[query_id] for query_id in query_ids], return_inverse=True)[1]
    low, high = bootstrap_intervals(
        (tuned - base)[:, None], np.random.default_rng(evidence.seed), groups)
    return Topic(name, len(query_ids), float(base.mean()), float(tuned.mean()), float(low[0]),
                 float(high[0]))


def one_answer_each(evidence: Evidence) -> bool:
    """Whether every query has one relevant passage.

    Many metrics are then one number.
    """
    return all(len(judged.ranks) == 1 for judged in evidence.base.values())


def rank_moves(evidence: Evidence) -> Counter[tuple[int, int]]:
    """Queries by the best rank in base and in tuned.

    Counts of (base rank, tuned rank); unranked ones are left out.
    """
    return Counter(
        (query.base_rank, query.tuned_rank)
        for query in evidence.queries
        if query.base_rank is not None and query.tuned_rank is not None
    )
