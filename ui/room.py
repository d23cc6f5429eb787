"""How much of the disk what visitors bring may take, and for how long.

Links are never followed: one that lies in the folder is itself removed, and not what it leads to.
"""

import contextlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train.record import ACTIVE, RunError, list_runs
from train.settings import Settings

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
class Kept:
    """One folder. used: when it was last used, in seconds of the epoch."""

    path: Path
    used: float
    bytes: int
    owner: str | None

    @property
    def kind(self) -> str:
        """What it is: `upload-`, `raw-`, or another thing."""
        return self.path.name.partition("-")[0] + "-"


@dataclass(frozen=True)
class Room:
    """What is kept in the folder of uploads, the oldest of which goes first."""

    settings: Settings

    def make(self, owner: str | None) -> bool:
        """Make room for one thing more of this owner's.

        owner: None for the owner of this Tandem. False where all that is kept is needed.
        """
        kept, needed = self._kept(), self._needed()
        for kind, most in (("upload-", MOST_DATA), ("raw-", MOST_RAW)):
            of_kind = [one for one in kept if one.kind == kind]
            if owner is not None:
                theirs = [one for one in of_kind if one.owner == owner]
                kept = _less(kept, theirs, len(theirs) - MOST_OF_VISITOR[kind] + 1, needed)
            of_kind = [one for one in kept if one.kind == kind]
            kept = _less(kept, of_kind, len(of_kind) - most + 1, needed)
        most_bytes = TIMES * self.settings.max_upload
        while sum(one.bytes for one in kept) > most_bytes:
            fewer = _less(kept, kept, 1, needed)
            if len(fewer) == len(kept):
                return False
            kept = fewer
        return True

    def sweep(self) -> None:
        """Remove what has been kept long enough since it was last used."""
        hours, now, needed = self.settings.keep_hours, time.time(), self._needed()
        for one in self._kept():
            lives = RAW_LIVES if one.kind != "upload-" else None if hours is None else hours * 3600
            if lives is not None and now - one.used > lives and one.path.name not in needed:
                _remove(one.path)

    def clear_parts(self) -> None:
        """Remove what was being made when Tandem ended."""
        for one in self._kept():
            if one.kind == "part-":
                _remove(one.path)

    def _kept(self) -> list[Kept]:
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
                if record["status"] in NEEDED:
                    names.add(Path(str((record.get("data") or {}).get("source", ""))).name)
        return names


def _less(
    kept: Sequence[Kept], among: Sequence[Kept], count: int, needed: set[str]
) -> list[Kept]:
    """What is left when up to `count` of some are gone, the oldest that nobody needs first."""
    going = [one for one in among if one.path.name not in needed and one.kind != "part-"]
    gone = going[: max(0, count)]
    for one in gone:
        _remove(one.path)
    return [one for one in kept if one not in gone]


def _kept(path: Path) -> Kept | None:
    """What lies at a path; None if it is gone just now."""
    try:
        used = path.lstat().st_mtime
        size = _bytes(path)
    except OSError:
        return None
    owner: str | None = None
    if not path.is_symlink():
        with contextlib.suppress(OSError, ValueError, AttributeError):
            owner = json.loads((path / OWNER_FILE).read_text("utf-8")).get("owner")
    return Kept(path, used, size, owner)


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
