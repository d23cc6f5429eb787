"""Merges of a run with its base, measured or made.

In a process of its own, so that the page stays quick.
"""

import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train.merging.weights import check_alpha
from train.run.extra_parts import MergeCurve
from train.run.record import Run
from ui.services.process import answer_of, said_as

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

    def curve(self, run: Run) -> MergeCurve:
        """Quality and retention by alpha, recorded or measured now.

        MergingError.
        """
        with self._lock:
            if known := run.record().merge_curve:  # somebody else has waited for it
                return known
            self._asked(run, ())
            return run.record().merge_curve or MergeCurve()

    def take(self, run: Run, alpha: float) -> Run:
        """An alpha's merge as a run of its own.

        Made once: taken again, it is the same run. MergingError, ValueError for an alpha outside
        its range.
        """
        check_alpha(alpha)
        made = Run(self.runs / f"{run.id}-merged-{round(100 * alpha)}")
        with self._lock:
            if not (made.folder / "run.json").is_file():
                self._asked(run, ("--alpha", f"{alpha:g}", "--out", str(made.folder.resolve())))
        return made

    def _asked(self, run: Run, more: Sequence[str]) -> Mapping[str, Any]:
        with said_as(MergingError, f"Merging took more than {WITHIN // 60} minutes and was ended.",
                     "It could not be merged"):
            found = answer_of(self.command(run, more), self.home, os.environ, WITHIN)
        if "error" in found:
            raise MergingError(str(found["error"]))
        return found
