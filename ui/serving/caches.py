"""Caches on disk, kept within bounds."""

import contextlib
import logging
import time
from collections.abc import Collection
from pathlib import Path

log = logging.getLogger("tandem")

INDEXES = 4_000_000_000
"""Bytes of indexes that are kept."""
MODELS = 4
"""How many of the largest base models a visitor may name are kept."""
YOUNG = 3600.0
"""Seconds after its last use in which nothing is removed: a run may read it yet."""


def sweep_indexes(folder: Path, most: int = INDEXES) -> None:
    """Remove the indexes used longest ago beyond a size.

    folder: with a file each. They are made again when they are needed.
    """
    found = []
    with contextlib.suppress(OSError):
        for path in folder.glob("*.npy"):
            stat = path.stat()
            found.append((max(stat.st_mtime, stat.st_atime), stat.st_size, path))
    total = sum(size for _, size, _ in found)
    for used, size, path in sorted(found, key=lambda one: one[0]):
        if total <= most or time.time() - used < YOUNG:
            return
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size


def sweep_models(most: int, kept: Collection[str], cache: Path | None = None) -> None:
    """Remove the Hub's models used longest ago beyond a size.

    kept: ids that stay. cache: the Hub's own, where it is not elsewhere. For a Space, whose cache
    is Tandem's alone.
    """
    from huggingface_hub import CacheNotFound, scan_cache_dir

    with contextlib.suppress(CacheNotFound, OSError, ValueError):
        found = scan_cache_dir(cache)
        total = found.size_on_disk
        for repo in sorted(found.repos, key=lambda one: one.last_accessed):
            if total <= most or time.time() - repo.last_accessed < YOUNG:
                return
            if repo.repo_id not in kept:
                commits = [revision.commit_hash for revision in repo.revisions]
                found.delete_revisions(*commits).execute()
                log.info("a model of the cache was removed: %.1f GB", repo.size_on_disk / 1e9)
                total -= repo.size_on_disk
