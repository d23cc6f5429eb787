"""One process at a time fits into a run directory.

A lock that ends with who has it.
"""

import contextlib
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from .record import Run, RunError

LOCK = ".lock"
PATIENCE = 0.5
"""Seconds to try again: whoever only looks at the lock has it for a moment."""


@contextlib.contextmanager
def held(run: Run) -> Iterator[None]:
    """Have a run directory to oneself.

    RunError says who has it.
    """
    path = run.folder / LOCK
    with path.open("a+", encoding="utf-8") as file:
        end = time.monotonic() + PATIENCE
        while not _locked(file):
            if time.monotonic() > end:
                raise RunError(
                    f"{run.folder} is running already, in process {_holder(path)}: wait until it "
                    "is done, stop it, or choose another --out."
                )
            time.sleep(PATIENCE / 10)
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid()}))
        file.flush()
        yield


def holder(run: Run) -> int | None:
    """The process that fits into a run directory.

    None if there is none.
    """
    path = run.folder / LOCK
    try:
        with path.open("r", encoding="utf-8") as file:
            return None if _locked(file, shared=True) else _holder(path)
    except FileNotFoundError:
        return None


def _locked(file: IO[str], shared: bool = False) -> bool:
    """Take the lock unless somebody has it. True also where a file system has no locks."""
    try:
        import fcntl
    except ImportError:  # a platform without them: the record's status is all there is
        return True
    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a mounted bucket, for one
        return True
    return True


def _holder(path: Path) -> int | None:
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        return int(json.loads(path.read_text("utf-8"))["pid"])
    return None
