"""Vectors of passages on disk, shared by every process.

One file for each model and corpus, read into memory a page at a time; beside it those of sentences,
and what each passage's text was, so that a corpus that changed a little is encoded a little.
"""

import hashlib
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .sentences import SentenceVectors, Vectors

log = logging.getLogger("tandem")

SEAL = b"sha256:"
"""Before the checksum at the end of a file, which NumPy does not read."""
SENTENCES, COUNTS, TEXTS = ".sentences", ".counts", ".texts"
"""What stands beside a file of vectors."""
DIGEST = 16
"""Bytes that tell one text from another."""
Digests = NDArray[np.uint8]


@dataclass(frozen=True)
class PassageVectors:
    """Vectors of passages, with those of their sentences.

    vectors: (passages, dim). sentences: None where they were not asked for.
    """

    vectors: Vectors
    sentences: SentenceVectors | None = None


@dataclass(frozen=True)
class Store:
    """The vectors of one corpus under one model, on disk.

    model: the encoder's fingerprint, with its dimensions behind an @. corpus: its fingerprint.
    """

    folder: Path
    model: str
    corpus: str

    @property
    def path(self) -> Path:
        """The file of the passages' vectors."""
        return self._path(self._dim)

    def read(self, passages: int) -> PassageVectors | None:
        """Vectors of the model, perhaps longer ones to be cut.

        None where there is nothing whole.
        """
        for path in [self.path, *self._longer()]:
            vectors = read_vectors(path, passages)
            if vectors is None:
                continue
            return PassageVectors(vectors, _sentences(path, passages))
        return None

    def write(self, kept: PassageVectors, texts: Sequence[str] = ()) -> None:
        """Keep vectors, and of which texts they are."""
        write_array(self.path, kept.vectors)
        if kept.sentences is not None:
            write_array(self._beside(COUNTS), kept.sentences.counts)
            write_array(self._beside(SENTENCES), kept.sentences.directions)
        if texts:
            write_array(self._beside(TEXTS), digests(texts))

    def earlier(
        self, texts: Sequence[str]
    ) -> tuple[PassageVectors, NDArray[np.intp]] | None:
        """The corpus of this model that shares most texts.

        With, for each text, its place there, or -1. None where none shares any.
        """
        wanted = {digest.tobytes(): place for place, digest in enumerate(digests(texts))}
        best: tuple[int, Path, NDArray[np.intp]] | None = None
        for path in self.folder.glob(f"{self._model}-*-{self._dim}{TEXTS}"):
            known = _array(path, np.uint8, 2)
            if known is None:
                continue
            places = np.full(len(texts), -1, np.intp)
            for place, digest in enumerate(known):
                if (here := wanted.get(digest.tobytes())) is not None:
                    places[here] = place
            shared = int((places >= 0).sum())
            if shared and (best is None or shared > best[0]):
                best = shared, path, places
        if best is None:
            return None
        path = best[1].with_suffix(".npy")
        vectors = _array(path, np.float32, 2)
        if vectors is None or int(best[2].max()) >= len(vectors):
            return None
        kept = PassageVectors(vectors, _sentences(path, len(vectors)))
        return kept, _same_texts(texts, best[2])

    @property
    def _model(self) -> str:
        name = self.model.partition("@")[0]
        if not name.isalnum():  # no hexadecimal digest: it may not even be a file's name
            name = hashlib.sha256(name.encode()).hexdigest()
        return name[:24]

    @property
    def _dim(self) -> str:
        return self.model.partition("@")[2] or "full"

    def _path(self, dim: str) -> Path:
        return self.folder / f"{self._model}-{self.corpus[:24]}-{dim}.npy"

    def _beside(self, what: str) -> Path:
        return self.path.with_suffix(what)

    def _longer(self) -> Iterator[Path]:
        """Files of the same corpus and model with more dimensions than are wanted."""
        for path in sorted(self.folder.glob(self._path("*").name)):
            dim = path.stem.rpartition("-")[2]
            if (dim.isdigit() and self._dim.isdigit() and int(dim) > int(self._dim)
                    and path == self._path(dim)):
                yield path


def digests(texts: Sequence[str]) -> Digests:
    """What tells texts apart: (texts, DIGEST)."""
    joined = b"".join(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=DIGEST).digest()
                      for text in texts)
    return np.frombuffer(joined, np.uint8).reshape(len(texts), DIGEST)


def forget(folder: Path, corpus: str) -> None:
    """Remove what is kept of the corpus with this fingerprint."""
    for path in folder.glob(f"*-{corpus[:24]}-*"):
        path.unlink(missing_ok=True)


def read_vectors(path: Path, texts: int) -> Vectors | None:
    """The vectors of so many texts from disk.

    None where they are not there, or damaged.
    """
    vectors = _array(path, np.float32, 2)
    return vectors if vectors is not None and len(vectors) == texts else None


def _same_texts(texts: Sequence[str], places: NDArray[np.intp]) -> NDArray[np.intp]:
    """Places for texts that stand more than once, of which only the last has been given one."""
    of_text = {text: place for text, place in zip(texts, places.tolist(), strict=True)
               if place >= 0}
    return np.array([of_text.get(text, -1) for text in texts], np.intp)


def _sentences(path: Path, passages: int) -> SentenceVectors | None:
    counts = _array(path.with_suffix(COUNTS), None, 1)
    rows = _array(path.with_suffix(SENTENCES), np.int8, 2)
    if counts is None or rows is None or len(counts) != passages or counts.sum() != len(rows):
        return None
    return SentenceVectors(counts, rows)


def _array(path: Path, kind: type[np.generic] | None, axes: int) -> NDArray[Any] | None:
    try:
        # Mapped: every process shares the pages, and what is not looked at can go again.
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        damaged = array.ndim != axes or kind not in (None, array.dtype) or _is_damaged(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError):
        damaged = True
    if damaged:
        log.warning("An index in the cache is damaged: it is made again.")
        return None
    return array.view(np.ndarray)


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


def write_array(path: Path, array: NDArray[Any]) -> None:
    """Keep an array on disk, whole or not at all.

    Where it cannot be kept, that is logged: it is used from memory, and made again next time.
    """
    try:
        _write(path, array)
    except OSError as error:
        log.warning("An index cannot be kept on disk (%s): it is used from memory, and made again "
                    "at the next start.", type(error).__name__)


def _write(path: Path, array: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(descriptor, "w+b") as file:
            np.save(file, array, allow_pickle=False)
            size = file.tell()
            file.seek(0)
            file.write(SEAL + _digest(file, size))
        os.replace(name, path)
    except BaseException:  # a full disk, or a run that was stopped just then
        os.unlink(name)
        raise
