"""Build an index of a corpus, search and keep it."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from corpus.records import Corpus, Passage
from hub.progress import OnProgress, Progress, drained, silent

from .encoder import Encoder, Vectors, comparable
from .fast.sentences import SentenceVectors, sentences_to_mark
from .fast.shipped import shipped_vectors
from .fast.store import PassageVectors, Store, forget

CHUNK, CHUNK_EACH = 64, 2048
"""Passages encoded between two reports of progress: by this process, and by each of several, to
which they must be sent."""


@dataclass(frozen=True)
class Ranking:
    """Every passage of a corpus, scored for one query.

    scores: (passages,) float, in the order of `ids`, which is sorted: equal scores are ranked by
    passage id. places: id -> its place in `ids`. query: its vector, (dim,), where a model made it.
    """

    ids: Sequence[str]
    scores: NDArray[np.floating]
    places: Mapping[str, int]
    query: Vectors | None = None

    def top(self, k: int) -> list[tuple[str, float]]:
        """The k best (passage id, score), best first."""
        k = min(k, len(self.ids))
        if k <= 0:
            return []
        bound = np.partition(self.scores, -k)[-k]
        candidates = np.flatnonzero(self.scores >= bound)
        best = candidates[np.argsort(-self.scores[candidates], kind="stable")][:k]
        return [(self.ids[place], float(self.scores[place])) for place in best]

    def rank(self, passage_id: str) -> int | None:
        """The rank of a passage from 1; None without it."""
        place = self.places.get(passage_id)
        if place is None:
            return None
        score = self.scores[place]
        better = np.count_nonzero(self.scores > score)
        equal_before = np.count_nonzero(self.scores[:place] == score)
        return int(better + equal_before) + 1

    def score(self, passage_id: str) -> float:
        """The score of a passage."""
        return float(self.scores[self.places[passage_id]])


class Searcher(Protocol):
    """One side of a comparison.

    A model with an index, or a lexical ranking.
    """

    @property
    def name(self) -> str:
        """What the side is called."""

    def search_many(self, queries: Sequence[str]) -> list[Ranking]:
        """Rank every passage for each query."""


@dataclass(frozen=True)
class Index:
    """The vectors of a corpus under one model.

    vectors: (passages, dim) float32, as the encoder gives them, in the order of `ids`, which is
    sorted. sentences: of the same passages, of the model's full length; None where nothing is to be
    marked.
    """

    encoder: Encoder
    ids: tuple[str, ...]
    vectors: Vectors
    sentences: SentenceVectors | None = None

    @property
    def name(self) -> str:
        """The model's name."""
        return self.encoder.name

    def search_many(self, queries: Sequence[str]) -> list[Ranking]:
        """Rank every passage for each query."""
        asked = self.encoder.encode_queries(queries)
        return [Ranking(self.ids, row, self._places, query)
                for query, row in zip(asked, asked @ self.vectors.T, strict=True)]

    def truncated(self, dim: int) -> "Index":
        """The same index with shorter vectors: nothing is encoded again."""
        cut = comparable(self.vectors[:, :dim], self.encoder.similarity)
        return Index(self.encoder.at(dim), self.ids, cut, self.sentences)

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {passage_id: place for place, passage_id in enumerate(self.ids)}


def build_index(
    encoder: Encoder,
    corpus: Corpus,
    cache: Path | None = None,
    progress: OnProgress = silent,
    *,
    sentences: bool = False,
    shipped: bool = True,
) -> Index:
    """Encode a corpus, or read its vectors from the cache.

    progress: told how many passages are encoded. The others: as for `index_in_parts`.
    """
    return drained(index_in_parts(encoder, corpus, cache, sentences=sentences, shipped=shipped),
                   progress)


def index_in_parts(
    encoder: Encoder, corpus: Corpus, cache: Path | None = None, *, sentences: bool = False,
    shipped: bool = True,
) -> Generator[Progress, None, Index]:
    """Build an index, yielding how many passages are encoded.

    Returns the index. Vectors are read from the cache, or from those that are shipped, and of a
    corpus that was encoded before in another version only what changed is encoded. sentences:
    whether a hit's nearest sentence is to be marked.
    """
    passages = sorted(corpus.passages, key=lambda passage: passage.id)
    ids = tuple(passage.id for passage in passages)
    store = Store(cache, encoder.fingerprint, corpus.fingerprint) if cache else None
    kept = store.read(len(ids)) if store else None
    if kept is None and shipped:
        kept = shipped_vectors(encoder, corpus)
    is_new = kept is None or (sentences and kept.sentences is None)
    kept = yield from _encode_what_is_missing(passages, encoder, kept, store, sentences)
    if store and is_new and kept.vectors.shape[1:] == (encoder.dim,):
        store.write(kept, [passage.content for passage in passages])
    vectors = kept.vectors
    if len(ids) and vectors.shape[1] > encoder.dim:  # kept of the model's full length
        vectors = comparable(vectors[:, : encoder.dim], encoder.similarity)
    return Index(encoder, ids, vectors, kept.sentences if sentences else None)


