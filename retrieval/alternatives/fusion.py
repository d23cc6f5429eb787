"""Convex fusion of BM25's and a model's scores.

Each side's scores of a query are brought to [0, 1] by its lowest and highest; the fused score is
weight times the model's plus (1 - weight) times BM25's (Bruch, Gai & Ingber 2023, "An Analysis of
Fusion Functions for Hybrid Retrieval"). The weight is chosen on dev, never on the test split.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corpus.records import Corpus
from retrieval.index import Ranking, Searcher
from retrieval.metrics import PRIMARY, query_metrics

WEIGHTS = tuple(step / 10 for step in range(1, 10))
"""Weights of the model that are tried: at 0 it is BM25 alone, at 1 the model alone."""
EVEN = 0.5
"""The weight where there are no dev queries to choose it on."""
CHOSEN_ON = "dev"
PART = 128
"""Queries ranked at a time: every ranking holds a score for each passage."""


@dataclass(frozen=True)
class Fusion:
    """BM25 and a model as one ranking.

    lexical, dense: over the same passages. weight: of the model, from 0 to 1.
    """

    lexical: Searcher
    dense: Searcher
    weight: float
    name: str = "BM25+Base"

    def search_many(self, queries: Sequence[str]) -> list[Ranking]:
        """Rank every passage for each query."""
        sides = zip(self.lexical.search_many(queries), self.dense.search_many(queries), strict=True)
        return [fused(words, meaning, self.weight) for words, meaning in sides]


def fused(lexical: Ranking, dense: Ranking, weight: float) -> Ranking:
    """One query's scores of two sides, as a weighted mean.

    ValueError where the two do not rank the same passages.
    """
    if lexical.ids != dense.ids:
        raise ValueError("The two sides of a fusion rank different passages: index them again.")
    scores = (1 - weight) * scaled(lexical.scores) + weight * scaled(dense.scores)
    return Ranking(dense.ids, scores, dense.places)


def scaled(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    """Scores brought to [0, 1]; zeros where all are equal.

    What is not a number stays so: whoever judges says that the side gave no usable vector.
    """
    low, high = scores.min(initial=np.inf), scores.max(initial=-np.inf)
    return np.zeros_like(scores) if low == high else (scores - low) / (high - low)


def fuse(lexical: Searcher, dense: Searcher, corpus: Corpus, name: str = "BM25+Base") -> Fusion:
    """The fusion with the weight that does best on dev.

    In mean ndcg@10; of equal ones that nearest to the middle. `EVEN` without dev queries.
    """
    qrels = corpus.qrels.get(CHOSEN_ON, {})
    if not qrels:
        return Fusion(lexical, dense, EVEN, name)
    found = dict.fromkeys(WEIGHTS, 0.0)
    asked = list(qrels)
    for start in range(0, len(asked), PART):
        part = asked[start:start + PART]
        texts = [corpus.queries[query_id].text for query_id in part]
        sides = zip(part, lexical.search_many(texts), dense.search_many(texts), strict=True)
        for query_id, words, meaning in sides:
            for weight in WEIGHTS:
                found[weight] += _ndcg(fused(words, meaning, weight), qrels[query_id])
    best = max(WEIGHTS, key=lambda weight: (round(found[weight], 9), -abs(weight - EVEN)))
    return Fusion(lexical, dense, best, name)


def _ndcg(ranking: Ranking, grades: Mapping[str, int]) -> float:
    ranks = {pid: ranking.rank(pid) for pid, grade in grades.items() if grade > 0}
    return query_metrics(ranks, grades)[PRIMARY]
