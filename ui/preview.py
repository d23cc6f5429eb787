"""The preview of a shared link: title, description, picture."""

import re
from html import escape

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .theme import STATIC

TITLE = "Tandem: what fine-tuning changed"
DESCRIPTION = ("Ask one question and see two embedding models answer it side by side, before and "
               "after fine-tuning: what rose, what fell, and whether the difference is real.")
PICTURE = "preview.png"
SIZE = (1200, 630)
GRADIOS = re.compile(rb'\s*<meta\s+(?:property="og:|name="twitter:)[^>]*?/>', re.S)


class LinkPreview:
    """Serves our link preview in place of Gradio's.

    In the page itself, and its picture. In the page itself, since whoever makes previews runs no
    script.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer for the page and its picture; hand on everything else."""
        path = scope["path"] if scope["type"] == "http" else ""
        if path == f"/{PICTURE}" and scope["method"] in ("GET", "HEAD"):
            await FileResponse(STATIC / PICTURE, media_type="image/png")(scope, receive, send)
        elif path == "/" and scope["method"] == "GET":
            await self.app(scope, receive, _rewriting(send, _metas(Headers(scope=scope), scope)))
        else:
            await self.app(scope, receive, send)


def _rewriting(send: Send, metas: bytes) -> Send:
    """Send the page with other metas, once all of it is there; anything else as it comes."""
    start: Message = {}
    body = b""

    async def rewriting(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            start = message
            if not Headers(raw=message["headers"]).get("content-type", "").startswith("text/html"):
                start = {}
                await send(message)
            return
        if not start or message["type"] != "http.response.body":
            await send(message)
            return
        body += message.get("body", b"")
        if message.get("more_body"):
            return
        page = GRADIOS.sub(b"", body).replace(b"<head>", b"<head>" + metas, 1)
        start["headers"] = list(start["headers"])
        MutableHeaders(raw=start["headers"])["content-length"] = str(len(page))
        await send(start)
        await send({"type": "http.response.body", "body": page})

    return rewriting


def _metas(headers: Headers, scope: Scope) -> bytes:
    scheme = headers.get("x-forwarded-proto", scope.get("scheme", "http")).split(",")[0]
    place = f"{scheme}://{headers.get('host', '')}{scope.get('root_path', '')}"
    named = {"description": DESCRIPTION, "twitter:card": "summary_large_image",
             "twitter:title": TITLE, "twitter:description": DESCRIPTION,
             "twitter:image": f"{place}/{PICTURE}"}
    pictured = {"og:type": "website", "og:title": TITLE, "og:description": DESCRIPTION,
                "og:url": f"{place}/", "og:image": f"{place}/{PICTURE}",
                "og:image:width": str(SIZE[0]), "og:image:height": str(SIZE[1]),
                "og:image:alt": "One question, two rankings: the answer rises from 34th to first."}
    tags = [f'<meta name="{name}" content="{escape(text)}" />' for name, text in named.items()]
    tags += [f'<meta property="{name}" content="{escape(text)}" />'
             for name, text in pictured.items()]
    return "".join(tags).encode()
