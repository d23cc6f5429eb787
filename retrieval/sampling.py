"""A sample of passages as hard to search as all.

How much the base model's ndcg@10 differs from query to query, on a sample that takes seconds.
"""

import importlib.util
import logging
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from corpus.check.power import FEWEST_QUERIES, Spread
from corpus.check.tokens import PACKAGE
from corpus.records import Corpus, Passage
from corpus.text import content_words
from hub.progress import OnProgress, silent

from .encoder import Encoder
from .evaluation import evaluate
from .fast.load import FORMS, ServedEncoder, load_served
from .index import build_index
from .metrics import PRIMARY
from .models import EMBEDDED_MODEL, load_encoder

TOKENS = 128
"""What passages are cut to when they are encoded."""
MOST_QUERIES, MOST_PASSAGES = 150, 1_200
MOST_TOKENS = 60_000
"""Tokens of passages that are encoded at most: about 15 s on one core in fp32."""
MOST_READ, READ_LENGTH = 20_000, 2_000
"""Passages that near ones are looked for in, and characters of each."""
NEAR = 100
"""Passages near one question that come into question."""
LETTERS_PER_TOKEN = 4
"""What English text comes to: enough to bound the work with."""


def small_pool(corpus: Corpus, split: str, seed: int) -> Corpus:
    """Some queries with their answers and near passages.

    Near in words. Nearest by the sum of the idf of shared words: what a model could take for an
    answer is mostly among these, where passages drawn by chance would make finding easy. The same
    each time.
    """
    chance = random.Random(seed)
    asked = sorted(corpus.qrels.get(split, {}))
    chance.shuffle(asked)
    room = _Room(MOST_PASSAGES // 2, MOST_TOKENS // 2)
    qrels: dict[str, dict[str, int]] = {}
    for query_id in asked:
        grades = {pid: grade for pid, grade in corpus.qrels[split][query_id].items() if grade > 0}
        if len(qrels) < MOST_QUERIES and room.take(corpus.passage[pid] for pid in grades):
            qrels[query_id] = grades
    room.widen(MOST_PASSAGES // 2, MOST_TOKENS // 2)
    others = sorted(corpus.passage.keys() - room.taken)
    others = chance.sample(others, min(len(others), MOST_READ))
    questions = [corpus.queries[query_id].text for query_id in qrels]
    texts = [corpus.passage[pid].content for pid in others]
    for place in dict.fromkeys(_nearest_first(questions, texts)):
        room.take([corpus.passage[others[place]]])
    passages = tuple(passage for passage in corpus.passages if passage.id in room.taken)
    return Corpus(corpus.name, passages, corpus.queries, {split: qrels})


def _nearest_first(questions: Sequence[str], texts: Sequence[str]) -> Iterator[int]:
    """Places of the texts: the nearest of each question, then the next of each; then the rest."""
    asked = [set(content_words(question[:READ_LENGTH])) for question in questions]
    known = set().union(*asked)
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        for word in known.intersection(content_words(text[:READ_LENGTH])):
            holders[word].append(place)
    ranked: list[list[int]] = []
    for words in asked:
        score = np.zeros(len(texts))
        for word in sorted(words & holders.keys()):
            score[holders[word]] += np.log(1 + len(texts) / len(holders[word]))
        best = np.argsort(-score, kind="stable")[:NEAR]
        ranked.append([int(place) for place in best if score[place] > 0])
    for rank in range(NEAR):
        yield from (of_query[rank] for of_query in ranked if rank < len(of_query))
    yield from range(len(texts))


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
        """Take these, all of them or none.

        Whether there was room.
        """
        new = {passage.id: passage for passage in passages if passage.id not in self.taken}
        tokens = sum(min(TOKENS, len(passage.content) // LETTERS_PER_TOKEN + 2)
                     for passage in new.values())
        if len(new) > self.passages or tokens > self.tokens:
            return False
        self.passages -= len(new)
        self.tokens -= tokens
        self.taken.update(new)
        return True


log = logging.getLogger("retrieval")
SPLIT = "test"


def base_spread(
    corpus: Corpus, progress: OnProgress = silent, cache: Path | None = None
) -> Spread | None:
    """The spread of the embedded model.

    None where it is not here, or the data gives none. cache: where an app may have its fast form,
    with which a small check takes half the time; a check makes no folder.
    """
    if len(corpus.qrels.get(SPLIT, {})) < FEWEST_QUERIES:
        return None
    if importlib.util.find_spec(PACKAGE) is None:
        return None
    try:
        encoder: ServedEncoder = load_served(EMBEDDED_MODEL, cache=cache) \
            if cache is not None and (cache / FORMS).is_dir() else load_encoder(EMBEDDED_MODEL)
        return measured_spread(corpus, encoder.cut_at(TOKENS), progress=progress)
    except Exception as error:
        # A damaged package, or a process with less memory than a model takes: torch says the
        # latter in many ways, and ONNX Runtime's errors share no base. The rest of the check
        # stands without it.
        log.warning("The base model is not judged, so its spread is assumed: %.200s", error)
        return None


def measured_spread(
    corpus: Corpus, encoder: Encoder, seed: int = 42,
    progress: OnProgress = silent,
) -> Spread | None:
    """Standard deviation and mean of ndcg@10 over test queries.

    Up to 150 queries, drawn by `seed`, are judged against their relevant passages and those nearest
    in words, up to 1,200 in all. encoder: cut to `TOKENS` already. None where fewer than two
    queries are left, or the model has no usable vector for one. progress: told how many passages
    are encoded.
    """
    sample = small_pool(corpus, SPLIT, seed)
    judged = sample.qrels[SPLIT]
    if len(judged) < 2:
        return None
    try:
        index = build_index(encoder, sample, progress=progress)
        values = [query.metrics[PRIMARY] for query in evaluate(index, sample, SPLIT).values()]
    except ValueError:  # not measured is not the same as zero
        return None
    whole = len(sample.passages) == len(corpus.passages) and len(judged) == len(corpus.qrels[SPLIT])
    return Spread(float(np.std(values, ddof=1)), float(np.mean(values)), len(values),
                  len(sample.passages), not whole)
