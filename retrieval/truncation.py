"""Quality against `truncate_dim`, and what shorter vectors save.

In storage and time.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from corpus.records import Corpus
from hub.progress import OnProgress, Progress, silent
from retrieval.alternatives.quantization import PRECISIONS, quantized

from .encoder import Vectors, comparable
from .index import Index, Ranking
from .metrics import PRIMARY, query_metrics

SHORTEST = 8
TIMED = 64
"""Queries whose search is timed."""


@dataclass(frozen=True)
class AtDim:
    """Both sides with vectors of one length.

    base, tuned: mean ndcg@10, None for a side whose vectors are shorter than that. bytes: what the
    vectors of the corpus take. search_ms: a search for one question, encoding left out. quantized:
    tuned with the passages' vectors as `int8` and as `binary`, its ndcg@10 and what they take.
    """

    dim: int
    base: float | None
    tuned: float | None
    bytes: int
    search_ms: float
    quantized: Mapping[str, "AtPrecision"] = field(default_factory=dict)

    def as_json(self) -> dict[str, float | int | None]:
        """The row in figures."""
        found: dict[str, float | int | None] = {
            "truncate_dim": self.dim, "base": self.base, "tuned": self.tuned, "bytes": self.bytes,
            "search_ms": self.search_ms}
        for precision, at in self.quantized.items():
            found |= {f"tuned_{precision}": at.tuned, f"bytes_{precision}": at.bytes}
        return found


@dataclass(frozen=True)
class AtPrecision:
    """The tuned side with vectors of few bits.

    tuned: mean ndcg@10. bytes: what the vectors of the corpus take.
    """

    tuned: float
    bytes: int


def dims_to_try(full: int, trained: Iterable[int] = ()) -> list[int]:
    """The lengths of vectors that are tried, ascending.

    Every power of two from 8, the dimensions a model was trained for, and all.
    """
    powers = [2**n for n in range(3, 13) if SHORTEST <= 2**n < full]
    return sorted({*powers, *(dim for dim in trained if 0 < dim <= full), full})


def quality_by_dim(
    corpus: Corpus,
    base: Index,
    tuned: Index,
    trained: Sequence[int] = (),
    split: str = "test",
    progress: OnProgress = silent,
) -> list[AtDim]:
    """Judge both sides at every length.

    The vectors are cut and normalised, nothing is encoded. trained: dimensions to try beside the
    powers of two. progress: told how many lengths are done. ValueError when the split has no
    queries.
    """
    qrels = corpus.qrels.get(split, {})
    if not qrels:
        raise ValueError(f"The {split} split of {corpus.name} has no queries: there is nothing to "
                         "measure.")
    texts = [corpus.queries[query_id].text for query_id in qrels]
    asked = [side.encoder.encode_queries(texts) for side in (base, tuned)]
    dims = dims_to_try(max(base.encoder.dim, tuned.encoder.dim), trained)
    rows = []
    for done, dim in enumerate(dims, 1):
        sides = [_quality(side, queries, dim, corpus, split)
                 for side, queries in zip((base, tuned), asked, strict=True)]
        passages = len(base.ids)
        rows.append(AtDim(dim, sides[0], sides[1], 4 * dim * passages,
                          _search_ms(tuned.vectors, asked[1], dim),
                          _few_bits(tuned, asked[1], dim, corpus, split)))
        progress(Progress(done, len(dims)))
    return rows


def _quality(
    side: Index, queries: Vectors, dim: int, corpus: Corpus, split: str
) -> float | None:
    if dim > side.encoder.dim:
        return None
    passages = comparable(side.vectors[:, :dim], side.encoder.similarity)
    return _ndcg(side, queries, passages.T, corpus, split)


def _few_bits(
    side: Index, queries: Vectors, dim: int, corpus: Corpus, split: str
) -> dict[str, AtPrecision]:
    """A side with its passages' vectors in fewer bits; empty where they are shorter than that."""
    if dim > side.encoder.dim:
        return {}
    passages = comparable(side.vectors[:, :dim], side.encoder.similarity)
    few = {precision: quantized(passages, precision) for precision in PRECISIONS}
    return {precision: AtPrecision(_ndcg(side, queries, kept.vectors, corpus, split), kept.bytes)
            for precision, kept in few.items()}


def _ndcg(
    side: Index, queries: Vectors, passages: Vectors, corpus: Corpus, split: str
) -> float:
    """Mean ndcg@10 of queries, cut to the passages' length.

    passages: (dim, passages).
    """
    places = {pid: place for place, pid in enumerate(side.ids)}
    found = []
    cut = comparable(queries[:, :len(passages)], side.encoder.similarity)
    for row, grades in zip(cut, corpus.qrels[split].values(), strict=True):
        ranking = Ranking(side.ids, row @ passages, places)
        ranks = {pid: ranking.rank(pid) for pid, grade in grades.items() if grade > 0}
        found.append(query_metrics(ranks, grades)[PRIMARY])
    return float(np.mean(found))


def _search_ms(vectors: Vectors, queries: Vectors, dim: int) -> float:
    """The median time of one search, in milliseconds."""
    cut = np.ascontiguousarray(vectors[:, :dim])
    times = []
    for query in queries[:TIMED, : cut.shape[1]]:
        start = time.perf_counter()
        np.partition(cut @ query, -min(10, len(cut)))
        times.append(time.perf_counter() - start)
    return float(np.median(times) * 1000)


def smallest_within(rows: Sequence[AtDim], loss: float = 0.01) -> AtDim | None:
    """The shortest vectors that keep nearly all ndcg@10.

    loss: how much of it tuned may lose.
    """
    whole = next((row.tuned for row in reversed(rows) if row.tuned is not None), None)
    if whole is None:
        return None
    return next((row for row in rows if row.tuned is not None and row.tuned >= whole - loss), None)
