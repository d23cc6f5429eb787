"""Data that visitors bring.

Kept under names nobody can guess, for those who brought it. How much of the disk what visitors
bring may take, and for how long.

Links are never followed: one that lies in the folder is itself removed, and not what it leads to.
"""

import contextlib
import hashlib
import json
import re
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from corpus.load import BUILT_IN
from corpus.readers.registry import is_known, unknown
from train.run.files import write_text
from train.run.record import ACTIVE, RunError, list_runs
from train.settings import Settings
from ui.auth import Visitor
from ui.serving.clock import steady_time

OWNER_FILE = "owner.json"
"""In each folder: whose it is, and what they called it."""
REPORT_FILE = "check.json"
RAW_LIVES = 3600.0
"""Seconds that a file is kept as it was brought, so that other columns of it can be chosen."""
MOST_DATA, MOST_RAW = 200, 50
"""Folders of each kind that are kept at most."""
MOST_OF_VISITOR = {"upload-": 20, "raw-": 5}
"""The same of one visitor, who would else push out what others brought."""
TIMES = 40
"""All together may take so many times what one file may have."""
NEEDED = (*ACTIVE, "interrupted")
"""A run in one of these reads its data yet, or reads it again when it is resumed."""


@dataclass(frozen=True)
class KeptUpload:
    """One kept upload: its folder, and its last use.

    used: in seconds of the epoch. share: whose share of the room it takes. rank: how well they are
    known, see `_rank`.
    """

    path: Path
    used: float
    bytes: int
    share: str
    rank: int

    @property
    def kind(self) -> str:
        """What it is: `upload-`, `raw-`, or another thing."""
        return self.path.name.partition("-")[0] + "-"


@dataclass(frozen=True)
class UploadQuota:
    """The uploads kept on disk.

    in_use: the names of those that are being read now.
    """

    settings: Settings
    in_use: frozenset[str] = frozenset()

    def make(self, visitor: Visitor) -> bool:
        """Make room for one thing more of this visitor's.

        Of their own first; of others from whoever has most, and from nobody who is better known
        than they are. False where all that might go is needed.
        """
        kept, needed = self._kept(), self._needed() | self.in_use
        share, rank = visitor.shares, _rank(visitor)
        for kind, most in (("upload-", MOST_DATA), ("raw-", MOST_RAW)):
            if not visitor.is_owner:
                theirs = [one for one in kept if one.kind == kind and one.share == share]
                over = len(theirs) - MOST_OF_VISITOR[kind] + 1
                fewer = _less(kept, theirs, over, needed)
                if len(kept) - len(fewer) < over:
                    return False
                kept = fewer
            while sum(one.kind == kind for one in kept) >= most:
                of_kind = [one for one in kept if one.kind == kind]
                if (going := _next_to_go(of_kind, rank, needed, lambda one: 1)) is None:
                    return False
                kept = _less(kept, [going], 1, needed)
        while sum(one.bytes for one in kept) > TIMES * self.settings.max_upload:
            if (going := _next_to_go(kept, rank, needed, lambda one: one.bytes)) is None:
                return False
            kept = _less(kept, [going], 1, needed)
        return True

    def sweep(self) -> None:
        """Remove uploads that were kept long enough.

        Since they were last used.
        """
        hours, now, needed = self.settings.keep_hours, steady_time(), self._needed()
        for one in self._kept():
            lives = RAW_LIVES if one.kind != "upload-" else None if hours is None else hours * 3600
            if lives is not None and now - one.used > lives and one.path.name not in needed:
                _remove(one.path)
        for judged in self.settings.judgements.glob("upload-*"):  # on data that is gone
            if not (self.settings.uploads / judged.name).exists():
                _remove(judged)

    def clear_parts(self) -> None:
        """Remove what was being made when Tandem ended."""
        for one in self._kept():
            if one.kind == "part-":
                _remove(one.path)

    def _kept(self) -> list[KeptUpload]:
        """What is there, the one that was used longest ago first."""
        with contextlib.suppress(FileNotFoundError):
            found = [_kept(path) for path in self.settings.uploads.iterdir()]
            return sorted((one for one in found if one), key=lambda one: one.used)
        return []

    def _needed(self) -> set[str]:
        """The names of data that a run needs yet."""
        names = set()
        for run in list_runs(self.settings.runs):
            with contextlib.suppress(RunError):  # deleted just now
                record = run.record()
                if record.status in NEEDED:
                    names.add(Path(record.data.source or "").name)
        return names


