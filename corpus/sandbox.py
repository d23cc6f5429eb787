"""What bounds and shows the work of a command.

Limits of memory, and progress for a reader.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from hub.progress import OnProgress, Progress

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parents[1]
EVERY = 0.2
"""Seconds between two lines of progress at least."""


def bound_memory(megabytes: int) -> None:
    """Refuse this process more than so much memory.

    Where the machine has such limits. What is over it raises MemoryError; `out_of_memory` says that
    to a person. A library that is not written in Python may end the process instead.
    """
    if resource is None:
        return
    most = megabytes << 20
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    for bound in (soft, hard):
        if bound != resource.RLIM_INFINITY:
            most = min(most, bound)
    resource.setrlimit(resource.RLIMIT_AS, (most, hard))


class ChildError(ValueError):
    """A process that ended before it was done.

    For want of memory, or it was ended.
    """


def lines_of_child(module: str, megabytes: int, *arguments: str) -> Iterator[str]:
    """Lines that a module prints in a bounded child.

    One of ours, in a process of its own with bounded memory. The module is given the bound first,
    for `bound_memory`. The process is ended when the iterator is closed. ChildError when it does
    not end well: a library that aborts takes nobody along.
    """
    child = subprocess.Popen(
        [sys.executable, "-m", module, str(megabytes), *arguments], cwd=ROOT, text=True,
        encoding="utf-8", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        for line in child.stdout or ():
            if line.endswith("\n"):  # or it is what was written when it ended
                yield line
        if child.wait() != 0:
            raise ChildError(f"{module} ended with {child.returncode}.")
    finally:
        if child.poll() is None:
            child.kill()
        if child.stdout:
            child.stdout.close()
        child.wait()


def out_of_memory(megabytes: int | None) -> str:
    """The sentence for a MemoryError.

    megabytes: what the process was bound to.
    """
    most = f"the {megabytes:,} MB it may take" if megabytes else "what this machine has"
    return f"Reading this data takes more memory than {most}: bring fewer rows, or shorter texts."


def progress_printer() -> OnProgress:
    """Progress as JSON lines on standard error.

    `{"progress": [done, total], "text": "Reading"}`: at once when the text changes or all is done,
    and otherwise five times a second at most.
    """
    last_text, last_time = "", 0.0

    def printed(at: Progress) -> None:
        nonlocal last_text, last_time
        now = time.monotonic()
        if at.text == last_text and at.done < at.total and now - last_time < EVERY:
            return
        last_text, last_time = at.text, now
        line = {"progress": [at.done, at.total], "text": at.text}
        sys.stderr.write(json.dumps(line) + "\n")
        sys.stderr.flush()

    return printed


def print_result(text: str) -> None:
    """Print what a command found.

    Whoever reads no further than they want (`| head`) is no error of the command's.
    """
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        with open(os.devnull, "w") as nowhere:  # what Python itself still writes at its end
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
