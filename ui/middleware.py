"""What every request passes through: limits, headers, and a mark to know a browser by."""

import secrets

from starlette.middleware import Middleware
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from train.settings import Settings

from .auth import BROWSER_COOKIE
from .preview import LinkPreview

MAX_BODY = 1_000_000
"""Bytes of a request's body; Gradio has no limit of its own for JSON."""
MOST_DROPPED = 20 * MAX_BODY
FORM_AROUND = 10_000
"""Bytes that a form may add around the file it carries."""
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)


def middleware(settings: Settings) -> list[Middleware]:
    """What every request passes through."""
    return [Middleware(_LimitBody, max_upload=settings.max_upload), Middleware(_AddHeaders),
            Middleware(_KnowBrowser, on_space=settings.on_space), Middleware(LinkPreview)]


class _TooLargeError(Exception):
    """A body over the limit."""


class _LimitBody:
    """Refuse a body over its limit, whatever length it declares, before anybody reads it whole.

    max_upload: bytes of a file that is uploaded; everything else is held to MAX_BODY.
    """

    def __init__(self, app: ASGIApp, max_upload: int) -> None:
        self.app, self.max_upload = app, max_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = MAX_BODY
        if scope["path"].endswith("/upload"):
            most = self.max_upload + FORM_AROUND
        seen = 0
        started = False
        more = True

        async def counted() -> Message:
            nonlocal seen, more
            message = await receive()
            more = _goes_on(message)
            seen += len(message.get("body", b""))
            if seen > most:
                raise _TooLargeError
            return message

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        declared = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            if declared.isdigit() and int(declared[:20]) > most:
                raise _TooLargeError
            await self.app(scope, counted, noting)
        except _TooLargeError:
            if not started:
                if more:  # after the last part a server would wait for ever
                    await _drop(receive)
                await _refuse(send, most)


async def _drop(receive: Receive) -> None:
    """Let a body go by unread, within bounds: who still writes cannot read why it is refused."""
    dropped, more = 0, True
    while more and dropped < MOST_DROPPED:
        message = await receive()
        dropped += len(message.get("body", b""))
        more = _goes_on(message)


def _goes_on(message: Message) -> bool:
    return message["type"] == "http.request" and message.get("more_body", False)


class _AddHeaders:
    """Security headers on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            await send(message)

        await self.app(scope, receive, adding if scope["type"] == "http" else send)


async def _refuse(send: Send, most: int) -> None:
    text = f"The request is too large: at most {most:,} bytes are read.".encode()
    await send({"type": "http.response.start", "status": 413,
                "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
    await send({"type": "http.response.body", "body": text})


class _KnowBrowser:
    """Give each browser a random mark, so that what it started is still its own after a reload."""

    def __init__(self, app: ASGIApp, on_space: bool) -> None:
        self.app = app
        # A Space is shown in a frame of another site.
        self.rules = "SameSite=None; Secure; Partitioned" if on_space else "SameSite=Lax"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = scope["type"] != "http" or scope["path"] != "/" or _has_mark(scope)

        async def marking(message: Message) -> None:
            if message["type"] == "http.response.start":
                mark = f"{BROWSER_COOKIE}={secrets.token_hex(16)}; Path=/; Max-Age=31536000; " \
                       f"HttpOnly; {self.rules}"
                message["headers"] = [*message["headers"], (b"set-cookie", mark.encode())]
            await send(message)

        await self.app(scope, receive, send if known else marking)


def _has_mark(scope: Scope) -> bool:
    # Read as Request.cookies does: for http.cookies one odd cookie hides those after it.
    sent = dict(scope["headers"]).get(b"cookie", b"").decode("latin-1")
    return bool(cookie_parser(sent).get(BROWSER_COOKIE))
