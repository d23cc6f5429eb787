"""Merges of a run with its base, measured or made.

In a process of its own, so that the page stays quick.
"""

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from train.merging.weights import check_alpha
from train.run.extra_parts import MergeCurve
from train.run.record import Run

from .measuring import Measuring, Steps

WITHIN = 3600
"""Seconds that six merges may take: each encodes all passages."""


class MergingError(ValueError):
    """A run cannot be merged with its base.

    The message says why.
    """


@dataclass
class MergingService:
    """Merges one run at a time.

    runs: where merges go, among all runs. command: what does it, given a run and what follows,
    printing one JSON object.
    """

    home: Path
    runs: Path
    command: Callable[[Run, Sequence[str]], Sequence[str]] = lambda run, more: [
        sys.executable, "-m", "train", "merge", str(run.folder.resolve()), *more, "--json"]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Have commands followed."""
        self.measuring = Measuring(self.home, MergingError, "Merging", "merged", WITHIN)

    def curve(self, run: Run) -> Steps[MergeCurve]:
        """Quality and retention by alpha, recorded or measured now.

        Yields progress. MergingError; CancelledError when it was stopped.
        """
        with self._lock:
            if known := run.record().merge_curve:  # somebody else has waited for it
                return known
            yield from self.measuring.steps(run, self.command(run, ()))
            return run.record().merge_curve or MergeCurve()

    def take(self, run: Run, alpha: float) -> Steps[Run]:
        """An alpha's merge as a run of its own.

        Made once: taken again, it is the same run. Yields progress. MergingError, ValueError for an
        alpha outside its range; CancelledError when it was stopped.
        """
        check_alpha(alpha)
        made = Run(self.runs / f"{run.id}-merged-{round(100 * alpha)}")
        with self._lock:
            if not (made.folder / "run.json").is_file():
                yield from self.measuring.steps(run, self.command(run, (
                    "--alpha", f"{alpha:g}", "--out", str(made.folder.resolve()))))
        return made
