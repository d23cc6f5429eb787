"""Room for uploads, counted before a byte is kept.

Against the visitor and against the whole.

What arrives lies in Gradio's folder until a handler takes it over, and is removed after some
minutes when none does. What somebody sent in these minutes is the most that they have there.
"""

import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import MutableSet
from dataclasses import dataclass, field
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from .address import LOOPBACK, address_of
from .clock import steady_time
from .requests import answer

UPLOAD = "/gradio_api/upload"
"""The one path that takes files."""
UNUSED = 600.0
"""Seconds for which an uploaded file waits to be taken over."""
SHOWN = 3600.0
"""Seconds for which a file waits that was made to be downloaded."""
FILES_OF_VISITOR, FILES_OF_ALL = 6, 40
"""How many of the largest files may arrive within `UNUSED`, from an address and in all."""
PREFIX = "tandem-arrivals-"
LEFT_FREE = 500_000_000
"""Bytes of the disk that no upload may take."""


@dataclass
class Arrivals:
    """Bytes sent lately, by address.

    They may still lie on the disk. folder: where Gradio keeps what arrives. max_upload: bytes of
    the largest file.
    """

    folder: Path
    max_upload: int
    _sent: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def why_not(self, address: str, size: int) -> str:
        """Why so many bytes may not be sent now.

        Empty if they may.
        """
        with self._lock:
            self._forget()
            mine = sum(sent for _, sent in self._sent.get(address, ()))
            every = sum(sent for parts in self._sent.values() for _, sent in parts)
        if address != LOOPBACK and mine + size > FILES_OF_VISITOR * self.max_upload:
            return "You have sent as much as is taken within ten minutes: wait a little."
        if every + size > FILES_OF_ALL * self.max_upload:
            return "Too much is being uploaded just now: try again in some minutes."
        return "" if self._free() - size > LEFT_FREE else \
            "There is no room for a file now: try again later."

    def count(self, address: str, size: int) -> None:
        """Count an upload that begins now."""
        with self._lock:
            self._sent.setdefault(address, []).append((time.monotonic(), size))

    def _forget(self) -> None:
        since = time.monotonic() - UNUSED
        for address, parts in list(self._sent.items()):
            kept = [part for part in parts if part[0] > since]
            if kept:
                self._sent[address] = kept
            else:
                del self._sent[address]

    def _free(self) -> int:
        place = self.folder
        while not place.exists() and place != place.parent:
            place = place.parent
        try:
            return shutil.disk_usage(place).free
        except OSError:
            return 0


class LimitUploads:
    """Refuses an upload without room before it is written."""

    def __init__(self, app: ASGIApp, arrivals: Arrivals, on_space: bool) -> None:
        self.app, self.arrivals, self.on_space = app, arrivals, on_space

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand an upload on, or answer it with a refusal."""
        if not is_upload(scope):
            await self.app(scope, receive, send)
            return
        address = address_of(scope, self.on_space)
        size = self._declared(scope)
        if said := self.arrivals.why_not(address, size):
            await answer(scope, send, 429, said)
            return
        self.arrivals.count(address, size)
        await self.app(scope, receive, send)

    def _declared(self, scope: Scope) -> int:
        """Bytes that a body declares; where it does not, as many as it may have."""
        length = dict(scope["headers"]).get(b"content-length", b"")
        most = self.arrivals.max_upload
        return min(int(length[:20]), most) if length.isdigit() else most


def is_upload(scope: Scope) -> bool:
    """Whether a request brings files."""
    return bool(scope["type"] == "http" and scope["method"] == "POST"
                and scope["path"].rstrip("/") == UPLOAD)


def fresh_folder(within: str | Path | None = None) -> Path:
    """A folder for arrivals that nobody else can name.

    Those of processes that are gone are removed: one that was killed left it. within: the system's
    for temporary files, where it is not another.
    """
    place = Path(within or tempfile.gettempdir())
    place.mkdir(parents=True, exist_ok=True)
    for left in place.glob(f"{PREFIX}*"):
        pid = left.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and not _is_alive(int(pid)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=place))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def sweep_arrivals(folder: Path, uploaded: MutableSet[str]) -> None:
    """Remove uploads and downloads that nobody took.

    folder: Gradio's. uploaded: the paths that were uploaded; what is gone is taken out.
    """
    now = steady_time()
    with contextlib.suppress(OSError):
        for place in folder.rglob("*"):
            lives = UNUSED if str(place) in uploaded or place.parent == folder else SHOWN
            with contextlib.suppress(OSError):
                if place.is_dir() and not place.is_symlink():
                    if not any(place.iterdir()):
                        place.rmdir()
                elif abs(now - place.lstat().st_mtime) > lives:
                    place.unlink()
    for path in list(uploaded):
        if not os.path.exists(path):
            uploaded.discard(path)
