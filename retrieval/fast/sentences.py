"""Sentences of passages: where they stand, and their vectors."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from corpus.records import Passage

Vectors = NDArray[np.float32]
Span = tuple[int, int]
"""Start and end of a piece of text, in characters."""

SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[\"“‘(]?[A-Z0-9])")
STEPS = 127
"""What the largest part of a stored sentence vector is: a byte holds each part."""


def sentence_spans(text: str) -> list[Span]:
    """Where the sentences of a text stand.

    Together they cover it but for the space between.
    """
    spans: list[Span] = []
    start = 0
    for match in SENTENCE_END.finditer(text):
        spans.append((start, match.start()))
        start = match.end()
    if text[start:].strip():
        spans.append((start, len(text)))
    return spans


def sentences_to_mark(passage: Passage) -> list[str]:
    """The sentences of a passage's text.

    None where there is one or none: there is nothing to point out.
    """
    spans = sentence_spans(passage.text)
    return [passage.text[start:end] for start, end in spans] if len(spans) > 1 else []


@dataclass(frozen=True)
class SentenceVectors:
    """Directions of the sentences of a corpus' passages.

    counts: (passages,) how many sentences of each there are, 0 where there is nothing to point out.
    directions: (sentences, dim) int8, one passage after the other, each row a vector scaled so that
    its largest part is `STEPS`; zeros for what has no usable vector.
    """

    counts: NDArray[np.integer[Any]]
    directions: NDArray[np.int8]

    @classmethod
    def of(cls, counts: Iterable[int], vectors: Vectors) -> "SentenceVectors":
        """Pack vectors of sentences, (sentences, dim)."""
        largest = np.abs(vectors).max(axis=1, keepdims=True, initial=0)
        usable = np.isfinite(largest) & (largest > 0)
        scaled = np.where(usable, vectors * (STEPS / np.where(usable, largest, 1)), 0)
        return cls(np.fromiter(counts, np.int64), np.rint(scaled).astype(np.int8))

    @cached_property
    def _ends(self) -> NDArray[np.int64]:
        return np.cumsum(self.counts, dtype=np.int64)

    @classmethod
    def joined(cls, parts: "Sequence[SentenceVectors]", order: NDArray[np.intp]
               ) -> "SentenceVectors":
        """Those of passages that came in parts, put in order.

        order: for each passage that is wanted, its place among all that came.
        """
        whole = cls(np.concatenate([part.counts for part in parts]),
                    np.concatenate([part.directions for part in parts]))
        starts = whole._ends - whole.counts
        rows = [np.arange(starts[place], whole._ends[place]) for place in order]
        return cls(whole.counts[order], whole.directions[np.concatenate(
            [np.zeros(0, np.int64), *rows])])

    def of_passage(self, place: int) -> NDArray[np.int8]:
        """The rows of the passage at a place."""
        end = int(self._ends[place])
        return self.directions[end - int(self.counts[place]) : end]

    def nearest(self, place: int, text: str, query: Vectors) -> Span | None:
        """The sentence of a passage's text nearest to a query.

        By cosine; query: (dim,), which may be shorter than the rows. None where there is nothing to
        point out, or the model read none of it.
        """
        rows = self.of_passage(place)[:, : len(query)].astype(np.float32)
        spans = sentence_spans(text)
        if len(rows) != len(spans) or not len(rows):
            return None
        lengths = np.linalg.norm(rows, axis=1)
        if not lengths.any():
            return None
        cosines = np.where(lengths > 0, rows @ query / np.where(lengths > 0, lengths, 1), -np.inf)
        return spans[int(np.argmax(cosines))]
