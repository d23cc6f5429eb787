"""Whose heavy work is next.

Small work never waits for large work alone, and nobody's waits behind all of another's.
"""

import threading
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

AT_A_TIME = 2
"""Processes at work at a time; what else is asked waits for its turn."""
LARGE_AT_A_TIME = 1
LARGE = 5_000_000
"""Bytes from which work is large: it takes longer than anybody waits for something small."""
MOST_WAITING = 6
"""Work of one visitor that waits or is done."""


class TooMuchError(ValueError):
    """A visitor has much waiting already."""


@dataclass(eq=False)
class Ticket:
    """Work that waits for its turn, or has it.

    share: whose it is.
    """

    share: str
    bytes: int
    number: int
    begun: bool = False

    @property
    def is_large(self) -> bool:
        """Whether small work goes before it."""
        return self.bytes >= LARGE


@dataclass
class Turns:
    """Turns of visitors at heavy work, in any thread."""

    _tickets: list[Ticket] = field(default_factory=list)
    _last: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: "count[int]" = field(default_factory=count)

    def join(self, share: str, size: int) -> Ticket:
        """Wait for a turn from now on.

        TooMuchError where somebody has too much waiting. share: empty for the owner, who may.
        """
        with self._lock:
            if share and sum(one.share == share for one in self._tickets) >= MOST_WAITING:
                raise TooMuchError(f"{MOST_WAITING} of your files are being read already: wait "
                                   "until one of them is done.")
            self._tickets.append(Ticket(share, size, next(self._numbers)))
            return self._tickets[-1]

    def begins(self, ticket: Ticket) -> bool:
        """Whether it is the turn of some work.

        It is at work from then on.
        """
        with self._lock:
            at_work = [one for one in self._tickets if one.begun]
            if ticket.begun:
                return True
            if len(at_work) >= AT_A_TIME or ticket is not self._next(at_work):
                return False
            ticket.begun = True
            self._last[ticket.share] = next(self._numbers)
            return True

    def leave(self, ticket: Ticket) -> None:
        """The work is done, or nobody waits for it."""
        with self._lock:
            self._tickets.remove(ticket)
            here = {one.share for one in self._tickets}
            self._last = {share: last for share, last in self._last.items() if share in here}

    def _next(self, at_work: list[Ticket]) -> Ticket | None:
        """Whoever has least at work, then whoever has waited longest for a turn of theirs."""
        has = Counter(one.share for one in at_work)
        large = sum(one.is_large for one in at_work)
        waiting = [one for one in self._tickets if not one.begun and not (
            one.is_large and large >= LARGE_AT_A_TIME)]
        return min(waiting, default=None, key=lambda one: (
            has[one.share], self._last.get(one.share, -1), one.number))
