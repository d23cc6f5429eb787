"""What a run cost elsewhere.

Measured in a process of its own, so that the page stays quick.
"""

import os
import sys
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.progress import Progress, drained
from train.run.record import Run
from ui.services.process import follow, said_as

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

    def measure(self, run: Run) -> Mapping[str, Any]:
        """The retention of a run, recorded or measured now.

        RetentionError.
        """
        return drained(self.steps(run))

    def steps(self, run: Run) -> Generator[Progress | None, None, Mapping[str, Any]]:
        """Measure the retention of a run, yielding progress.

        Returns it. RetentionError. Where the generator is closed the process is ended.
        """
        with self._lock:
            if known := run.record().retention:  # somebody else has waited for it
                return known.to_json()
            with said_as(RetentionError,
                         f"Measuring took more than {WITHIN // 60} minutes and was ended.",
                         "It could not be measured"):
                found = yield from follow(self.command(run), self.home, os.environ, WITHIN)
        if "error" in found:
            raise RetentionError(str(found["error"]))
        return found
