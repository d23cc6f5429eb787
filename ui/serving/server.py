"""The server of the page, and how it ends.

Gradio starts uvicorn, which waits for ever for the headers of a request, and for whoever does not
read an answer. What is set here is read by uvicorn at each connection.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from .blocks import BoundedBlocks
from .requests import Reply

log = logging.getLogger("tandem")

HEADERS_WITHIN = 10.0
"""Seconds from a connection, or from the first byte of a request, to the end of its headers."""
READ_WITHIN = 60.0
"""Seconds for which a client may leave what was sent to it unread."""
MOST_CONNECTIONS = 4_000
MOST_FILES = 65_536
"""Open files to ask the system for, where it allows as many: a connection is one."""
ANSWER_WITHIN = 10.0
"""Seconds for answers that are under way when Tandem is asked to end."""
END_WITHIN = 14.0
"""Seconds after which it ends whatever is still at work."""


class BoundedConnection(H11Protocol):
    """A connection, closed when headers dribble or answers stay unread."""

    _late: asyncio.TimerHandle | None = None
    _unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Give the first request its time."""
        super().connection_made(transport)
        self._late = self.loop.call_later(HEADERS_WITHIN, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Read on; a request has time from its first byte."""
        super().data_received(data)
        under_way = self.cycle is not None and not self.cycle.response_complete
        if under_way:
            self._late = _cancelled(self._late)
        elif self._late is None and not self.transport.is_closing():
            self._late = self.loop.call_later(HEADERS_WITHIN, self._give_up)

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        super().pause_writing()
        self._unread = self._unread or self.loop.call_later(READ_WITHIN, self._abort)

    def resume_writing(self) -> None:
        """It does."""
        super().resume_writing()
        self._unread = _cancelled(self._unread)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._late, self._unread = _cancelled(self._late), _cancelled(self._unread)
        super().connection_lost(exc)

    def _give_up(self) -> None:
        self._late = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _abort(self) -> None:
        self._unread = None
        self.transport.abort()


def _cancelled(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()


class KeepToOrigin:
    """Keeps scripts of other sites from acting and reading.

    Gradio tells browsers that any site may read answers in a visitor's name. hosts: names this is
    served under beside the one that was asked for, where a proxy puts another in its place.
    """

    def __init__(self, app: ASGIApp, hosts: Collection[str] = ()) -> None:
        self.app, self.hosts = app, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it."""
        if scope["type"] != "http" or not self._is_foreign(scope):
            await self.app(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            reply = Reply(scope, send)
            await reply.refuse(403, "This was asked for by another site and is refused.")
            reply.log()
            return

        async def bare(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    (name, value) for name, value in message["headers"]
                    if not name.lower().startswith(b"access-control-")]
            await send(message)

        await self.app(scope, receive, bare)

    def _is_foreign(self, scope: Scope) -> bool:
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        if origin is None:  # no script asks, or one of this page
            return False
        with contextlib.suppress(ValueError):
            place = urlsplit(origin.decode("latin-1").lower())
            host = headers.get(b"host", b"").decode("latin-1").lower()
            return not place.netloc or (
                place.netloc != host and place.hostname not in self.hosts)
        return True


def serve(
    page: BoundedBlocks, close: Callable[[], None], hosts: Collection[str], **launching: Any
) -> None:
    """Serve a page until SIGTERM or Ctrl-C.

    Then answers under way are finished, and `close` is called meanwhile, with what else has to end.
    hosts: names it is served under. launching: what `Blocks.launch` takes.
    """
    _allow_files()
    asked = threading.Event()
    page.launch(prevent_thread_lock=True, **launching)
    bound(page.server, hosts)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    asked.wait()
    for number in (signal.SIGTERM, signal.SIGINT):  # asked twice: at once
        signal.signal(number, lambda *_: os._exit(0))
    end(page, close)


def bound(server: Any, hosts: Collection[str]) -> None:
    """Bound the connections of a uvicorn server that runs already."""
    config = server.config
    config.http_protocol_class = BoundedConnection
    config.limit_concurrency = MOST_CONNECTIONS
    config.timeout_graceful_shutdown = 1
    config.loaded_app = KeepToOrigin(config.loaded_app, hosts)


def _allow_files() -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # not everywhere

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def end(page: BoundedBlocks, close: Callable[[], None]) -> None:
    """End serving: no new connections, answers finished, all closed."""
    last = threading.Timer(END_WITHIN, os._exit, (0,))
    last.daemon = True
    last.start()
    log.info("Tandem ends: answers that are under way are finished first")
    page.bounds.closing = True
    server = page.server
    for listening in server.servers:
        listening.get_loop().call_soon_threadsafe(listening.close)
    closing = threading.Thread(target=close, daemon=True)
    closing.start()
    until = time.monotonic() + ANSWER_WITHIN
    while time.monotonic() < until and not (page.bounds.is_idle and not closing.is_alive()):
        time.sleep(0.05)
    time.sleep(0.3)  # an answer that was just made is on its way to whoever waits for it
    page._queue.close()
    page.is_running = False
    server.should_exit = True
    with contextlib.suppress(Exception):
        page.app.stop_event.set()
    server.thread.join(2)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads that are still at work, in a model or at the Hub, are not waited for
