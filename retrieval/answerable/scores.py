"""Whether a best score is one that answered questions have.

A rule for each model and corpus, learned from the corpus's own questions: a fixed cut-off fails, as
models and corpora score differently. Other rules that were tried, and the error rates of this one,
are in bench/RESULTS.md (`python -m bench.nothing_fits`).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corpus.records import Corpus
from retrieval.encoder import Encoder, Vectors
from retrieval.fast.store import read_vectors, write_array
from retrieval.index import Index

FALSE_ALARMS = 0.05
"""The share of answered questions that are called weak matches."""
FEWEST, MOST = 40, 200
"""Questions it takes to place that share, and as many as are encoded for it."""
PART = 64
"""Questions scored at a time: each has a score for every passage."""


@dataclass(frozen=True)
class UsualScores:
    """Best scores of questions that a corpus answers.

    best: ascending, of one model over one corpus.
    """

    best: NDArray[np.float32]

    @property
    def least(self) -> float:
        """The score below which a match is weak.

        All but `FALSE_ALARMS` of the answered questions score higher.
        """
        return float(np.quantile(self.best, FALSE_ALARMS))

    def is_weak(self, score: float) -> bool:
        """Whether a best score is unusually low."""
        return score < self.least


def answered_questions(corpus: Corpus, splits: Sequence[str] = ("dev", "test")) -> list[str]:
    """Queries with an answer that no model was trained on.

    At most `MOST` of them, at even distances; none where they are fewer than `FEWEST`.
    """
    train = set(corpus.qrels.get("train", {}))
    asked = [query_id for split in splits for query_id, grades in
             corpus.qrels.get(split, {}).items()
             if query_id not in train and any(grade > 0 for grade in grades.values())]
    texts = [corpus.queries[query_id].text for query_id in dict.fromkeys(asked)]
    return texts[:: -(-len(texts) // MOST)] if len(texts) >= FEWEST else []


def question_vectors(
    encoder: Encoder, corpus: Corpus, texts: Sequence[str], cache: Path | None = None
) -> Vectors:
    """The vectors of queries, kept on disk beside the corpus's.

    (texts, dim) float32.
    """
    path = cache and _path(cache, encoder, corpus, texts)
    vectors = read_vectors(path, len(texts)) if path else None
    if vectors is None:
        vectors = encoder.encode_queries(texts)
        if path:
            write_array(path, vectors)
    return vectors


def usual_scores(index: Index, asked: Vectors) -> UsualScores | None:
    """The best score of each query over an index.

    asked: (queries, dim) float32. None where there are fewer than `FEWEST`.
    """
    if len(asked) < FEWEST or not index.ids:
        return None
    best = [(asked[start:start + PART] @ index.vectors.T).max(axis=1)
            for start in range(0, len(asked), PART)]
    return UsualScores(np.sort(np.concatenate(best)))


def _path(cache: Path, encoder: Encoder, corpus: Corpus, texts: Sequence[str]) -> Path:
    """Named as the passages' vectors are, so that it goes when they go."""
    model, _, dim = encoder.fingerprint.partition("@")
    asked = hashlib.sha256("\n".join(texts).encode("utf-8", "replace")).hexdigest()
    return cache / f"{model[:24]}-{corpus.fingerprint[:24]}-{dim or 'full'}-asked-{asked[:16]}.npy"
