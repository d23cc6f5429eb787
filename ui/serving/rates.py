"""How often somebody may do something."""

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

MOST_KEPT = 10_000
"""Visitors that are remembered at a time."""


@dataclass
class Rate:
    """At most so many acts of a visitor, within seconds."""

    most: int
    within: float
    _done: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def is_spent(self, share: str) -> bool:
        """Whether somebody may not act now; nothing is counted."""
        with self._lock:
            done = self._done.get(share, ())
            return len(done) == self.most and time.monotonic() - done[0] < self.within

    def allows(self, share: str) -> bool:
        """Whether somebody may act now; the act is counted."""
        now = time.monotonic()
        with self._lock:
            done = self._done.setdefault(share, deque(maxlen=self.most))
            self._done.move_to_end(share)
            if len(self._done) > MOST_KEPT:
                self._done.popitem(last=False)
            if len(done) == self.most and now - done[0] < self.within:
                return False
            done.append(now)
            return True
