"""What a training run will take, before it starts.

Counted, timed by a few real steps, given as a range.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from corpus.records import Corpus
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.models import load_encoder
from train.recipe import Recipe

from .batches import epoch_batches
from .fit import check_trainable
from .loop import Loop
from .machine import device_name, most_memory
from .model import check_fits

if TYPE_CHECKING:
    from corpus.records import Pair

STEP_SECONDS = 6.0
"""How long steps are timed at most, the one under way not counted."""
ENCODE_SECONDS = 2.0
PLACES = (0.5, 0.1, 0.9, 0.3, 0.7)
"""Which batches and passages are timed, by length: the median first, in case there is no time."""
CHUNK = 32
FEW = (0.75, 1.5)
"""What one round of timed steps may be off by, as shares: the machine has other things to do."""
MANY = (0.85, 1.25)
START = (4.0, 25.0)
"""Seconds to load what trains, where nobody has timed it."""
END = (1.0, 8.0)
"""Seconds to measure, save and describe the result."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Work:
    """What a run will do, counted.

    encoded: passages over all measurings. heavier: how much more a step has to encode than its
    pairs, at least and at most.
    """

    pairs: int
    passages: int
    steps: int
    batch: int
    encoded: int
    heavier: Range = (1.0, 1.0)


@dataclass(frozen=True)
class Speed:
    """Seconds a training step and an encoded text take.

    Each at least and at most.
    """

    step: Range
    encode: Range


def work_of(recipe: Recipe, corpus: Corpus, seed: int) -> Work:
    """Count what a recipe does with a corpus.

    Nothing is loaded.
    """
    pairs = corpus.pairs("train")
    steps = sum(len(batches) for batches in _epochs(recipe, corpus, seed))
    passages, negatives = len(corpus.passages), _negatives(recipe, corpus)
    return Work(
        pairs=len(pairs),
        passages=passages,
        steps=steps,
        batch=recipe.batch_size,
        encoded=passages * (recipe.epochs + 1),
        # Negatives are passages: as long as a pair's, or, beside short queries, all there is.
        heavier=(1 + negatives / 2, 1.0 + negatives),
    )


def _negatives(recipe: Recipe, corpus: Corpus) -> float:
    """Hard negatives of a pair that the data gives, on average."""
    known, pairs = corpus.negatives("train"), corpus.pairs("train")
    given = sum(min(recipe.given_negatives, len(known.get(pair.query.id, ()))) for pair in pairs)
    return given / max(1, len(pairs))


def seconds(work: Work, speed: Speed, start: Range = START) -> Range:
    """How long the work takes, at least and at most."""
    low, high = (
        start[end] + END[end] + work.steps * speed.step[end] * work.heavier[end]
        + work.encoded * speed.encode[end]
        for end in (0, 1)
    )
    return round(low, 1), round(high, 1)


def estimate_from(work: Work, speed: Speed, **more: Any) -> dict[str, Any]:
    """An estimate as the command line prints it."""
    low, high = seconds(work, speed, more.pop("start", START))
    return {
        "pairs": work.pairs,
        "passages": work.passages,
        "steps": work.steps,
        "seconds": {"low": low, "high": high},
        "examples_per_second": round(2 * work.batch / sum(speed.step), 2),
        "passages_per_second": round(2 / sum(speed.encode), 2),
        **more,
    }


def estimate(
    recipe: Recipe, corpus: Corpus, base: str, revision: str | None = None, seed: int = 42
) -> dict[str, Any]:
    """Estimate a run by a few steps on real batches.

    Loads the base, takes some seconds, writes nothing. Raises CorpusError, ModelError or
    TrainingError, as the run itself would.
    """
    check_trainable(corpus)
    began = time.monotonic()
    encoder = load_encoder(base, revision)
    loaded = time.monotonic() - began
    check_fits(encoder.model, recipe)
    encoder = encoder.at(recipe.truncate_dim).cut_at(recipe.max_seq_length)
    encode = _timed_encoding(encoder, corpus)
    # What a step takes does not depend on which passages meet in it.
    plain = replace(recipe, cross_batch_memory=0.0, given_negatives=0,
                    batching=_plain(recipe))
    loop = Loop(encoder.model, plain, corpus, seed)
    step = _timed_steps(loop, next(_epochs(plain, corpus, seed)))
    return estimate_from(
        work_of(recipe, corpus, seed), Speed(step, encode),
        start=(0.7 * loaded, 1.5 * loaded + 2),
        memory_bytes=most_memory() + 2 * 4 * encoder.dim * len(corpus.passages),
        device=device_name(encoder.model.device),
        precision=loop.precision,
        seconds_spent=round(time.monotonic() - began, 1),
    )


def spread(rounds: Sequence[Sequence[float]]) -> Range:
    """The mean seconds of a step, from rounds of them.

    At least and at most; each round timed the same steps.
    """
    whole = [sum(times) / len(times) for times in rounds if len(times) == len(rounds[0])]
    low, high = MANY if len(whole) > 1 else FEW
    return low * min(whole), high * max(whole)


def _timed_steps(loop: Loop, batches: list[list["Pair"]]) -> Range:
    by_length = sorted(batches, key=lambda batch: max(len(p.passage.content) for p in batch))
    loop.take_step(by_length[-1])  # the most memory; and what is only slow the first time
    sample = [by_length[place] for place in _places(len(by_length))]
    rounds: list[list[float]] = []
    end = time.monotonic() + STEP_SECONDS
    while time.monotonic() < end and len(rounds) < 5:
        rounds.append([])
        for batch in sample:
            start = time.monotonic()
            loop.take_step(batch)
            rounds[-1].append(time.monotonic() - start)
            if time.monotonic() > end:
                break
    return spread(rounds)


def _timed_encoding(encoder: SentenceTransformerEncoder, corpus: Corpus) -> Range:
    texts = sorted((passage.content for passage in corpus.passages), key=len)
    encoder.encode_passages(texts[:1])
    rates: list[float] = []
    end = time.monotonic() + ENCODE_SECONDS
    for place in _places(math.ceil(len(texts) / CHUNK)):
        chunk = texts[place * CHUNK : (place + 1) * CHUNK]
        start = time.monotonic()
        encoder.encode_passages(chunk)
        rates.append((time.monotonic() - start) / len(chunk))
        if time.monotonic() > end:
            break
    return _around(sum(rates) / len(rates), FEW)


def _places(count: int) -> list[int]:
    """Which of so many things in order are timed."""
    return list(dict.fromkeys(min(count - 1, int(share * count)) for share in PLACES))


def _epochs(recipe: Recipe, corpus: Corpus, seed: int) -> Iterator[list[list["Pair"]]]:
    relevant = {query: [pid for pid, grade in rel.items() if grade > 0]
                for query, rel in corpus.qrels.get("train", {}).items()}
    for epoch in range(recipe.epochs):
        yield epoch_batches(corpus.pairs("train"), recipe.batch_size, _plain(recipe), relevant,
                            seed + epoch)


def _plain(recipe: Recipe) -> str:
    """A batching that needs no vectors, with as many batches."""
    return "shuffled" if recipe.batching == "neighbours" else recipe.batching


def _around(value: float, shares: Range) -> Range:
    return value * shares[0], value * shares[1]
