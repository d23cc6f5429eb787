"""A run as one file to take away."""

import os
import tempfile
import zipfile
from pathlib import Path

from .record import Run

LEFT_OUT = ("checkpoints", "process.log")
"""What only resuming needs, and what the process said to this machine alone."""
MOST_ARCHIVES = 3
"""Archives kept: each is as large as a model."""


def zipped(run: Run) -> Path:
    """Write a run directory into a temporary zip file.

    Gives its path. Written beside and renamed; an earlier archive of the same run is replaced.
    Weights do not get smaller, so nothing is compressed but text.
    """
    folder = Path(tempfile.gettempdir()) / f"tandem-archives-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = sorted(folder.glob("*.zip"), key=lambda path: path.stat().st_mtime)
    for old in kept[: max(0, len(kept) - MOST_ARCHIVES + 1)]:
        old.unlink(missing_ok=True)
    place = folder / f"{run.id}.zip"
    beside = place.with_suffix(".part")
    try:
        with zipfile.ZipFile(beside, "w") as archive:
            _pack(run, archive)
        beside.replace(place)
    finally:
        beside.unlink(missing_ok=True)  # what a full disk, or a run deleted meanwhile, leaves
    return place


def _pack(run: Run, archive: zipfile.ZipFile) -> None:
    for path in sorted(run.folder.rglob("*")):
        inside = path.relative_to(run.folder)
        if path.is_symlink() or not path.is_file():
            continue
        if inside.parts[0] in LEFT_OUT or inside.parts[0].startswith("."):
            continue
        packed = zipfile.ZIP_DEFLATED if path.suffix in (".json", ".jsonl", ".txt", ".md") \
            else zipfile.ZIP_STORED
        archive.write(path, f"{run.id}/{inside.as_posix()}", packed)
