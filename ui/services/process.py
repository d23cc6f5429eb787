"""Long work asked of a process at low priority.

It would hold up the page.
"""

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from hub.progress import Progress, drained
from train.engines.local import NICENESS, spare_cores

ROOT = Path(__file__).resolve().parents[2]
LOOK_EVERY = 0.25
"""Seconds between two looks at a process."""
MOST_PRINTED = 16_000_000
MOST_LINE = 100_000
"""Characters of an answer, and of a line that is logged: a process may be led astray."""
ENOUGH = 2.0
"""Seconds of work from which the rest can be guessed."""
AT_WORK: set[int] = set()
"""The process groups that are at work, to be ended with Tandem."""


class NoAnswerError(ValueError):
    """The process gave no answer.

    The message is the last line it logged.
    """


@contextlib.contextmanager
def said_as(kind: type[ValueError], late: str, failed: str) -> Iterator[None]:
    """Turn a command without an answer into another error.

    late: the sentence where it was ended; failed: what goes before the last line it logged.
    """
    try:
        yield
    except subprocess.TimeoutExpired:
        raise kind(late) from None
    except NoAnswerError as error:
        raise kind(f"{failed}: {error}") from None


class CancelledError(ValueError):
    """The process was ended because its answer is unwanted."""


def answer_of(
    command: Sequence[str], home: Path, environment: Mapping[str, str], within: float
) -> dict[str, Any]:
    """The JSON object that a command prints last.

    An `error` in it is an answer too. within: seconds it may take; subprocess.TimeoutExpired when
    it was ended. NoAnswerError when it prints none.
    """
    return drained(follow(command, home, environment, within))


def follow(
    command: Sequence[str], home: Path, environment: Mapping[str, str], within: float,
    cancel: threading.Event | None = None,
) -> Generator[Progress | None, None, dict[str, Any]]:
    """Run a command, yielding its progress several times a second.

    Returns its answer. It says how far it is in lines `{"progress": [done, total], "text": "…"}` on
    standard error. The process is ended when `cancel` is set (CancelledError) and when the
    generator is closed. Raises as `answer_of` does.
    """
    child = _started(command, home, environment, within)
    AT_WORK.add(child.pid)
    ears = _Ears(child)
    end = time.monotonic() + within
    try:
        while child.poll() is None:
            if cancel is not None and cancel.is_set():
                raise CancelledError("It was cancelled.")
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(command, within)
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(LOOK_EVERY)
            yield ears.progress
    finally:
        _end(child)
        AT_WORK.discard(child.pid)
        ears.close()
    return ears.answer(child.returncode)


def _started(
    command: Sequence[str], home: Path, environment: Mapping[str, str], within: float
) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, errors="replace",
        start_new_session=True,  # so that it is ended with whatever it starts
        env={**environment, "TANDEM_HOME": str(home.resolve()),
             "OMP_NUM_THREADS": str(spare_cores()), "TOKENIZERS_PARALLELISM": "false"},
    )
    with contextlib.suppress(OSError, AttributeError):  # where there are no priorities
        os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
    with contextlib.suppress(OSError, AttributeError, ImportError):
        import resource  # not everywhere

        # Nobody ends it when this process is killed meanwhile: then it ends by itself.
        most = int(within * (os.cpu_count() or 1)) + 1
        resource.prlimit(child.pid, resource.RLIMIT_CPU, (most, most))
    return child


def end_all() -> None:
    """End every process: nobody waits for its answer."""
    for group in list(AT_WORK):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def _end(child: subprocess.Popen[str]) -> None:
    """End a process, and what it started, whether it is still there or not."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


@dataclass
class _Ears:
    """Hears a process out, so that it never waits to be heard."""

    child: subprocess.Popen[str]
    progress: Progress | None = None
    printed: str = ""
    logged: deque[str] = field(default_factory=lambda: deque(maxlen=20))
    began: float = 0.0

    def __post_init__(self) -> None:
        self._threads = [threading.Thread(target=hear, args=(stream,), daemon=True)
                         for hear, stream in ((self._hear_answer, self.child.stdout),
                                              (self._hear_progress, self.child.stderr))]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        for thread in self._threads:
            thread.join(5)
        for stream in (self.child.stdout, self.child.stderr):
            if stream is not None:
                stream.close()

    def answer(self, status: int) -> dict[str, Any]:
        try:
            answer = json.loads(self.printed.strip().splitlines()[-1])
        except (ValueError, IndexError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise NoAnswerError(self._why_not(status))
        return answer

    def _why_not(self, status: int) -> str:
        if status < 0:
            by = signal.Signals(-status).name
            return f"its process was ended by {by}, perhaps for want of memory or time"
        return self.logged[-1][:300] if self.logged else "?"

    def _hear_answer(self, stream: IO[str]) -> None:
        self.printed = stream.read(MOST_PRINTED)
        while stream.read(MOST_LINE):  # let it go on to its end
            pass

    def _hear_progress(self, stream: IO[str]) -> None:
        while line := stream.readline(MOST_LINE):
            if progress := self._told(line):
                self.progress = progress
            elif line.strip():
                self.logged.append(line.strip())

    def _told(self, line: str) -> Progress | None:
        """How far a line says the process is; None if it is a line of the log."""
        if not line.startswith("{"):
            return None
        try:
            told = json.loads(line)
            done, total = (int(number) for number in told["progress"])
            at = Progress(done, total, str(told.get("text", ""))[:200])
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            return None
        now = time.monotonic()
        before = self.progress
        if before is None or total != before.total or done < before.done:
            self.began = now  # something else from here on
        spent = now - self.began
        return at.after(spent) if spent >= ENOUGH else at
