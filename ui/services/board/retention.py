"""What a run cost elsewhere.

Measured in a process of its own, so that the page stays quick.
"""

import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from train.run.record import Run

from .measuring import Measuring, Steps

WITHIN = 1800
"""Seconds that measuring may take: two models encode some hundred passages."""


class RetentionError(ValueError):
    """What a run cost elsewhere cannot be measured.

    The message says why.
    """


@dataclass
class RetentionService:
    """Measures one run at a time.

    command: what does it, printing one JSON object.
    """

    home: Path
    command: Callable[[Run], Sequence[str]] = lambda run: [
        sys.executable, "-m", "train", "retention", str(run.folder.resolve()), "--json"]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Have commands followed."""
        self.measuring = Measuring(self.home, RetentionError, "Measuring", "measured", WITHIN)

    def measure(self, run: Run) -> Steps[Mapping[str, Any]]:
        """The retention of a run, recorded or measured now.

        Yields progress. RetentionError; CancelledError when it was stopped.
        """
        with self._lock:
            if known := run.record().retention:  # somebody else has waited for it
                return known.to_json()
            return (yield from self.measuring.steps(run, self.command(run)))