def _rank(visitor: Visitor) -> int:
    """How well somebody is known: the owner, an account, or nobody."""
    return 2 if visitor.is_owner else int(visitor.account is not None)


def _next_to_go(
    kept: Sequence[KeptUpload], rank: int, needed: AbstractSet[str],
    weight: Callable[[KeptUpload], int],
) -> KeptUpload | None:
    """What goes next for somebody of a rank: of those known least, of who has most, the oldest."""
    held: Counter[str] = Counter()
    for one in kept:
        held[one.share] += weight(one)
    going = [one for one in kept if one.rank <= rank and _may_go(one, needed)]
    return min(going, default=None, key=lambda one: (one.rank, -held[one.share], one.used))


def _may_go(one: KeptUpload, needed: AbstractSet[str]) -> bool:
    return one.path.name not in needed and one.kind != "part-"


def _less(
    kept: Sequence[KeptUpload], among: Sequence[KeptUpload], count: int, needed: AbstractSet[str]
) -> list[KeptUpload]:
    """What is left when up to `count` of some are gone, the oldest that nobody needs first."""
    going = [one for one in among if _may_go(one, needed)]
    gone = going[: max(0, count)]
    for one in gone:
        _remove(one.path)
    return [one for one in kept if one not in gone]


def _kept(path: Path) -> KeptUpload | None:
    """What lies at a path; None if it is gone just now."""
    try:
        used = path.lstat().st_mtime
        size = _bytes(path)
    except OSError:
        return None
    about = {} if path.is_symlink() else _read_json(path / OWNER_FILE)
    owner = about.get("owner", ANYONE)
    known = 2 if owner is None else int(bool(about.get("known")))
    return KeptUpload(path, used, size, str(about.get("share") or owner or ""), known)


