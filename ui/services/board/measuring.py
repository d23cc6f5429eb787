"""A command that measures a run, followed and stopped.

In a process of its own, so that the page stays quick.
"""

import os
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from hub.progress import Progress
from train.run.record import Run
from ui.services.process import follow, said_as

T = TypeVar("T")
Steps = Generator[Progress | None, None, T]
"""How far something is, several times a second; returns what came of it."""


@dataclass
class Measuring:
    """Follows commands, each about a run.

    error: raised with a sentence where one has no answer. doing: what it does, as in “Measuring”;
    done: as in “measured”. within: seconds it may take.
    """

    home: Path
    error: type[ValueError]
    doing: str
    done: str
    within: float
    _stops: dict[str, threading.Event] = field(default_factory=dict)

    def steps(self, run: Run, command: Sequence[str]) -> Steps[Mapping[str, Any]]:
        """Run a command; returns the object that it prints.

        CancelledError when it was stopped. Where the generator is closed the process is ended.
        """
        stop = self._stops[run.id] = threading.Event()
        try:
            with said_as(self.error, f"{self.doing} took more than {self.within / 60:.0f} minutes "
                         "and was ended.", f"It could not be {self.done}"):
                found = yield from follow(command, self.home, os.environ, self.within, stop)
        finally:
            self._stops.pop(run.id, None)
        if "error" in found:
            raise self.error(str(found["error"]))
        return found

    def stop(self, run: Run) -> None:
        """End the command about a run, if there is one."""
        if stop := self._stops.get(run.id):
            stop.set()
