"""Who may do what: checks for the handlers that start or stop something, and for every request."""

from urllib.parse import urlsplit

import gradio as gr
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from train.settings import Settings

MAX_BODY = 1_000_000
"""Bytes of a request's body; Gradio has no limit of its own for JSON."""
MOST_DROPPED = 20 * MAX_BODY
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
)


def refuse_strangers(request: gr.Request, settings: Settings) -> None:
    """Let nobody start or stop training who may not, nor another site in a visitor's name."""
    if settings.train != "open":
        raise gr.Error("Training is not open to visitors here (TANDEM_TRAIN).",
                       print_exception=False)
    origin = request.headers.get("origin")  # a program sends none, a browser always does
    if origin and urlsplit(origin).netloc != request.headers.get("host"):
        raise gr.Error("This was asked for by another site and is refused.", print_exception=False)


def middleware() -> list[Middleware]:
    """What every request passes through."""
    return [Middleware(_LimitBody), Middleware(_AddHeaders)]


class _TooLargeError(Exception):
    """A body over the limit."""


class _LimitBody:
    """Refuse a body over MAX_BODY, whatever length it declares, before anybody reads it whole."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        seen = 0
        started = False

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > MAX_BODY:
                raise _TooLargeError
            return message

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        declared = dict(scope["headers"]).get(b"content-length", b"0")
        try:
            if declared.isdigit() and int(declared[:20]) > MAX_BODY:
                raise _TooLargeError
            await self.app(scope, counted, noting)
        except _TooLargeError:
            if not started:
                await _drop(receive)
                await _refuse(send)


async def _drop(receive: Receive) -> None:
    """Let a body go by unread, within bounds: who still writes cannot read why it is refused."""
    dropped, more = 0, True
    while more and dropped < MOST_DROPPED:
        message = await receive()
        dropped += len(message.get("body", b""))
        more = message["type"] == "http.request" and message.get("more_body", False)


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


async def _refuse(send: Send) -> None:
    text = f"The request is too large: at most {MAX_BODY:,} bytes are read.".encode()
    await send({"type": "http.response.start", "status": 413,
                "headers": [(b"content-type", b"text/plain; charset=utf-8")]})
    await send({"type": "http.response.body", "body": text})
