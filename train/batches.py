"""Which pairs share a step: the other passages of a batch are each query's negatives."""

import random
from collections.abc import Iterable, Mapping, Sequence

from corpus.records import Pair

POOL = 16
"""Batches sorted by length together: enough to save the padding, few enough to stay random."""


def epoch_batches(
    pairs: Sequence[Pair],
    batch_size: int,
    batching: str,
    relevant: Mapping[str, Iterable[str]],
    seed: int,
) -> list[list[Pair]]:
    """One epoch's batches, in a random order that depends on `seed` alone.

    A passage that answers two queries of a batch would be a false negative of one of them, so
    such pairs are kept apart. relevant: query id -> ids of the passages that answer it.
    """
    rng = random.Random(seed)
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
