"""Retrieval metrics of one query, from its relevant ranks.

The fifteen of the ancestor's card, by the formulas of sentence-transformers'
`InformationRetrievalEvaluator`; ndcg takes grades as trec_eval does (gain = grade), which is the
same number when every grade is 1.
"""

from collections.abc import Iterable, Mapping
from math import log2

CUTOFFS = (1, 3, 5, 10)
PRIMARY = "ndcg@10"
METRICS = (
    *(f"accuracy@{k}" for k in CUTOFFS),
    *(f"precision@{k}" for k in CUTOFFS),
    *(f"recall@{k}" for k in CUTOFFS),
    PRIMARY,
    "mrr@10",
    "map@100",
)


def query_metrics(ranks: Mapping[str, int | None], grades: Mapping[str, int]) -> dict[str, float]:
    """All fifteen metrics of one query.

    ranks: relevant passage id -> its rank from 1, or None where it was not found.
    grades: relevant passage id -> grade; those of 0 and below are not relevant.
    """
    relevant = {passage_id: grade for passage_id, grade in grades.items() if grade > 0}
    if not relevant:
        raise ValueError("A query without a relevant passage cannot be judged.")
    found = sorted(
        (rank, relevant[passage_id])
        for passage_id, rank in ranks.items()
        if rank is not None and passage_id in relevant
    )
    values: dict[str, float] = {}
    for k in CUTOFFS:
        hits = sum(rank <= k for rank, _ in found)
        values[f"accuracy@{k}"] = float(hits > 0)
        values[f"precision@{k}"] = hits / k
        values[f"recall@{k}"] = hits / len(relevant)
    values[PRIMARY] = ndcg(found, relevant.values(), 10)
    values["mrr@10"] = 1 / found[0][0] if found and found[0][0] <= 10 else 0.0
    values["map@100"] = average_precision([rank for rank, _ in found], len(relevant), 100)
    return {name: values[name] for name in METRICS}


def ndcg(found: Iterable[tuple[int, int]], grades: Iterable[int], k: int) -> float:
    """Normalised discounted cumulative gain of the first k.

    Järvelin & Kekäläinen 2002. found: (rank, grade) of each relevant passage found. grades: those
    of all relevant passages.
    """
    ideal = sum(
        grade / log2(rank + 1)
        for rank, grade in enumerate(sorted(grades, reverse=True)[:k], 1)
    )
    return sum(grade / log2(rank + 1) for rank, grade in found if rank <= k) / ideal


def average_precision(ranks: Iterable[int], relevant: int, k: int) -> float:
    """Mean precision at each relevant passage in the first k.

    Over min(relevant, k).
    """
    within = [rank for rank in ranks if rank <= k]
    return sum(place / rank for place, rank in enumerate(within, 1)) / min(relevant, k)


def mean_metrics(rows: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each metric over queries."""
    rows = list(rows)
    if not rows:
        raise ValueError("There are no queries to average over: this split is empty.")
    return {name: sum(row[name] for row in rows) / len(rows) for name in METRICS}
