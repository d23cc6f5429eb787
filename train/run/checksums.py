"""Checksums of files of a run."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from .files import write_json

SUMS = "checksums.json"
"""In a folder: what each of its files had when they were written."""


def digest_of(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def seal(folder: Path) -> None:
    """Write the checksums of a folder's files beside them."""
    sums = {path.relative_to(folder).as_posix(): digest_of(path)
            for path in sorted(folder.rglob("*")) if path.is_file() and path.name != SUMS}
    write_json(folder / SUMS, sums)


def damaged_in(folder: Path) -> str:
    """The first file of a sealed folder that changed.

    Empty where all are as they were, or where the folder was never sealed.
    """
    try:
        sums = json.loads((folder / SUMS).read_text("utf-8"))
    except FileNotFoundError:
        return ""
    except (OSError, ValueError):
        return SUMS
    for name, digest in sums.items() if isinstance(sums, dict) else ():
        path = folder / name
        if not path.is_file() or digest_of(path) != digest:
            return str(name)
    return ""


def beside(path: Path) -> Path:
    """Where the checksums of one file are kept."""
    return path.with_name(f".{path.name}.sha256")


def allow(path: Path, digests: Iterable[str]) -> None:
    """Say which contents a file may have.

    Of a file about to be replaced both the old and the new, so that it is whole at every moment.
    """
    write_json(beside(path), list(digests))


def allowed(path: Path) -> list[str]:
    """The contents that a file may have.

    None where nothing is said of it.
    """
    try:
        found = json.loads(beside(path).read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [str(digest) for digest in found] if isinstance(found, list) else []


def is_damaged(path: Path) -> bool:
    """Whether a file is not what was written.

    False where nothing is known of it.
    """
    known = allowed(path)
    return bool(known) and digest_of(path) not in known
