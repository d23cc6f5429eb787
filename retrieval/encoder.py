"""Texts -> vectors: the protocol everything else speaks, and the one adapter behind it."""

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]

QUERY_PROMPTS = ("query",)
PASSAGE_PROMPTS = ("document", "passage", "corpus")
"""Under which names a model stores its prompts: those `encode_query` and `encode_document` take."""
BATCH_SIZE = 32
"""Passages a call: small batches of like length are the fastest on a CPU."""


class Encoder(Protocol):
    """What search needs of a model. Rows are normalised, so a dot product is the cosine."""

    name: str
    fingerprint: str

    @property
    def dim(self) -> int:
        """How long the vectors are."""

    def at(self, truncate_dim: int | None) -> "Encoder":
        """The same model with vectors of another length; ValueError if it has fewer dimensions."""

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions: (texts, dim) float32, each of length 1."""

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages: (texts, dim) float32, each of length 1."""


class SentenceTransformerEncoder:
    """A sentence-transformers model as an Encoder. Its prompts and `truncate_dim` live here.

    revision: the commit of the Hub it is from, None for one that is not. prompts: what the model
    puts before a `query` and a `passage`, empty where it puts nothing. prompted: whether it does.
    max_tokens: how much of a text is read, None for what the model is set to.
    """

    def __init__(
        self,
        model: "SentenceTransformer",
        name: str,
        fingerprint: str,
        truncate_dim: int | None = None,
        *,
        revision: str | None = None,
        prompted: bool = True,
        max_tokens: int | None = None,
    ) -> None:
        """Wrap a loaded model; `truncate_dim` keeps that many dimensions of each vector."""
        self.model = model
        self.name = name
        self.truncate_dim = truncate_dim or model.truncate_dim
        self.revision = revision
        self.prompts = {"query": _stored(model, QUERY_PROMPTS),
                        "passage": _stored(model, PASSAGE_PROMPTS)}
        self.prompted = prompted
        self.max_tokens = max_tokens
        if max_tokens is not None:
            model.max_seq_length = max_tokens
        self.weights_fingerprint = fingerprint
        bare = not prompted and bool(self.prompts["passage"])
        if bare or max_tokens is not None:  # then passages have other vectors
            how = f"{fingerprint} bare={bare} max_tokens={max_tokens}"
            fingerprint = hashlib.sha256(how.encode()).hexdigest()
        self.fingerprint = f"{fingerprint}@{self.dim}"

    @property
    def dim(self) -> int:
        """How long the vectors are."""
        full = self.model.get_embedding_dimension() or 0
        return min(self.truncate_dim or full, full)

    def at(self, truncate_dim: int | None) -> "SentenceTransformerEncoder":
        """The same model with vectors of another length."""
        full = self.model.get_embedding_dimension() or 0
        if truncate_dim is not None and not 1 <= truncate_dim <= full:
            raise ValueError(f"truncate_dim must be between 1 and {full}, not {truncate_dim}.")
        return self._with(truncate_dim=truncate_dim)

    def with_prompts(self, prompted: bool) -> "SentenceTransformerEncoder":
        """The same model with its prompts, or without."""
        return self._with(prompted=prompted)

    def cut_at(self, max_tokens: int | None) -> "SentenceTransformerEncoder":
        """The same model, reading so many tokens of a text from now on; None for its own length."""
        return self if max_tokens is None else self._with(max_tokens=max_tokens)

    def _with(self, **changes: Any) -> "SentenceTransformerEncoder":
        now: dict[str, Any] = {"truncate_dim": self.truncate_dim, "revision": self.revision,
                               "prompted": self.prompted, "max_tokens": self.max_tokens}
        return SentenceTransformerEncoder(
            self.model, self.name, self.weights_fingerprint, **now | changes)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions, with the model's query prompt where it has one."""
        return self._encode(self.model.encode_query, texts)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages, with the model's document prompt where it has one."""
        return self._encode(self.model.encode_document, texts)

    def _encode(self, encode: Callable[..., Any], texts: Sequence[str]) -> Vectors:
        if not texts:  # encode([]) has no second axis
            return np.zeros((0, self.dim), np.float32)
        vectors = encode(
            list(texts),
            batch_size=BATCH_SIZE,
            show_progress_bar=False,
            convert_to_numpy=True,
            truncate_dim=self.truncate_dim,
            prompt=None if self.prompted else "",  # None: the one it stores
        )
        return normalised(np.asarray(vectors, np.float32))


def normalised(vectors: Vectors) -> Vectors:
    """The same vectors at length 1; one that is all zeros, or not a number, becomes zeros."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    usable = np.isfinite(lengths) & (lengths > 0)
    return np.where(usable, vectors / np.where(usable, lengths, 1), 0).astype(np.float32)


def _stored(model: "SentenceTransformer", names: Sequence[str]) -> str:
    """The prompt that the library itself takes for one of these names, if any."""
    name = next((name for name in names if name in model.prompts), model.default_prompt_name)
    return str(model.prompts.get(name) or "") if name else ""
