"""What every request passes through.

Limits, headers, and a mark to know a browser by.
"""

import contextlib
import ipaddress
import secrets
from pathlib import Path

from gradio.utils import get_upload_folder
from starlette.middleware import Middleware
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from train.settings import Settings

from .auth import BROWSER_COOKIE
from .preview import LinkPreview
from .request_limits import LimitBody
from .serving.received import Arrivals, LimitUploads
from .serving.requests import LogRequests, answer

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"content-security-policy", "; ".join((
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # Gradio compiles its templates
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self' https://huggingface.co https://*.hf.space",
    )).encode()),
)
CLOSED = tuple(f"/gradio_api/{name}" for name in (
    "deep_link", "process_recording", "vibe", "undo-vibe", "run-history", "runs", "profiling",
    "proxy=", "file=http", "file=//", "mcp")) + ("/monitoring",)
"""How the paths begin that write to the disk, ask other machines, or tell of other visitors."""


def middleware(settings: Settings) -> list[Middleware]:
    """What every request passes through."""
    arrivals = Arrivals(Path(get_upload_folder()), settings.max_upload)
    return [Middleware(_AddHeaders), Middleware(LogRequests, on_space=settings.on_space),
            Middleware(_CheckHost, settings=settings), Middleware(_OwnRoutes),
            Middleware(LimitUploads, arrivals=arrivals, on_space=settings.on_space),
            Middleware(LimitBody, max_upload=settings.max_upload),
            Middleware(_KnowBrowser, on_space=settings.on_space), Middleware(LinkPreview)]


class _CheckHost:
    """Answer only under the names this app is served under.

    Else a foreign name that resolves to this machine makes another site's page one of ours (DNS
    rebinding). An IP address cannot be rebound, so any is taken. A Space's own probes may use other
    names to look; under those nothing can be done.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app, self.on_space, self.hosts = app, settings.on_space, settings.hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            forwarded = b"x-forwarded-host"
            scope["headers"] = [(name, value) for name, value in scope["headers"]
                                if name != forwarded or self._is_ours(value)]
            host = dict(scope["headers"]).get(b"host", b"")
            if not self._is_ours(host) and not (
                    self.on_space and scope["method"] in ("GET", "HEAD")):
                said = f"Tandem is not served as {host.decode('latin-1')!r:.80}: name it in " \
                       "TANDEM_HOSTS if it is yours."
                await answer(scope, send, 421, said)
                return
        await self.app(scope, receive, send)

    def _is_ours(self, host: bytes) -> bool:
        name = host.decode("latin-1").lower()
        name = name.partition("]")[0][1:] if name.startswith("[") else name.partition(":")[0]
        if name in ("", "localhost") or name.endswith(".localhost") or name in self.hosts:
            return True
        with contextlib.suppress(ValueError):
            ipaddress.ip_address(name)
            return True
        return False


class _OwnRoutes:
    """Close the routes of Gradio that the page does not use, and answer probes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == "/healthz":
            await answer(scope, send, 200, "ok")
        elif scope["type"] == "http" and scope["path"].lower().startswith(CLOSED):
            await answer(scope, send, 404, "There is no such page.")
        else:
            await self.app(scope, receive, send)


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
