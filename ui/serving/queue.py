"""Bounds of Gradio's queue: events, waits, and unread answers.

Gradio keeps an answer that nobody fetches, and the state of the session it was made in, until
thousands of others have come.
"""

import asyncio
import contextlib
import ctypes
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .address import LOOPBACK, address_of

if TYPE_CHECKING:
    from gradio import Blocks

MOST_WAITING = 100
"""Events that wait for their turn; one more is told that Tandem is busy."""
MOST_OF_VISITOR = 20
"""Events of one address that wait or are at work."""
LONGEST_WAIT = 60.0
"""Seconds to wait for one's turn, by what events of that kind took so far."""
UNREAD = 60.0
"""Seconds for which an answer waits to be fetched."""
FORGOTTEN = 900.0
"""Seconds after which the state of a page that is silent goes: an open one ticks every second."""
SWEEP_EVERY = 10.0
BUSY = "Tandem is busy{whose}: try again in some seconds."


class BoundedQueue:
    """Bounds around the queue of one Blocks."""

    def __init__(self, on_space: bool) -> None:
        self.on_space, self.closing = on_space, False
        self._finished: dict[str, float] = {}
        self._used: dict[str, tuple[Any, float]] = {}

    def attach(self, blocks: "Blocks") -> None:
        """Have a queue ask here before anything joins it."""
        self.blocks, self.queue = blocks, blocks._queue
        self._push = blocks._queue.push
        # Statistics that Gradio makes anew after each event, of ten thousand before it: unused.
        self.queue.ANALYTICS_MAX_EVENTS = 1
        self.queue.ANAYLTICS_CACHE_FREQUENCY = 10**9
        self.queue.push = self._bounded  # type: ignore[method-assign]

    async def _bounded(self, body: Any, request: Any, username: Any) -> Any:
        if said := self.why_not(body, request.scope):
            return False, said, "queue_full"
        pushed = await self._push(body, request, username)
        self._finished.pop(body.session_hash, None)  # whoever asks again is there to read
        return pushed

    def why_not(self, body: Any, scope: Any) -> str:
        """Why an event may not join the queue.

        Empty if it may.
        """
        if self.closing:
            return "Tandem is being restarted: try again in a minute."
        address = address_of(scope, self.on_space)
        theirs = sum(address_of(event.request.scope, self.on_space) == address
                     for event in self._unfinished())
        if theirs >= MOST_OF_VISITOR and address != LOOPBACK:
            return BUSY.format(whose=" with what you asked before")
        most = self.queue.max_size
        full = most is not None and len(self.queue) >= most
        return BUSY.format(whose="") if full or self._wait(body) > LONGEST_WAIT else ""

    def _wait(self, body: Any) -> float:
        """Seconds until an event's turn, as far as that is known."""
        fn = self.blocks.fns.get(body.fn_index)
        waiting = self.queue.event_queue_per_concurrency_id.get(fn.concurrency_id) if fn else None
        known = self.queue.process_time_per_fn.get(fn) if fn else None
        if waiting is None or known is None or not waiting.concurrency_limit:
            return 0.0
        return float(known.avg_time) * len(waiting.queue) / waiting.concurrency_limit

    def _unfinished(self) -> Iterator[Any]:
        for waiting in self.queue.event_queue_per_concurrency_id.values():
            yield from waiting.queue
        for job in self.queue.active_jobs:
            yield from job or ()

    @property
    def is_idle(self) -> bool:
        """Whether no event waits or is at work."""
        return not any(True for _ in self._unfinished())

    # --- what nobody fetches

    async def keep_sweeping(self) -> None:
        """Drop unread answers from time to time; on the loop that makes them."""
        while not self.queue.stopped:
            await asyncio.sleep(SWEEP_EVERY)
            self.sweep()
            give_back()

    def sweep(self) -> None:
        """Drop unread answers, and the state of gone sessions."""
        queue, now = self.queue, time.monotonic()
        busy = {event.session_hash for event in queue.event_ids_to_events.values()}
        kept = {*queue.pending_event_ids_session, *queue.pending_messages_per_session}
        self._finished = {session: self._finished.get(session, now)
                          for session in kept if session not in busy}
        for session, since in list(self._finished.items()):
            if now - since > UNREAD:
                queue.pending_messages_per_session.pop(session, None)
                queue.pending_event_ids_session.pop(session, None)
                del self._finished[session]
        self._forget(busy | set(self._finished))

    def _forget(self, needed: set[str]) -> None:
        """Drop the state of sessions that nobody asks in any more."""
        states = getattr(self.blocks, "state_holder", None)
        if states is None:
            return
        now, before = time.monotonic(), self._used
        # By our own clock: that of the machine may be set while pages are open.
        self._used = {session: known if (known := before.get(session)) and known[0] == used
                      else (used, now) for session, used in list(states.time_last_used.items())}
        for session, (_, since) in self._used.items():
            # A call has a session of its own, by the id of its event.
            lives = UNREAD if len(session) == 32 else FORGOTTEN
            if session not in needed and now - since > lives:
                with states.lock:
                    states.session_data.pop(session, None)
                    states.time_last_used.pop(session, None)


def give_back() -> None:
    """Give freed memory back to the system.

    glibc keeps what each of many threads has freed, for as long as something above it is in use.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
