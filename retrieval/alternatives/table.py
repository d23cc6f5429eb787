"""What could ship, side by side: quality, time, size.

The free ones, that take no training, are BM25, base models, and their fusion. The best of them is
what a fine-tuned model has to beat. It is chosen by the very queries that the others are then held
against, which favours it: a lead over it is no artefact of the choice.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from corpus.records import Corpus
from retrieval.bm25 import LexicalIndex
from retrieval.evaluation import Evidence, Judged, evaluate, means
from retrieval.index import Index, Searcher
from retrieval.metrics import PRIMARY
from retrieval.statistics import NO_DIFFERENCE, Difference

from .fusion import Fusion

TIMED = 24
"""Queries that are timed, one at a time, encoding included."""


@dataclass(frozen=True)
class Alternative:
    """Something that could ship, as measured.

    judged: each query of the split; empty where it could not be measured, and `error` says why.
    free: whether it is had without training. ms_per_query: the median of one question, encoded and
    searched. bytes: of weights and vectors, or of BM25's index. seconds: what making it took, None
    where nobody knows. note: what else is to be said of it.
    """

    name: str
    judged: Mapping[str, Judged]
    free: bool = True
    ms_per_query: float | None = None
    bytes: int | None = None
    seconds: float | None = None
    note: str = ""
    error: str = ""

    @property
    def quality(self) -> float:
        """Mean ndcg@10."""
        return means(self.judged)[PRIMARY]


def measured(
    name: str, side: Searcher, corpus: Corpus, split: str, *, free: bool = True,
    seconds: float | None = None, note: str = "", judged: Mapping[str, Judged] | None = None,
) -> Alternative:
    """Measure one that can be searched with.

    judged: where its queries were measured before. ValueError as `evaluate`.
    """
    texts = [corpus.queries[query_id].text for query_id in corpus.qrels.get(split, {})]
    found = evaluate(side, corpus, split) if judged is None else judged
    return Alternative(name, found, free, _ms_per_query(side, texts[:TIMED]), size_of(side),
                       seconds, note)


def _ms_per_query(side: Searcher, texts: Sequence[str]) -> float | None:
    times = []
    for text in [*texts[:1], *texts]:  # the first warms up
        start = time.perf_counter()
        side.search_many([text])[0].top(10)
        times.append(time.perf_counter() - start)
    return float(np.median(times[1:]) * 1000) if len(times) > 1 else None


def size_of(side: Searcher) -> int | None:
    """Bytes that answering takes: weights, vectors, word counts.

    None for a side whose parts are not known.
    """
    if isinstance(side, Fusion):
        parts = [size_of(side.lexical), size_of(side.dense)]
        return None if None in parts else sum(part or 0 for part in parts)
    if isinstance(side, LexicalIndex):
        return sum(part.nbytes for part in side.bm25.scores.values()
                   if isinstance(part, np.ndarray))
    if isinstance(side, Index):
        return side.vectors.nbytes + _weights(side.encoder)
    return None


def _weights(encoder: object) -> int:
    """Bytes of a model's weights, or of its fast form; 0 where the encoder has neither."""
    if (form := getattr(encoder, "form", None)) is not None:
        return int(form.bytes)
    model = getattr(encoder, "model", None)
    return sum(p.numel() * p.element_size() for p in model.parameters()) if model else 0


@dataclass(frozen=True)
class Alternatives:
    """Everything that could ship, measured on the same queries.

    leaked: the queries that training gave away, as `Evidence` has them; those are left out of each
    difference.
    """

    split: str
    passages: int
    rows: Sequence[Alternative]
    leaked: frozenset[str] | None = None

    @cached_property
    def best_free(self) -> Alternative | None:
        """The best of what takes no training, by ndcg@10."""
        return max((row for row in self.rows if row.free and row.judged),
                   key=lambda row: row.quality, default=None)

    def difference(self, row: Alternative) -> Difference | None:
        """A row minus the best free one, in ndcg@10.

        None for that one itself, and for what could not be measured.
        """
        return self._differences.get(row.name)

    @cached_property
    def _differences(self) -> dict[str, Difference]:
        """The difference of each row that has one, by its name: resampling takes a while."""
        best, found = self.best_free, {}
        for row in self.rows:
            if best is None or row is best or not row.judged:
                continue
            evidence = Evidence(self.split, self.passages, best.judged, row.judged,
                                leaked=self.leaked).unseen
            if evidence:
                found[row.name] = evidence.differences[PRIMARY]
        return found

    def verdict_of(self, name: str) -> str:
        """What a trained one gives over the best free one.

        In a sentence; empty where one of the two is not there.
        """
        row = next((row for row in self.rows if row.name == name and row.judged), None)
        best, gap = self.best_free, self.difference(row) if row else None
        if best is None or gap is None:
            return ""
        said = f"{gap.value:+.3f} {PRIMARY} (95 % interval {gap.low:+.3f} to {gap.high:+.3f})"
        free = f"the best you can have without training, {best.name}"
        return {
            "better": f"{name} beats {free}, by {said}.",
            "worse": f"{name} is worse than {free}, by {said}: ship {best.name}.",
            NO_DIFFERENCE: f"{name} does not clearly beat {free}: {said}.",
        }[gap.outcome]

    def as_json(self) -> list[dict[str, Any]]:
        """The rows as `train evaluate` writes them.

        `difference`: the row minus the best free one, which itself has none.
        """
        return [self._row(row) for row in self.rows]

    def _row(self, row: Alternative) -> dict[str, Any]:
        if not row.judged:
            return {"name": row.name, "free": row.free, "error": row.error}
        gap = self.difference(row)
        return {
            "name": row.name, "free": row.free, "best_free": row is self.best_free,
            "metrics": means(row.judged), "difference": None if gap is None else {
                PRIMARY: gap.as_json()},
            "ms_per_query": row.ms_per_query, "bytes": row.bytes, "seconds": row.seconds,
            "note": row.note,
        }


def fusion_note(fusion: Fusion, corpus: Corpus) -> str:
    """How the weight of a fusion came about."""
    how = "chosen on" if corpus.qrels.get("dev") else "without"
    rest = "kept-out questions" if corpus.qrels.get("dev") else "kept-out questions to choose it on"
    return f"weight of the model {fusion.weight:.1f}, {how} {rest}"
