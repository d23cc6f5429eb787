"""Hard negatives: passages that do not answer a query, as the data says or as the base finds."""

import random
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from corpus.records import Corpus, Pair
from retrieval.encoder import Vectors
from retrieval.index import Index

Places = NDArray[np.int64]

CELLS = 1 << 24
"""Scores held at a time (64 MiB): what bounds the memory, however many pairs and passages."""
CHOICE = 4
"""So many candidates are drawn from for each negative wanted: the nearest ones, not only those."""
SAME = 1 - 1e-5
"""A cosine above this is of the same text: it is not taken for a negative of itself."""


def mine(
    pairs: Sequence[Pair],
    relevant: Mapping[str, Collection[str]],
    index: Index,
    per_pair: int,
    margin: float,
    seed: int,
    held_out: Collection[str] = (),
) -> list[tuple[str, ...]]:
    """Up to `per_pair` passage ids for each pair, in the order of the pairs.

    A candidate is refused as a likely false negative when it is known to be relevant, has the
    positive's text, or scores above `margin` times the positive's score (TopK-PercPos of
    NV-Retriever, Moreira et al. 2024, arXiv 2407.15831). What is left is drawn from the
    `CHOICE` x `per_pair` nearest; where fewer are left, a pair gets fewer, or none.

    relevant: query id -> ids of the passages that answer it. index: of the base model, with every
    positive in it; KeyError otherwise. held_out: ids that are never taken, such as the answers of
    dev and test, which nothing may be learned of. The same seed draws the same.
    """
    if not pairs or per_pair < 1:
        return [()] * len(pairs)
    places = {passage_id: place for place, passage_id in enumerate(index.ids)}
    positives = np.array([places[pair.passage.id] for pair in pairs])
    never = [places[passage_id] for passage_id in held_out if passage_id in places]
    rng = random.Random(seed)
    found: list[tuple[str, ...]] = []
    size = max(1, CELLS // len(index.ids))
    for start in range(0, len(pairs), size):
        chunk = pairs[start : start + size]
        scores = _allowed(chunk, positives[start : start + size], relevant, index, places, margin)
        scores[:, never] = -np.inf
        for row in scores:
            near = _nearest(row, CHOICE * per_pair)
            drawn = sorted(rng.sample(range(len(near)), min(per_pair, len(near))))
            found.append(tuple(index.ids[near[place]] for place in drawn))
    return found


def given(corpus: Corpus, held_out: Collection[str] = ()) -> dict[str, tuple[str, ...]]:
    """Query id -> passages that the training data says are no answers, in a fixed order.

    held_out: as for `mine`: the answers of dev and test are never taken.
    """
    never = set(held_out)
    return {
        query: found for query, judged in corpus.negatives("train").items()
        if (found := tuple(passage for passage in sorted(judged) if passage not in never))
    }


def drawn(found: tuple[str, ...], most: int, seed: str) -> tuple[str, ...]:
    """At most so many of some passages: the same seed draws the same."""
    return found if len(found) <= most else tuple(random.Random(seed).sample(found, most))


def _allowed(
    pairs: Sequence[Pair],
    positives: Places,
    relevant: Mapping[str, Collection[str]],
    index: Index,
    places: Mapping[str, int],
    margin: float,
) -> Vectors:
    """Scores of all passages for some pairs, with -inf where a passage may be an answer.

    (pairs, passages) float32.
    """
    scores: Vectors = index.encoder.encode_queries([pair.query.text for pair in pairs])
    scores = scores @ index.vectors.T
    own = scores[np.arange(len(pairs)), positives]
    # A share of a negative cosine would lie above it: there, nothing may score above the positive.
    bound = np.where(own > 0, margin * own, own)
    scores[scores > bound[:, None]] = -np.inf
    for row, pair in enumerate(pairs):
        scores[row, [places[pid] for pid in relevant.get(pair.query.id, ()) if pid in places]] = (
            -np.inf
        )
        scores[row, positives[row]] = -np.inf
        near = np.flatnonzero(scores[row] >= own[row] - 1e-4)  # where an equal text would stand
        scores[row, near[index.vectors[near] @ index.vectors[positives[row]] > SAME]] = -np.inf
    return scores


def _nearest(scores: Vectors, count: int) -> list[int]:
    """Places of the `count` best finite scores, best first, equal ones by place."""
    count = min(count, int(np.isfinite(scores).sum()))
    if not count:
        return []
    bound = np.partition(scores, -count)[-count]
    candidates = np.flatnonzero(scores >= bound)
    order = np.argsort(-scores[candidates], kind="stable")[:count]
    return [int(place) for place in candidates[order]]
