"""Measure a model in mid-run: told how far it is, stopped when somebody asks."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from corpus.records import Corpus
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.evidence import Judged, judge
from retrieval.fair import Side, as_other, fairer, other_way
from retrieval.index import Index, index_in_parts

from .pace import Pace
from .stopping import Stop

Event = dict[str, Any]


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
        progress: Callable[[float], Event] = lambda encoded: {},
    ) -> Generator[Event, None, Index]:
        """Encode the corpus, yielding how far it is.

        progress: what the share that is encoded means for the whole run.
        """
        start = time.monotonic()
        parts = index_in_parts(encoder, self.corpus, cache)
        while True:
            try:
                with self.stop.interrupts():
                    done, total = next(parts)
            except StopIteration as finished:
                index: Index = finished.value
                return index
            self.pace.encode_seconds = (time.monotonic() - start) / done * total
            if self.pace.due():
                yield {"type": "phase", "phase": phase, "done": done, "total": total,
                       **progress(done / total)}
            self.check()

    def base(
        self, encoder: SentenceTransformerEncoder, cache: Path | None
    ) -> Generator[Event, None, tuple[Side, dict[str, Any] | None]]:
        """The base with its prompts or without, as it does better on dev; and the choice, if any.

        Both ways are kept in `cache` where passages are encoded another time.
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
            return {split: judge(index, self.corpus, split) for split in splits}