def store_index(index: Index, corpus: Corpus, cache: Path) -> None:
    """Keep the vectors of an index for the next `build_index`."""
    Store(cache, index.encoder.fingerprint, corpus.fingerprint).write(
        PassageVectors(index.vectors, index.sentences),
        [corpus.passage[name].content for name in index.ids])


def forget_vectors(cache: Path, passages: str) -> None:
    """Remove cached vectors of the corpus with this fingerprint."""
    forget(cache, passages)


def _encode_what_is_missing(
    passages: Sequence[Passage], encoder: Encoder, kept: PassageVectors | None,
    store: Store | None, sentences: bool,
) -> Generator[Progress, None, PassageVectors]:
    """Encode what is not kept, and what no earlier version of the corpus had."""
    if kept is None:
        before = store.earlier([passage.content for passage in passages]) if store else None
        if before:
            return (yield from _encode_changed(passages, encoder, *before, sentences))
        return (yield from _encode(passages, encoder, sentences))
    if sentences and kept.sentences is None:
        kept = PassageVectors(kept.vectors, (yield from _encode_sentences(passages, encoder)))
    return kept


def _encode_changed(
    passages: Sequence[Passage], encoder: Encoder, known: PassageVectors,
    places: NDArray[np.intp], sentences: bool,
) -> Generator[Progress, None, PassageVectors]:
    """Encode what is new, and put it among what is known.

    places: for each passage its place among the known ones, or -1.
    """
    new = np.flatnonzero(places < 0).tolist()
    only_new = [passages[place] for place in new]
    made = yield from _encode(only_new, encoder, sentences)
    vectors = np.empty((len(passages), encoder.dim), np.float32)
    vectors[places >= 0] = known.vectors[places[places >= 0]]
    vectors[new] = made.vectors
    if made.sentences is None:
        return PassageVectors(vectors)
    if known.sentences is None:
        return PassageVectors(vectors, (yield from _encode_sentences(passages, encoder)))
    order = places.copy()
    order[new] = len(known.vectors) + np.arange(len(new))
    return PassageVectors(
        vectors, SentenceVectors.joined([known.sentences, made.sentences], order))


def _encode(
    passages: Sequence[Passage], encoder: Encoder, sentences: bool
) -> Generator[Progress, None, PassageVectors]:
    """Encode in order of length, so that a batch has little padding."""
    order = sorted(range(len(passages)), key=lambda place: -len(passages[place].content))
    vectors = np.empty((len(passages), encoder.dim), np.float32)
    parts = [_no_sentences(encoder)]
    processes = getattr(encoder, "processes", 1)
    step = CHUNK if processes == 1 else CHUNK_EACH * processes
    for start in range(0, len(order), step):
        chunk = order[start : start + step]
        vectors[chunk] = encoder.encode_passages([passages[place].content for place in chunk])
        if sentences:
            parts.append(_sentences_of([passages[place] for place in chunk], encoder))
        yield Progress(start + len(chunk), len(order))
    places = np.empty(len(order), np.intp)
    places[order] = np.arange(len(order))
    return PassageVectors(vectors, SentenceVectors.joined(parts, places) if sentences else None)


def _encode_sentences(
    passages: Sequence[Passage], encoder: Encoder
) -> Generator[Progress, None, SentenceVectors]:
    """Encode the sentences of passages whose own vectors are there."""
    parts = [_no_sentences(encoder)]
    for start in range(0, len(passages), CHUNK):
        parts.append(_sentences_of(passages[start : start + CHUNK], encoder))
        yield Progress(min(start + CHUNK, len(passages)), len(passages))
    return SentenceVectors.joined(parts, np.arange(len(passages)))


def _sentences_of(passages: Sequence[Passage], encoder: Encoder) -> SentenceVectors:
    """Each sentence encoded by itself, of passages that have several."""
    of_passages = [sentences_to_mark(passage) for passage in passages]
    texts = [sentence for sentences in of_passages for sentence in sentences]
    return SentenceVectors.of(map(len, of_passages), encoder.encode_passages(texts))


def _no_sentences(encoder: Encoder) -> SentenceVectors:
    return SentenceVectors.of((), np.zeros((0, encoder.dim), np.float32))
