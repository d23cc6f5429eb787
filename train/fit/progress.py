"""Progress of a run.

Its pace, and measuring in mid-run. `Pace` turns the seconds that steps and encoding took into the
share done and the seconds left; `Measure` encodes and judges a model in mid-run, reports by that
pace, and ends where it is asked.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus.records import Corpus
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.evaluation import Judged, evaluate
from retrieval.index import Index, index_in_parts
from retrieval.prompts import Side, as_other, fairer, other_way
from train.recipe import Recipe
from train.run.events import Event, PhaseEvent

from .stopping import Stop

ENCODE_SHARE = 1 / 3
"""What encoding costs of a training step on the same texts: no backward pass."""
REPORT_EVERY = 0.5
"""Seconds between two reports of progress."""


@dataclass
class Pace:
    """Seconds that training steps and encoding take, so far.

    passages: how many are encoded whenever an epoch is measured. Times are of a clock that never
    goes back.
    """

    recipe: Recipe
    passages: int
    step_seconds: float | None = None
    encode_seconds: float | None = None
    share: float = 0.0
    _reported: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Whether it is time for another report."""
        now = time.monotonic()
        if now - self._reported <= REPORT_EVERY:
            return False
        self._reported = now
        return True

    def progress(
        self, step: int, steps: int, epoch: int, encoded: float | None = None
    ) -> dict[str, Any]:
        """Steps and share done, and the seconds left.

        epoch: how many are done. encoded: while one is measured, the share of the corpus that is
        encoded.
        """
        at = {"step": step, "steps": steps}
        if self.step_seconds is None:
            return {**at, "share": self.share, "left_s": None}
        encode = self.encode_seconds or (
            ENCODE_SHARE * self.step_seconds * self.passages / self.recipe.batch_size
        )
        measuring = 0.0 if encoded is None else 1 - encoded
        left = (steps - step) * self.step_seconds
        left += (self.recipe.epochs - epoch + measuring) * encode
        whole = steps * self.step_seconds + self.recipe.epochs * encode
        self.share = max(self.share, round(1 - left / whole, 3))  # better estimates never go back
        return {**at, "share": self.share, "left_s": round(max(0.0, left), 1)}

    def speed(self) -> dict[str, float | None]:
        """Speed as the record keeps it for the next estimate.

        None where nothing was timed.
        """
        return {
            "examples_per_second": _rate(self.recipe.batch_size, self.step_seconds),
            "passages_per_second": _rate(self.passages, self.encode_seconds),
        }


def _rate(count: int, seconds: float | None) -> float | None:
    return round(count / seconds, 2) if seconds else None


@dataclass
class Measure:
    """What a run measures its models on, and how.

    check: raises when the run must end here.
    """

    corpus: Corpus
    pace: Pace
    stop: Stop
    check: Callable[[], None]

    def index(
        self,
        encoder: SentenceTransformerEncoder,
        phase: str,
        cache: Path | None = None,
        progress: Callable[[float], dict[str, Any]] = lambda encoded: {},
    ) -> Generator[Event, None, Index]:
        """Encode the corpus, yielding how far it is.

        progress: what the share that is encoded means for the whole run.
        """
        start = time.monotonic()
        parts = index_in_parts(encoder, self.corpus, cache)
        while True:
            try:
                with self.stop.interrupts():
                    at = next(parts)
            except StopIteration as finished:
                index: Index = finished.value
                return index
            self.pace.encode_seconds = (time.monotonic() - start) / at.done * at.total
            if self.pace.due():
                yield PhaseEvent(phase=phase, encoded=at.done, passages=at.total,
                                 **progress(at.done / at.total))
            self.check()

    def base(
        self, encoder: SentenceTransformerEncoder, cache: Path | None
    ) -> Generator[Event, None, tuple[Side, dict[str, Any] | None]]:
        """The base, with prompts or without as dev prefers.

        And the choice, if there is one. Both ways are kept in `cache` where passages are encoded
        another time.
        """
        side: Side = (yield from self.index(encoder, "baseline", cache)), encoder
        other = other_way(encoder)
        if other is None:
            return side, None
        again = as_other(side[0], other) or (yield from self.index(other, "baseline", cache))
        with self.stop.interrupts():
            return fairer(side, (again, other), self.corpus)

    def judged(self, index: Index, *splits: str) -> dict[str, dict[str, Judged]]:
        """How a model does on some splits, question by question."""
        with self.stop.interrupts():
            return {split: evaluate(index, self.corpus, split) for split in splits}
