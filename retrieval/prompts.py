"""A side at its best: a model with its prompts and without, chosen between on dev."""

from collections.abc import Callable
from typing import Any

from corpus.records import Corpus

from .encoder import SentenceTransformerEncoder
from .evaluation import evaluate, means
from .index import Index
from .metrics import PRIMARY

CHOSEN_ON = "dev"

Side = tuple[Index, SentenceTransformerEncoder]


def other_way(encoder: SentenceTransformerEncoder) -> SentenceTransformerEncoder | None:
    """The same model without its prompts, or with; None if it has none."""
    if not any(encoder.prompts.values()):
        return None
    return encoder.with_prompts(not encoder.prompted)


def fairer(one: Side, other: Side, corpus: Corpus) -> tuple[Side, dict[str, Any]]:
    """The better of two ways to prompt one model, and what the record says of the choice.

    One is with its prompts and the other without; ties go to the prompts, as its authors have it.
    """
    scores = {side[1].prompted: means(evaluate(side[0], corpus, CHOSEN_ON))[PRIMARY]
              for side in (one, other)}
    used = scores[True] >= scores[False]
    side = one if one[1].prompted == used else other
    return side, {**one[1].prompts, "used": used, "with": scores[True], "without": scores[False]}


def at_its_best(
    encoder: SentenceTransformerEncoder,
    corpus: Corpus,
    build: Callable[[SentenceTransformerEncoder], Index],
) -> tuple[Side, dict[str, Any] | None]:
    """A model's index with or without its prompts, and the choice; None if there was none.

    build: encodes the corpus, a second time only where passages have a prompt.
    """
    side = build(encoder), encoder
    other = other_way(encoder)
    if other is None or not corpus.qrels.get(CHOSEN_ON):
        return side, None
    return fairer(side, (as_other(side[0], other) or build(other), other), corpus)


def as_other(index: Index, other: SentenceTransformerEncoder) -> Index | None:
    """The index prompted the other way, if its passages have the same vectors."""
    if index.encoder.fingerprint != other.fingerprint:
        return None
    return Index(other, index.ids, index.vectors)
