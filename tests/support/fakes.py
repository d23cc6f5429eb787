"""A deterministic encoder, a six-passage corpus, an engine that runs nothing, a request."""

import hashlib
import re
from functools import cache
from types import SimpleNamespace

import numpy as np

from corpus.records import Corpus, Passage, Query
from retrieval.encoder import Vectors, normalised
from train.run.record import ACTIVE
from train.run.spec import spec_of


class HashingEncoder:
    """Bag of words, each word hashed to a direction of its own: similar texts share words."""

    similarity = "cosine"

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

    def cut_at(self, tokens: int | None) -> "HashingEncoder":
        return self

    def with_prompts(self, used: bool) -> "HashingEncoder":
        return self

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
            total += direction(self._salt + word)
        return total[: self.dim]


@cache
def direction(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).standard_normal(64).astype(np.float32)


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


def begin(run):
    run.update(status="running")


class FakeEngine:
    """Runs nothing: keeps what it was asked. on_start: what becomes of a run that it starts.

    A run asked for on a flavor has a device of its own. broken: raised at each look at a run.
    """

    def __init__(self, name="local", on_start=begin):
        self.name, self.on_start = name, on_start
        self.started, self.stopped, self.abandoned = [], [], False
        self.tokens, self.broken = {}, {}

    def device(self, run):
        return f"{self.name} {asked.flavor or '' if (asked := run.record().engine) else ''}".strip()

    def start(self, run, token=None):
        spec_of(run)
        self.started.append(run.id)
        self.tokens[run.id] = token
        self.on_start(run)

    def stop(self, run, token=None):
        if run.record().status not in ACTIVE:
            return False
        self.stopped.append((run.id, token))
        return True

    def look(self, run):
        if run.id in self.broken:
            raise self.broken[run.id]

    def visit(self, run, token=None):
        self.visits = [*getattr(self, "visits", []), (run.id, token)]

    def abandon(self):
        self.abandoned = True


class Headers(dict):
    """Read whatever the case of a name, as a request's are."""

    def get(self, name, default=None):
        return super().get(name.lower(), default)


class FakeRequest:
    """What the page's door reads of a request.

    browser: the mark of the browser. signed_in: the token of whoever signed in on the page.
    """

    def __init__(self, token=None, browser=None, signed_in=None, expires=None, origin=None,
                 session="session", **headers):
        if token:
            headers["x-hf-authorization"] = f"Bearer {token}"
        if origin:
            headers["origin"] = origin
        self.headers = Headers({"host": "tandem.example"} | headers)
        self.session_hash = session
        info = {"access_token": signed_in, "expires_at": expires}
        self.request = SimpleNamespace(
            cookies={"tandem_browser": browser} if browser else {},
            scope={"session": {"oauth_info": info} if signed_in else {}})
