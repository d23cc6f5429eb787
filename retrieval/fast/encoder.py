"""An encoder that runs a model's fast form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from retrieval.encoder import COSINE, Vectors, comparable, passages_fingerprint

from .form import FastForm


@dataclass(frozen=True)
class FastEncoder:
    """A model as an Encoder, run by ONNX Runtime.

    Its vectors are those of the `SentenceTransformerEncoder` of the same model, to rounding, so
    both have one fingerprint. prompts: what stands before a `query` and a `passage`. full_dim: how
    long the model's own vectors are.
    """

    form: FastForm
    name: str
    weights_fingerprint: str
    prompts: Mapping[str, str]
    similarity: str = COSINE
    truncate_dim: int | None = None
    prompted: bool = True
    max_tokens: int | None = None
    revision: str | None = None

    @property
    def dim(self) -> int:
        """How long the vectors are."""
        return min(self.truncate_dim or self.form.dim, self.form.dim)

    @cached_property
    def fingerprint(self) -> str:
        """What vectors of passages depend on."""
        return passages_fingerprint(
            self.weights_fingerprint, self.prompts["passage"] if self.prompted else "",
            self.max_tokens, self.similarity, self.dim)

    def at(self, truncate_dim: int | None) -> "FastEncoder":
        """The same model with vectors of another length."""
        if truncate_dim is not None and not 1 <= truncate_dim <= self.form.dim:
            raise ValueError(
                f"truncate_dim must be between 1 and {self.form.dim}, not {truncate_dim}.")
        return replace(self, truncate_dim=truncate_dim)

    def with_prompts(self, prompted: bool) -> "FastEncoder":
        """The same model with its prompts, or without."""
        return replace(self, prompted=prompted)

    def cut_at(self, max_tokens: int | None) -> "FastEncoder":
        """The same model, reading fewer tokens of a text."""
        if max_tokens is None:
            return self
        return replace(self, max_tokens=max_tokens, form=self.form.cut_at(max_tokens))

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of queries, with the model's query prompt."""
        return self._compared(self.form.encode(self._given(texts, "query")))

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of passages, with the model's passage prompt."""
        return self._compared(self.form.encode(self._given(texts, "passage")))

    def _given(self, texts: Sequence[str], side: str) -> list[str]:
        prompt = self.prompts[side] if self.prompted else ""
        return [prompt + text for text in texts]

    def _compared(self, vectors: Vectors) -> Vectors:
        return comparable(np.ascontiguousarray(vectors[:, : self.dim]), self.similarity)
