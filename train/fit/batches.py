"""Which pairs and passages share a training step.

The other passages of a batch are each query's negatives.
"""

import random
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from corpus.records import Corpus, Pair
from retrieval.encoder import Vectors

POOL = 16
"""Batches sorted by length together: enough to save the padding, few enough to stay random."""
STEPS = 4
"""How often two centres are moved to the middle of their halves: more changes little."""


def epoch_batches(
    pairs: Sequence[Pair],
    batch_size: int,
    batching: str,
    relevant: Mapping[str, Iterable[str]],
    seed: int,
    vectors: Vectors | None = None,
) -> list[list[Pair]]:
    """One epoch's batches of pairs, in random order.

    The order depends on `seed` alone. A passage that answers two queries of a batch would be a
    false negative of one of them, so such pairs are kept apart. batching: `shuffled`, `like_length`
    (little padding), or `neighbours` (pairs that the base finds alike, so that a batch's own
    passages are hard negatives). relevant: query id -> ids of the passages that answer it. vectors:
    for `neighbours`, the base model's vector of each pair's passage, (pairs, dim) float32;
    ValueError without them.
    """
    rng = random.Random(seed)
    if batching == "neighbours":
        if vectors is None or len(vectors) != len(pairs):
            raise ValueError("Batches of neighbours need one vector of the base model a pair.")
        order = [pairs[place] for place in _grouped(vectors, batch_size, seed)]
        batches = _apart(order, batch_size, {query: set(ids) for query, ids in relevant.items()})
        rng.shuffle(batches)
        return batches
    order = list(pairs)
    rng.shuffle(order)
    if batching == "like_length":
        pool = POOL * batch_size
        order = [
            pair
            for start in range(0, len(order), pool)
            for pair in sorted(
                order[start : start + pool], key=lambda pair: len(pair.passage.content)
            )
        ]
    batches = _apart(order, batch_size, {query: set(ids) for query, ids in relevant.items()})
    rng.shuffle(batches)
    return batches


def given(corpus: Corpus, held_out: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """Hard negatives that the training data gives, by query id.

    In a fixed order. held_out: ids that are never taken, such as the answers of dev and test, which
    nothing may be learned of.
    """
    never = set(held_out)
    return {
        query: found for query, judged in corpus.negatives("train").items()
        if (found := tuple(passage for passage in sorted(judged) if passage not in never))
    }


def drawn(found: tuple[str, ...], most: int, seed: str) -> tuple[str, ...]:
    """Draw at most so many passages, the same by seed."""
    return found if len(found) <= most else tuple(random.Random(seed).sample(found, most))


def _apart(
    order: list[Pair], batch_size: int, relevant: Mapping[str, set[str]]
) -> list[list[Pair]]:
    """Fill batches in order, leaving a pair for the next one where it would be a false negative.

    A batch of a single pair has no negatives, teaches nothing, and is left out.
    """
    batches: list[list[Pair]] = []
    waiting = order
    while waiting:
        batch: list[Pair] = []
        passages: set[str] = set()
        answers: set[str] = set()
        left: list[Pair] = []
        for place, pair in enumerate(waiting):
            if len(batch) == batch_size:
                left.extend(waiting[place:])
                break
            own = relevant[pair.query.id]
            if pair.passage.id in answers or own & passages:
                left.append(pair)
                continue
            batch.append(pair)
            passages.add(pair.passage.id)
            answers |= own
        if len(batch) > 1:
            batches.append(batch)
        waiting = left
    return batches


def _grouped(vectors: Vectors, group: int, seed: int) -> list[int]:
    """An order of the rows in which each `group` in succession are near one another.

    The rows are halved again and again between two centres, each half a whole number of groups:
    n log n vectors are looked at, for 100,000 pairs some seconds. Where the first centres fall is
    random, so another seed groups otherwise.
    """
    rng = np.random.default_rng(seed)
    waiting = [rng.permutation(len(vectors))]
    order: list[int] = []
    while waiting:
        rows = waiting.pop()
        if len(rows) <= group:
            order.extend(int(row) for row in rows)
            continue
        half = group * ((len(rows) + group) // (2 * group))
        nearest = _between_two_centres(vectors[rows], rng)
        waiting += [rows[nearest[half:]], rows[nearest[:half]]]
    return order


def _between_two_centres(vectors: Vectors, rng: np.random.Generator) -> NDArray[np.int64]:
    """Places sorted from one of two centres to the other (2-means with halves of equal size)."""
    first, second = vectors[rng.choice(len(vectors), 2, replace=False)]
    half = len(vectors) // 2
    for _ in range(STEPS):
        order = np.argsort(vectors @ (second - first), kind="stable")
        first, second = vectors[order[:half]].mean(axis=0), vectors[order[half:]].mean(axis=0)
    return order
