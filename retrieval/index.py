"""Build an index of a corpus, search and keep it."""

import hashlib
import logging
import os
import tempfile
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

from corpus.records import Corpus
from hub.progress import OnProgress, Progress, drained, silent

from .encoder import Encoder, Vectors, comparable

log = logging.getLogger("tandem")

SEAL = b"sha256:"
"""Before the checksum at the end of a file of vectors, which NumPy does not read."""
CHUNK = 64
"""Passages encoded between two reports of progress."""


@dataclass(frozen=True)
class Ranking:
    """Every passage of a corpus, scored for one query.

    scores: (passages,) float, in the order of `ids`, which is sorted: equal scores are ranked by
    passage id. places: id -> its place in `ids`.
    """

    ids: Sequence[str]
    scores: NDArray[np.floating]
    places: Mapping[str, int]

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
    sorted.
    """

    encoder: Encoder
    ids: tuple[str, ...]
    vectors: Vectors

    @property
    def name(self) -> str:
        """The model's name."""
        return self.encoder.name

    def search_many(self, queries: Sequence[str]) -> list[Ranking]:
        """Rank every passage for each query."""
        scores = self.encoder.encode_queries(queries) @ self.vectors.T
        return [Ranking(self.ids, row, self._places) for row in scores]

    def truncated(self, dim: int) -> "Index":
        """The same index with shorter vectors: nothing is encoded again."""
        cut = comparable(self.vectors[:, :dim], self.encoder.similarity)
        return Index(self.encoder.at(dim), self.ids, cut)

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {passage_id: place for place, passage_id in enumerate(self.ids)}


def build_index(
    encoder: Encoder,
    corpus: Corpus,
    cache: Path | None = None,
    progress: OnProgress = silent,
) -> Index:
    """Encode a corpus, or read its vectors from the cache.

    progress: told how many passages are encoded.
    """
    return drained(index_in_parts(encoder, corpus, cache), progress)


def index_in_parts(
    encoder: Encoder, corpus: Corpus, cache: Path | None = None
) -> Generator[Progress, None, Index]:
    """Build an index, yielding how many passages are encoded.

    Returns the index.
    """
    passages = sorted(corpus.passages, key=lambda passage: passage.id)
    ids = tuple(passage.id for passage in passages)
    path = cache and _cache_path(cache, encoder, corpus)
    vectors = read_vectors(path, len(ids)) if path else None
    if vectors is None:
        vectors = yield from _encode([passage.content for passage in passages], encoder)
        if path:
            write_vectors(path, vectors)
    return Index(encoder, ids, vectors)


def store_index(index: Index, corpus: Corpus, cache: Path) -> None:
    """Keep the vectors of an index for the next `build_index`."""
    write_vectors(_cache_path(cache, index.encoder, corpus), index.vectors)


def forget_vectors(cache: Path, passages: str) -> None:
    """Remove cached vectors of the corpus with this fingerprint."""
    for path in cache.glob(f"*-{passages[:24]}-*.npy"):
        path.unlink(missing_ok=True)


def _encode(texts: list[str], encoder: Encoder) -> Generator[Progress, None, Vectors]:
    """Encode in order of length, so that a batch has little padding."""
    order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
    parts: list[Vectors] = []
    for start in range(0, len(order), CHUNK):
        chunk = order[start : start + CHUNK]
        parts.append(encoder.encode_passages([texts[place] for place in chunk]))
        yield Progress(start + len(chunk), len(order))
    stacked = np.concatenate(parts)
    vectors = np.empty_like(stacked)
    vectors[order] = stacked
    return vectors


def _cache_path(cache: Path, encoder: Encoder, corpus: Corpus) -> Path:
    model, _, dim = encoder.fingerprint.partition("@")
    return cache / f"{model[:24]}-{corpus.fingerprint[:24]}-{dim or 'full'}.npy"


def read_vectors(path: Path, texts: int) -> Vectors | None:
    """The vectors of so many texts from disk.

    None where they are not there, or damaged.
    """
    try:
        vectors: Vectors = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None  # not there, or damaged: it is encoded again
    whole = vectors.ndim == 2 and len(vectors) == texts and vectors.dtype == np.float32
    if not whole or _is_damaged(path):
        log.warning("An index in the cache is damaged: it is made again.")
        return None
    return vectors


def _is_damaged(path: Path) -> bool:
    """Whether a file is not what was written, by the checksum at its end; older ones have none."""
    length = len(SEAL) + hashlib.sha256().digest_size
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - length))
        end = file.read()
        if not end.startswith(SEAL):
            return False
        file.seek(0)
        return _digest(file, size - length) != end[len(SEAL):]


def _digest(file: BinaryIO, size: int) -> bytes:
    """SHA-256 of so many bytes of a file, from where it is read."""
    digest, left = hashlib.sha256(), size
    while left and (part := file.read(min(left, 1 << 20))):
        digest.update(part)
        left -= len(part)
    return digest.digest()


def write_vectors(path: Path, vectors: Vectors) -> None:
    """Keep vectors on disk, whole or not at all.

    Where they cannot be kept, that is logged: they are used from memory, and made again next time.
    """
    try:
        _write_vectors(path, vectors)
    except OSError as error:
        log.warning("An index cannot be kept on disk (%s): it is used from memory, and made again "
                    "at the next start.", type(error).__name__)


def _write_vectors(path: Path, vectors: Vectors) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "w+b") as file:
            np.save(file, vectors, allow_pickle=False)
            size = file.tell()
            file.seek(0)
            file.write(SEAL + _digest(file, size))
        os.replace(name, path)
    except BaseException:  # a full disk, or a run that was stopped just then
        os.unlink(name)
        raise
