"""How a command behaves that another program runs: how far it is, and how much it may take."""

import argparse
import contextlib
import json
import signal
import sys
import time
from collections.abc import Callable, Iterator

TELL_EVERY = 0.5
"""Seconds between two words of progress."""


class NoMemoryError(ValueError):
    """The command needs more memory than it may have."""


def add_process_options(command: argparse.ArgumentParser) -> None:
    """The options that bound a command and have it say how far it is."""
    command.add_argument("--progress", action="store_true",
                         help="print on standard error how far it is, as JSON lines")
    command.add_argument("--memory", type=int, metavar="MB",
                         help="end with a sentence when more memory than this is needed")


def progress_of(options: argparse.Namespace) -> Callable[[int, int, str], None]:
    """What to call with what is done, of how much (0: not known), and a text for a person."""
    last = 0.0

    def tell(done: int, total: int, text: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= TELL_EVERY or (total and done >= total):
            last = now
            sys.stderr.write(json.dumps({"progress": [done, total], "text": text}) + "\n")
            sys.stderr.flush()

    return tell if options.progress else lambda done, total, text: None


@contextlib.contextmanager
def bounded_memory(megabytes: int | None) -> Iterator[None]:
    """While in it, this process has so much address space at most; NoMemoryError beyond.

    Windows has no such bound: there is none there.
    """
    before = _bound(megabytes << 20) if megabytes else None
    try:
        yield
    except MemoryError:
        raise NoMemoryError(
            f"This data needs more memory than the {megabytes:,} MB there are for it: give a "
            "smaller part of it." if megabytes else "There is not enough memory for this data."
        ) from None
    finally:
        if before:
            before()


def _bound(most: int) -> Callable[[], None] | None:
    """Bound the address space; gives what undoes it, or None where there is no such bound."""
    try:
        import resource
    except ImportError:
        return None
    before = soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bounds = [bound for bound in (most, soft, hard) if bound != resource.RLIM_INFINITY]
    resource.setrlimit(resource.RLIMIT_AS, (min(bounds), hard))
    return lambda: resource.setrlimit(resource.RLIMIT_AS, before)


@contextlib.contextmanager
def ended_tidily() -> Iterator[None]:
    """While in it, a polite end (SIGTERM) is an exception: what was begun is cleared away."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