def _bytes(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    return sum(_bytes(inside) for inside in path.iterdir())


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        if path.is_symlink() or not path.is_dir():
            path.unlink()
        else:
            shutil.rmtree(path)


MOST_NAME = 60
SWEEP_EVERY = 60.0
"""Seconds between two looks for what has been kept long enough."""
NAME = re.compile(r"[0-9a-f]{24}")
UPLOAD = re.compile(r"upload-[0-9a-f]{24}")
RAW = re.compile(r"raw-[0-9a-f]{24}")
ANYONE = ""
"""Whose data is that nobody's mark came with: whoever has been told its name may use it."""
GONE = "That data is not here any more: bring it again."


class UploadError(ValueError):
    """An upload that is refused or gone: says why."""


@dataclass(frozen=True)
class Raw:
    """A file as somebody brought it.

    digest: of its bytes; title: what they called it.
    """

    token: str
    path: Path
    title: str
    digest: str

    @property
    def size(self) -> int:
        """Bytes."""
        return self.path.stat().st_size


@dataclass(frozen=True)
class Uploads:
    """The data that runs may be trained on.

    The built-in, the owner's, and what visitors brought. Nobody can name any other file of this
    machine. What somebody brings is first received, as `raw-<24 hex>/`, and kept for an hour; what
    becomes of it is `upload-<24 hex>/`, a folder in BEIR layout. A visitor names only what they
    brought themselves; the owner of Tandem all of it.
    """

    settings: Settings
    _lock: threading.RLock = field(default_factory=threading.RLock, compare=False, repr=False)
    _used: Counter[str] = field(default_factory=Counter, compare=False, repr=False)

    @property
    def _room(self) -> UploadQuota:
        return UploadQuota(self.settings, frozenset(self._used))

    # --- a file as it was brought

    def received(self, file: object, visitor: Visitor) -> Raw:
        """Take over an uploaded file.

        As Gradio describes it. UploadError. Gradio's own copy of it is gone then, also when it is
        refused.
        """
        place = uploaded(file)
        try:
            self._check(place)
            return self._received(place, visitor)
        except OSError:
            raise UploadError("The file did not arrive whole: upload it again.") from None
        finally:
            _remove_upload(place)

    def _check(self, place: Path) -> None:
        if not is_known(place.name):
            raise UploadError(str(unknown(place.name)))
        size, most = place.stat().st_size, self.settings.max_upload
        if size > most:
            raise UploadError(f"The file has {size / 1e6:.1f} MB; at most {most / 1e6:.0f} "
                              "MB are taken here (TANDEM_MAX_UPLOAD_MB).")
        if not size:
            raise UploadError("The file is empty.")

    def _received(self, place: Path, visitor: Visitor) -> Raw:
        with place.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        token, title = f"raw-{secrets.token_hex(12)}", place.stem[:MOST_NAME]
        self.make_room(visitor)
        with self.staged() as folder:
            kept = folder / f"{title}{place.suffix.lower()}"
            shutil.move(place, kept)
            self._sign(folder, visitor, file=kept.name, title=title, digest=digest)
            folder.replace(self.settings.uploads / token)
        return self.raw(token, visitor)

    def raw(self, token: object, visitor: Visitor) -> Raw:
        """A file that this visitor brought lately.

        UploadError if it is not here any more.
        """
        if not isinstance(token, str) or not RAW.fullmatch(token):
            raise UploadError(GONE)
        about = self._signed(self.settings.uploads / token, visitor)
        folder = self._touched(token)
        return Raw(token, folder / about["file"], about["title"], about["digest"])

    @contextlib.contextmanager
    def in_use(self, *names: str) -> Iterator[None]:
        """Keep data while it is read, whoever needs room."""
        with self._lock:
            self._used.update(names)
        try:
            yield
        finally:
            with self._lock:
                self._used.subtract(names)
                for name in names:
                    if not self._used[name]:
                        del self._used[name]

    # --- what became of it

    def make_room(self, visitor: Visitor) -> None:
        """Make room by removing the oldest uploads.

        Where much is kept, before more of a visitor's is. UploadError.
        """
        with self._lock:
            if not self._room.make(visitor):
                raise UploadError("There is no room for more data now: runs need what is kept. "
                                  "Try again when they are done.")

    @contextlib.contextmanager
    def staged(self) -> Iterator[Path]:
        """An empty folder to make something in.

        What is not moved away is removed at the end.
        """
        folder = self.settings.uploads / f"part-{secrets.token_hex(12)}"
        folder.mkdir(mode=0o700, parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def settle(self, name: str, folder: Path, visitor: Visitor, title: str) -> None:
        """Keep a BEIR folder as data of a visitor.

        Under the name `name`.
        """
        self._sign(folder, visitor, title=title[:MOST_NAME])
        place = self.settings.uploads / name
        with self._lock:
            if place.exists():  # made by somebody who asked for the same at the same time
                return
            folder.replace(place)

    def has(self, name: str) -> bool:
        """Whether data is here."""
        return _is_folder(self.settings.uploads / name)

    def source(self, data: object, visitor: Visitor) -> str:
        """Where the data of a name is.

        As a run is asked for it. UploadError if it is nowhere. Naming data is using it: from now on
        it is kept for as long again.
        """
        if data in (BUILT_IN, "", None):
            return BUILT_IN
        if data == self.settings.data:
            return self.settings.data
        if isinstance(data, str) and UPLOAD.fullmatch(data):
            self._signed(self.settings.uploads / data, visitor)
            return str(self._touched(data))
        raise UploadError(
            f"There is no data {data!r:.80} here: take `{BUILT_IN}`, or bring your own.")

    def title(self, data: str) -> str:
        """What somebody called the data they brought.

        Empty for data that has a name of its own.
        """
        if not isinstance(data, str) or not UPLOAD.fullmatch(data):
            return ""
        return str(_read_json(self.settings.uploads / data / OWNER_FILE).get("title", ""))

    def is_upload(self, source: str) -> bool:
        """Whether a run's data was brought by a visitor."""
        return Path(source).resolve().parent == self.settings.uploads.resolve()

    def report(self, source: str) -> dict[str, Any]:
        """The data check of an upload, if checked before."""
        return _read_json(Path(source) / REPORT_FILE) if self.is_upload(source) else {}

    def keep_report(self, source: str, report: Mapping[str, Any]) -> None:
        """Keep the data check with the data.

        It may be gone by now.
        """
        if self.is_upload(source):
            with contextlib.suppress(OSError):
                write_text(Path(source) / REPORT_FILE, json.dumps(report))

    # --- whose it is, and for how long

    def open(self, then: Callable[[], None] = lambda: None) -> None:
        """Remove old uploads now and from time to time.

        Returns at once. then: what is done each time after it.
        """
        def sweep() -> None:
            while True:
                with contextlib.suppress(OSError):
                    self.sweep()
                    then()
                time.sleep(SWEEP_EVERY)

        with self._lock:
            self._room.clear_parts()
        threading.Thread(target=sweep, daemon=True, name="uploads").start()

    def sweep(self) -> None:
        """Remove what has been kept long enough."""
        with self._lock:
            self._room.sweep()

    def _sign(self, folder: Path, visitor: Visitor, **about: str) -> None:
        whose = {"owner": _owner(visitor), "share": visitor.shares,
                 "known": visitor.account is not None}
        write_text(folder / OWNER_FILE, json.dumps(whose | about))

    def _signed(self, folder: Path, visitor: Visitor) -> dict[str, Any]:
        """What is written about a folder. UploadError if it is not there or somebody else's."""
        about = _read_json(folder / OWNER_FILE) if _is_folder(folder) else {}
        theirs = about.get("owner", None) in (ANYONE, visitor.key, visitor.browser)
        if not about or not (visitor.is_owner or (theirs and about["owner"] is not None)):
            raise UploadError(GONE)  # and nobody learns that it is somebody else's
        return about

    def _touched(self, name: str) -> Path:
        folder = self.settings.uploads / name
        with contextlib.suppress(OSError):
            folder.touch()
        return folder


def name_of(*parts: str) -> str:
    """The name of data that is made of these parts.

    Equal parts, equal name.
    """
    digest = hashlib.sha256(json.dumps(parts).encode("utf-8", "surrogatepass"))
    return f"upload-{digest.hexdigest()[:24]}"


def mark_of(visitor: Visitor) -> str:
    """What tells a visitor's data from another's that is equal.

    Of nobody known, each time new.
    """
    owner = _owner(visitor)
    return secrets.token_hex(12) if owner == ANYONE else repr(owner)


def uploaded(file: object) -> Path:
    """Where a file that came with a call lies.

    A caller may name any path; uploads are read.
    """
    named = file.get("path", "") if isinstance(file, Mapping) else ""
    with contextlib.suppress(OSError, ValueError):
        place = Path(str(named)).resolve()
        if place.is_relative_to(Path(get_upload_folder()).resolve()) and place.is_file():
            return place
    raise UploadError("The file did not arrive: upload it again (a program sends it with "
                      "gradio_client’s handle_file).")


def _remove_upload(place: Path) -> None:
    with contextlib.suppress(OSError):
        place.unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # another file may have come by the same name
        place.parent.rmdir()


def _owner(visitor: Visitor) -> str | None:
    """Whose data is: None for the owner of this Tandem."""
    if visitor.is_owner:
        return None
    return visitor.key or visitor.browser or ANYONE


def _is_folder(path: Path) -> bool:
    """Whether a folder is there: one of ours, not a link to another place."""
    return path.is_dir() and not path.is_symlink()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}
