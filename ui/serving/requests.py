"""Each request: its id, its log line, its refusal.

Gradio answers much of what it cannot read with a 500 and a traceback; here that is a 400 and a
line. No line holds a question, a token, an address or anything else of a body, unless the owner
asks for whole errors (TANDEM_LOG).
"""

import logging
import secrets
import time
from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .address import LOOPBACK, address_of
from .traces import passed_our_code, traced

log = logging.getLogger("tandem.requests")

ID = "tandem_id"
REFUSED = "tandem_refused"
"""Keys of a request's scope: its id, and whether its event was refused with a sentence."""
ADDRESS = "tandem_address"
QUIET = ("/assets/", "/static/", "/svelte/", "/theme.css", "/healthz", "/favicon.ico",
         "/gradio_api/heartbeat/", "/gradio_api/theme.css")
"""Files of the page and probes: no line for those that went well."""
MOST_AT_ONCE = 150
"""Requests of one address under way, streams of answers among them."""
DIRECT = ("/gradio_api/run/", "/gradio_api/api/")
"""Routes that answer at once, with a 500 also where it is the caller who was wrong."""
OF_THE_MACHINE = (OSError, MemoryError)
"""Errors that no request is to blame for; what else Gradio raises, it raises for want of sense."""


class LogRequests:
    """Gives each request an id, a log line, an answer."""

    def __init__(self, app: ASGIApp, on_space: bool) -> None:
        self.app, self.on_space = app, on_space
        self.under_way: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        reply = Reply(scope, send)
        address = scope[ADDRESS] = address_of(scope, self.on_space)
        self.under_way[address] += 1
        try:
            if self.under_way[address] > MOST_AT_ONCE and address != LOOPBACK:
                await reply.refuse(503, "Tandem is busy with what you asked before: try again in "
                                        "some seconds.")
            else:
                await self.app(scope, receive, reply.send)
        except Exception as error:
            await reply.failed(error)
        finally:
            self.under_way[address] -= 1
            if not self.under_way[address]:
                del self.under_way[address]
            reply.log()


class Reply:
    """The answer to one request, as it is sent."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self.scope, self._send = scope, send
        self.id = scope[ID] = secrets.token_hex(4)
        self.status, self.begun = 0, time.monotonic()

    async def send(self, message: Message) -> None:
        """Send a part of it, with the request's id."""
        if message["type"] == "http.response.start":
            if message["status"] == 500 and self.scope.get(REFUSED) and \
                    self.scope["path"].startswith(DIRECT):
                message["status"] = 400
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()),
                                  (b"x-request-id", self.id.encode())]
        await self._send(message)

    async def refuse(self, status: int, sentence: str) -> None:
        """Answer with a sentence instead."""
        await answer(self.scope, self.send, status, sentence)

    async def failed(self, error: Exception) -> None:
        """Say that a request could not be answered; nothing if its answer had begun."""
        is_ours = passed_our_code(error)
        if is_ours:
            log.error("request %s failed: %s", self.id, traced(error))
        if self.status:
            return
        if not is_ours and not isinstance(error, OF_THE_MACHINE):
            await self.refuse(400, "This request cannot be understood: see /gradio_api/info for "
                                   "what there is to ask.")
        else:
            await self.refuse(500, "Something unforeseen went wrong: try again, and tell the "
                                   "owner of this Tandem if it stays so.")

    def log(self) -> None:
        """Say that it was answered, and how."""
        path = self.scope["path"]
        is_quiet = self.status in (200, 304) and path.startswith(QUIET)
        is_tick = self.status == 200 and path.startswith(DIRECT)
        log.log(logging.DEBUG if is_quiet or is_tick else logging.INFO,
                "request %s %s %s %d %.3f s", self.id, self.scope["method"], _shown(path),
                self.status, time.monotonic() - self.begun)


def _shown(path: str) -> str:
    """A path without what may name a person's things: an event, a session or a file."""
    parts = path.split("/")
    kept = parts[:4] if parts[1:2] == ["gradio_api"] else parts[:3]
    name = "/".join(part.partition("=")[0] for part in kept)
    if name.startswith("/gradio_api/stream") or name.startswith("/gradio_api/file"):
        name = "/".join(name.split("/")[:3])
    return repr(name[:80])[1:-1]


async def answer(scope: Scope, send: Send, status: int, sentence: str) -> None:
    """Answer a request with a sentence; a refusal with its id."""
    if status >= 400 and (name := scope.get(ID)):
        sentence = f"{sentence} (request {name})"
    await send({"type": "http.response.start", "status": status,
                "headers": [(b"content-type", b"text/plain; charset=utf-8"),
                            (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": sentence.encode()})
