"""Texts -> vectors.

The protocol everything else speaks, and the one adapter behind it.
"""

import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]
Pool = dict[Literal["input", "output", "processes"], Any]

QUERY_PROMPTS = ("query",)
PASSAGE_PROMPTS = ("document", "passage", "corpus")
"""Under which names a model stores its prompts: those `encode_query` and `encode_document` take."""
BATCH_SIZE = 32
"""Passages a call: small batches of like length are the fastest on a CPU."""


COSINE, DOT = "cosine", "dot"


class Encoder(Protocol):
    """A model as search needs it: texts to vectors.

    similarity: what the model compares vectors by, `cosine` or `dot`. Either way the score of a
    passage is the dot product of two rows: those of a cosine model have length 1.
    """

    @property
    def name(self) -> str:
        """What it was asked by: a folder, or an id."""

    @property
    def fingerprint(self) -> str:
        """What its vectors are told apart by."""

    @property
    def similarity(self) -> str:
        """What it compares by."""

    @property
    def dim(self) -> int:
        """How long the vectors are."""

    def at(self, truncate_dim: int | None) -> "Encoder":
        """The same model with vectors of another length.

        ValueError if it has fewer dimensions.
        """

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of queries.

        (texts, dim) float32, of length 1 for a cosine model.
        """

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages.

        (texts, dim) float32, of length 1 for a cosine model.
        """


class SentenceTransformerEncoder:
    """A sentence-transformers model as an Encoder.

    Its prompts and `truncate_dim` live here. revision: the commit of the Hub it is from, None for
    one that is not. prompts: what the model puts before a `query` and a `passage`, empty where it
    puts nothing. prompted: whether it does. max_tokens: how much of a text is read, None for what
    the model is set to. plain: why ONNX Runtime does not run it, where somebody tried. pool:
    sentence-transformers' processes on several devices, if passages are spread over them.
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
        plain: str = "",
        pool: Pool | None = None,
    ) -> None:
        """Wrap a loaded model; `truncate_dim` keeps that many dimensions of each vector."""
        self.model = model
        self.name = name
        self.truncate_dim = truncate_dim or model.truncate_dim
        self.revision = revision
        self.similarity = str(model.similarity_fn_name or COSINE)
        self.prompts = {"query": stored_prompt(model, QUERY_PROMPTS),
                        "passage": stored_prompt(model, PASSAGE_PROMPTS)}
        self.prompted = prompted
        self.max_tokens = max_tokens
        if max_tokens is not None:
            model.max_seq_length = max_tokens
        self.weights_fingerprint = fingerprint
        self.plain = plain
        self.pool = pool
        self.fingerprint = passages_fingerprint(
            fingerprint, self.prompts["passage"] if prompted else "", max_tokens, self.similarity,
            self.dim)

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
        """The same model, reading fewer tokens of a text.

        tokens: how many; None for the model's own length.
        """
        return self if max_tokens is None else self._with(max_tokens=max_tokens)

    def spread_over(self, pool: Pool) -> "SentenceTransformerEncoder":
        """The same model with passages encoded by a pool's processes."""
        return self._with(pool=pool)

    @property
    def processes(self) -> int:
        """How many processes encode passages."""
        return len(self.pool["processes"]) if self.pool else 1

    def in_training(self) -> "SentenceTransformerEncoder":
        """The same model with weights that changed since loading.

        Its fingerprint is no other model's: vectors that were made before are not its own.
        """
        return self._with(fingerprint=secrets.token_hex(32))

    def _with(self, **changes: Any) -> "SentenceTransformerEncoder":
        now: dict[str, Any] = {"fingerprint": self.weights_fingerprint, "revision": self.revision,
                               "truncate_dim": self.truncate_dim, "prompted": self.prompted,
                               "max_tokens": self.max_tokens, "plain": self.plain,
                               "pool": self.pool}
        return SentenceTransformerEncoder(self.model, self.name, **now | changes)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of queries, with the model's query prompt.

        Where it has one.
        """
        return self._encode(self.model.encode_query, texts, "query")

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages, with the model's document prompt.

        Where it has one.
        """
        return self._encode(self.model.encode_document, texts, "passage", pool=self.pool)

    def _encode(
        self, encode: Callable[..., Any], texts: Sequence[str], side: str, **more: Any
    ) -> Vectors:
        if not texts:  # encode([]) has no second axis
            return np.zeros((0, self.dim), np.float32)
        vectors = encode(
            list(texts),
            batch_size=BATCH_SIZE,
            show_progress_bar=False,
            convert_to_numpy=True,
            truncate_dim=self.truncate_dim,
            prompt=self.prompts[side] if self.prompted else "",
            **more,
        )
        return comparable(np.asarray(vectors, np.float32), self.similarity)


def passages_fingerprint(
    weights: str, prompt: str, max_tokens: int | None, similarity: str, dim: int
) -> str:
    """What vectors of passages depend on, in one name.

    weights: the fingerprint of a model's weights. prompt: what stands before a passage.
    """
    how = {"passage": prompt, "max_tokens": max_tokens,
           "similarity": similarity if similarity != COSINE else None}
    if any(how.values()):  # then passages have other vectors than the weights alone say
        weights = hashlib.sha256(f"{weights} {how}".encode()).hexdigest()
    return f"{weights}@{dim}"


def normalised(vectors: Vectors) -> Vectors:
    """The same vectors at length 1.

    One that is all zeros, or not a number, becomes zeros.
    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    usable = np.isfinite(lengths) & (lengths > 0)
    return np.where(usable, vectors / np.where(usable, lengths, 1), 0).astype(np.float32)


def comparable(vectors: Vectors, similarity: str) -> Vectors:
    """Vectors whose dot product is their model's similarity.

    Also after they were cut to fewer dimensions. A row that is not a number becomes zeros.
    """
    if similarity == COSINE:
        return normalised(vectors)
    usable = np.isfinite(vectors).all(axis=1, keepdims=True)
    return np.where(usable, vectors, 0).astype(np.float32)


def stored_prompt(model: "SentenceTransformer", names: Sequence[str]) -> str:
    """A model's stored prompt under some names; "" for none."""
    return found_prompt(model.prompts, model.default_prompt_name, names)


def found_prompt(stored: Mapping[str, Any], default: str | None, names: Sequence[str]) -> str:
    """A stored prompt under some names.

    "" where there is none. default: the name of the one to take where there is none of these. The
    library itself looks no further than `document`, which each model has since version 5, be it
    empty: a model of before that stores its prompt for passages as `passage` would be read without.
    """
    found = [stored[name] for name in names if name in stored]
    if not found and default:
        found = [stored.get(default)]
    return next((str(prompt) for prompt in found if prompt), "")
