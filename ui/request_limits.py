"""Limits of requests: size, shape and pace of bodies.

Checked before Gradio parses anything: it has no limit of its own for JSON, parses on the event
loop, and fetches any address that stands where the path of a file should be.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .serving.received import UPLOAD, is_upload
from .serving.requests import answer

__all__ = ["UPLOAD", "LimitBody"]
MAX_BODY = 1_000_000
"""Bytes of any other request's body."""
MOST_DROPPED = 20 * MAX_BODY
FORM_AROUND = 10_000
"""Bytes that a form may add around the file it carries."""
MOST_ITEMS, MOST_DEPTH = 20_000, 50
"""Values in a JSON body, and how deep they are nested."""
WITHIN, PACE = 10.0, 10_000
"""Seconds that a body may take, and bytes a second that earn an upload more of them."""
STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"')
BRACKET = re.compile(rb"[\[\]{}]")


class LimitBody:
    """Refuses bodies too large, too slow, or harmfully shaped.

    max_upload: bytes of a file that is uploaded. Whatever length a body declares, what comes is
    counted; all but uploads are read here as a whole, and handed on when they are harmless.
    """

    def __init__(self, app: ASGIApp, max_upload: int) -> None:
        self.app, self.max_upload = app, max_upload

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or answer it with a refusal."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        uploads = is_upload(scope)
        body = _Body(receive, self.max_upload + FORM_AROUND if uploads else MAX_BODY)
        started = False

        async def noting(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            body.check_declared(dict(scope["headers"]).get(b"content-length", b"0"))
            if uploads or scope["method"] in ("GET", "HEAD", "OPTIONS"):
                await self.app(scope, body.part, noting)
            else:
                await self.app(scope, _replayed(await body.whole(), receive), noting)
        except _RefusedError as refused:
            if not started:
                await body.drop()
                await answer(scope, send, refused.status, str(refused))


class _RefusedError(Exception):
    """A body that is refused: the status of the answer, and a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class _Body:
    """The body of one request as it comes in. most: bytes of it."""

    def __init__(self, receive: Receive, most: int) -> None:
        self.receive, self.most = receive, most
        self.seen, self.more, self.begun = 0, True, time.monotonic()

    def check_declared(self, length: bytes) -> None:
        """Refuse a body that declares too large a length."""
        if length.isdigit() and int(length[:20]) > self.most:
            raise self._too_large()

    async def part(self) -> Message:
        """The next part, counted and timed while the body lasts."""
        if not self.more:  # what is waited for now is the end of the connection
            return await self.receive()
        left = self.begun + WITHIN + self.seen / PACE - time.monotonic()
        try:
            message = await asyncio.wait_for(self.receive(), max(0.0, min(left, WITHIN)))
        except TimeoutError:
            self.more = False
            raise _RefusedError(408, "The request came too slowly: try again.") from None
        self.more = message["type"] == "http.request" and message.get("more_body", False)
        self.seen += len(message.get("body", b""))
        if self.seen > self.most:
            raise self._too_large()
        return message

    async def whole(self) -> bytes:
        """All of a body that is harmless."""
        parts = []
        while self.more:
            parts.append((await self.part()).get("body", b""))
        body = b"".join(parts)
        if body.lstrip()[:1] in (b"{", b"["):
            _check_shape(body)
        return body

    async def drop(self) -> None:
        """Let a body go by unread, within bounds.

        Who still writes cannot read the refusal.
        """
        dropped = 0
        while self.more and dropped < MOST_DROPPED:
            try:
                message = await asyncio.wait_for(self.receive(), WITHIN)
            except TimeoutError:
                return
            dropped += len(message.get("body", b""))
            self.more = message["type"] == "http.request" and message.get("more_body", False)

    def _too_large(self) -> _RefusedError:
        return _RefusedError(
            413, f"The request is too large: at most {self.most:,} bytes are read.")


def _check_shape(body: bytes) -> None:
    """Refuse JSON with too many values, too deep a nesting, or files by address."""
    bare = STRING.sub(b"", body)
    items = bare.count(b",") + bare.count(b"[") + bare.count(b"{")
    if items > MOST_ITEMS:
        raise _RefusedError(413, f"The request holds more than {MOST_ITEMS:,} values.")
    depth = deepest = 0
    for bracket in BRACKET.findall(bare):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    if deepest > MOST_DEPTH:
        raise _RefusedError(413, f"The request is nested more than {MOST_DEPTH} values deep.")
    try:
        value = json.loads(body)
    except ValueError:
        return  # whoever is asked says what is wrong with it
    if any(_is_address(found) for found in _paths(value)):
        raise _RefusedError(400, "A file is uploaded, not named by an address: send it to /upload "
                                 "first (handle_file does that for a path on your machine).")


def _paths(value: Any) -> Iterator[object]:
    """Whatever stands where the path of a file may stand."""
    if isinstance(value, dict):
        yield value.get("path")
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _paths(inner)


def _is_address(path: object) -> bool:
    return isinstance(path, str) and path.strip().lower().startswith(("http:", "https:", "//"))


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body again, and then what comes after it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again

