"""How a run is stopped: between two steps, and in the middle of what takes long."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StopRequestedError(BaseException):
    """Somebody asked the run to stop. No library may take it for an error of its own."""


class Stop:
    """Whether a run was asked to stop.

    asked: asked whenever it is checked, for a caller that has its own way to know.
    """

    def __init__(self, asked: Callable[[], bool] = lambda: False) -> None:
        """Nobody asked yet."""
        self._asks = asked
        self._asked = False
        self._interruptible = False

    def __call__(self) -> bool:
        """Whether somebody asked."""
        return self._asked or self._asks()

    def check(self) -> None:
        """Raise StopRequestedError if somebody asked."""
        if self():
            raise StopRequestedError

    def ask(self) -> None:
        """Ask to stop. A second time changes nothing."""
        again, self._asked = self._asked, True
        if self._interruptible and not again:
            raise StopRequestedError

    @contextmanager
    def interrupts(self, alone: bool = True) -> Iterator[None]:
        """Work that a signal may break off where it is: nothing in it may be left half written.

        alone: whether nobody waits for a part of that work; otherwise it is done to its end.
        """
        self._interruptible = alone
        try:
            self.check()
            yield
        finally:
            self._interruptible = False

    def on_signals(self) -> "Stop":
        """Be asked by SIGTERM and SIGINT from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self.ask())
        return self
