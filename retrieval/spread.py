"""How much the base model's ndcg@10 differs from query to query, on a sample that takes seconds."""

import importlib.util
import random
from collections.abc import Callable, Iterable

import numpy as np

from corpus.power import FEWEST_QUERIES, Spread
from corpus.records import Corpus, Passage
from corpus.tokens import PACKAGE

from .encoder import EMBEDDED_MODEL, Encoder, ModelError, load_encoder
from .evidence import judge
from .index import build_index
from .metrics import PRIMARY

TOKENS = 128
"""What passages are cut to."""
MOST_QUERIES, MOST_PASSAGES = 150, 1_200
MOST_TOKENS = 60_000
"""Tokens of passages that are encoded at most: about 15 s on one core in fp32."""
LETTERS_PER_TOKEN = 4
"""What English text comes to: enough to bound the work with."""
SPLIT = "test"


def base_spread(
    corpus: Corpus, progress: Callable[[int, int], None] = lambda done, total: None
) -> Spread | None:
    """The spread of the embedded model; None where it is not here, or the data gives none."""
    if len(corpus.qrels.get(SPLIT, {})) < FEWEST_QUERIES:
        return None
    if importlib.util.find_spec(PACKAGE) is None:
        return None
    try:
        encoder = load_encoder(EMBEDDED_MODEL).cut_at(TOKENS)
        return measured_spread(corpus, encoder, progress=progress)
    except (ModelError, ImportError):
        return None


def measured_spread(
    corpus: Corpus, encoder: Encoder, seed: int = 42,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Spread | None:
    """Standard deviation and mean of a model's ndcg@10 over queries of the test split.

    Up to `MOST_QUERIES` queries are judged against their relevant passages and others drawn by
    `seed`. encoder: cut to `TOKENS` already. None where fewer than two queries are left, or the
    model has no usable vector for one. progress: told how many passages are encoded.
    """
    sample = sampled(corpus, seed)
    judged = sample.qrels[SPLIT]
    if len(judged) < 2:
        return None
    try:
        index = build_index(encoder, sample, progress=progress)
        values = [query.metrics[PRIMARY] for query in judge(index, sample, SPLIT).values()]
    except ValueError:  # not measured is not the same as zero
        return None
    whole = len(sample.passages) == len(corpus.passages) and len(judged) == len(corpus.qrels[SPLIT])
    return Spread(float(np.std(values, ddof=1)), float(np.mean(values)), len(values),
                  len(sample.passages), not whole)


def sampled(corpus: Corpus, seed: int) -> Corpus:
    """Some test queries with the passages that answer them, and others to tell those from."""
    chance = random.Random(seed)
    asked = sorted(corpus.qrels.get(SPLIT, {}))
    chance.shuffle(asked)
    room = _Room(MOST_PASSAGES // 2, MOST_TOKENS // 2)
    qrels: dict[str, dict[str, int]] = {}
    for query_id in asked:
        grades = {pid: grade for pid, grade in corpus.qrels[SPLIT][query_id].items() if grade > 0}
        if len(qrels) < MOST_QUERIES and room.take(corpus.passage[pid] for pid in grades):
            qrels[query_id] = grades
    room.widen(MOST_PASSAGES // 2, MOST_TOKENS // 2)
    others = sorted(corpus.passage.keys() - room.taken)
    for pid in chance.sample(others, min(len(others), MOST_PASSAGES)):
        room.take([corpus.passage[pid]])
    passages = tuple(passage for passage in corpus.passages if passage.id in room.taken)
    return Corpus(corpus.name, passages, corpus.queries, {SPLIT: qrels})


class _Room:
    """What is left of the passages and tokens that may be encoded."""

    def __init__(self, passages: int, tokens: int) -> None:
        self.passages, self.tokens = passages, tokens
        self.taken: set[str] = set()

    def widen(self, passages: int, tokens: int) -> None:
        """Have room for so many more."""
        self.passages += passages
        self.tokens += tokens

    def take(self, passages: Iterable[Passage]) -> bool:
        """Take these, all of them or none; whether there was room."""
        new = {passage.id: passage for passage in passages if passage.id not in self.taken}
        tokens = sum(min(TOKENS, len(passage.content) // LETTERS_PER_TOKEN + 2)
                     for passage in new.values())
        if len(new) > self.passages or tokens > self.tokens:
            return False
        self.passages -= len(new)
        self.tokens -= tokens
        self.taken.update(new)
        return True
