"""Where a run runs.

One interface, whatever is behind it, and the register of all engines.
"""

from dataclasses import dataclass
from typing import Protocol

from train.run.record import Run


class EngineError(ValueError):
    """A run that an engine cannot start, stop or reach.

    The message says why and what to do.
    """


@dataclass(frozen=True)
class Flavor:
    """One of the machines an engine offers.

    usd_per_hour: None where nobody pays. memory_gb: of the GPU, or of the machine without one.
    """

    name: str
    title: str
    usd_per_hour: float | None = None
    gpus: int = 0
    memory_gb: float | None = None


class Engine(Protocol):
    """Starts and stops runs.

    Everything else is read from the run directory, whoever wrote it. A run directory handed over
    holds its request (`train.run.spec`). token: the Hub token of whoever asks, for the engines that
    are paid with it; it is never written anywhere.
    """

    name: str

    def device(self, run: Run) -> str:
        """What the run occupies.

        One run at a time on each device.
        """

    def start(self, run: Run, token: str | None = None) -> None:
        """Start a queued run or resume one that ended early.

        Returns at once. EngineError.
        """

    def stop(self, run: Run, token: str | None = None) -> bool:
        """Ask a run to stop and keep its best checkpoint.

        False if it is not running.
        """

    def look(self, run: Run) -> None:
        """Bring the record of an active run up to date.

        Interrupted when what ran it is gone.
        """

    def visit(self, run: Run, token: str | None = None) -> None:
        """Tell the engine that a run's owner looks at it.

        In a handler of the page; returns at once. An engine that works in somebody's name takes it
        up here again after a restart.
        """

    def abandon(self) -> None:
        """The app ends.

        End what cannot outlive it, let go of what can.
        """


@dataclass(frozen=True)
class EngineKind:
    """An engine there can be.

    Its title, what choosing it means, and the module that makes it. about: `{device}` stands for
    what this machine has. module: its `engine_from(settings)` gives the engine, or None where it is
    not available.
    """

    title: str
    about: str
    module: str


ENGINES = {
    "local": EngineKind("This machine", "On {device}, at no cost.", "train.engines.local"),
    "zerogpu": EngineKind("ZeroGPU", "On a GPU of the Space, counted against your daily quota; "
                          "long runs are cut into pieces.", "train.engines.zerogpu"),
    "jobs": EngineKind("Hugging Face Jobs", "On a GPU of your choice, paid by your Hugging Face "
                       "account by the minute.", "train.engines.jobs"),
}
"""The register: a new engine is a module and a line here."""
