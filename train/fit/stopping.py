"""Stopping and pausing a run between two training steps.

And in the middle of what takes long.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class StopRequestedError(BaseException):
    """Somebody asked the run to stop.

    No library may take it for an error of its own.
    """


class PauseRequestedError(BaseException):
    """The run is to keep its training state and pause."""


class Stop:
    """Whether a run was asked to stop, or to pause.

    asked, pauses: asked whenever it is checked, for a caller that has its own way to know.
    """

    def __init__(
        self,
        asked: Callable[[], bool] = lambda: False,
        pauses: Callable[[], bool] = lambda: False,
    ) -> None:
        """Nobody asked yet."""
        self._asks, self._pauses = asked, pauses
        self._asked = False
        self._interruptible: int | None = None

    def __call__(self) -> bool:
        """Whether somebody asked."""
        return self._asked or self._asks()

    def check(self) -> None:
        """Raise StopRequestedError or PauseRequestedError where the run must end."""
        if self():
            raise StopRequestedError
        self.check_pause()

    def check_pause(self) -> None:
        """Raise PauseRequestedError if it is time to pause."""
        if self._pauses():
            raise PauseRequestedError

    def ask(self) -> None:
        """Ask to stop. A second time changes nothing.

        In the thread of the run, as a signal does it, it breaks off what may be broken off.
        """
        again, self._asked = self._asked, True
        if self._interruptible == threading.get_ident() and not again:
            raise StopRequestedError

    @contextmanager
    def interrupts(self, alone: bool = True) -> Iterator[None]:
        """Work of the run that a signal may break off.

        Nothing in it may be left half written. alone: whether nobody waits for a part of that work;
        otherwise it is done to its end.
        """
        self._interruptible = threading.get_ident() if alone else None
        try:
            self.check()
            yield
        finally:
            self._interruptible = None

    def on_signals(self) -> "Stop":
        """Be asked by SIGTERM and SIGINT from now on."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda _number, _frame: self.ask())
        return self
