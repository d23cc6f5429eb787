"""A deterministic encoder and a six-passage corpus: enough for nearly every test."""

import hashlib
import re

import numpy as np

from corpus.records import Corpus, Passage, Query
from retrieval.encoder import Vectors, normalised


class HashingEncoder:
    """Bag of words, each word hashed to a direction of its own: similar texts share words."""

    def __init__(self, name: str = "hashing", dim: int = 64, salt: str = "") -> None:
        self.name, self._dim, self._salt = name, dim, salt
        self.fingerprint = f"{name}{salt}@{dim}"
        self.calls = 0

    @property
    def dim(self) -> int:
        return self._dim

    def at(self, truncate_dim: int | None) -> "HashingEncoder":
        if truncate_dim is not None and truncate_dim > self._dim:
            raise ValueError(f"truncate_dim must be between 1 and {self._dim}")
        return HashingEncoder(self.name, truncate_dim or self._dim, self._salt)

    def encode_queries(self, texts) -> Vectors:
        return self._encode(texts)

    def encode_passages(self, texts) -> Vectors:
        return self._encode(texts)

    def _encode(self, texts) -> Vectors:
        self.calls += 1
        if not texts:
            return np.zeros((0, self.dim), np.float32)
        return normalised(np.stack([self._one(text) for text in texts]))

    def _one(self, text: str) -> np.ndarray:
        total = np.zeros(64, np.float32)
        for word in re.findall(r"\w+", text.lower()):
            seed = int.from_bytes(hashlib.sha256((self._salt + word).encode()).digest()[:4], "big")
            total += np.random.default_rng(seed).standard_normal(64).astype(np.float32)
        return total[: self.dim]


PASSAGES = (
    Passage("p1", "The front luggage compartment of the Boxster holds 150 litres.",
            "Boxster: luggage"),
    Passage("p2", "PDK shifts with two clutches. Paddles sit behind the wheel.", "911: PDK"),
    Passage("p3", "A Taycan charges at up to 270 kW. Preheat the battery.", "Taycan: charging"),
    Passage("p4", "The Cayenne tows up to 3,500 kg when braked.", "Cayenne: trailer load"),
    Passage("p5", "Ceramic brakes are lighter. They are marked by yellow calipers.", "911: PCCB"),
    Passage("p6", "The roof of the Targa opens in 19 seconds.", "911 Targa: roof"),
)
QUERIES = {
    query.id: query
    for query in (
        Query("q1", "How big is the front luggage compartment?"),
        Query("q2", "What are the yellow calipers?"),
        Query("q3", "flappy paddle gearbox"),
        Query("q4", "towing with a Cayenne"),
    )
}


def small_corpus() -> Corpus:
    return Corpus(
        "six",
        PASSAGES,
        QUERIES,
        {
            "train": {"q1": {"p1": 1}, "q2": {"p5": 1}},
            "dev": {"q3": {"p2": 1}},
            "test": {"q4": {"p4": 1, "p6": 1}},
        },
    )
