"""What somebody waits for and nobody else should notice.

Done in turn, a part at a time.
"""

import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field

from hub.progress import Progress, mapped
from retrieval.index import Index
from train.run.files import sentence_of
from ui.serving.traces import traced

from .model_pair import LexicalOnly, ModelPair

log = logging.getLogger("tandem")

MOST_JOBS = 8
"""Jobs of a lane at a time: each holds a corpus and the vectors made so far."""
NICENESS = 5
"""How much lower the priority of the work is than that of questions, where the system has such."""
ENDED = ("ready", "failed", "stopped")


class BusyError(ValueError):
    """There is too much to do already.

    The message says so.
    """


@dataclass(frozen=True)
class Stage:
    """How far what somebody chose is.

    kind: `waiting`, `reading`, `encoding`, `measuring`, then `ready`, `failed` or `stopped`.
    progress: in passages or questions. words: what can be asked while no model has read the
    passages. pair: what can be shown, once there is something.
    """

    kind: str
    text: str
    progress: Progress = Progress()
    words: LexicalOnly | None = None
    pair: ModelPair | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.kind in ENDED


Work = Iterator[Stage]


@dataclass(eq=False)
class Task:
    """Something to be done for whoever chose `key`.

    owner: who asked for it, None for no one.
    """

    key: str
    work: Work
    owner: str | None = None
    stage: Stage = Stage("waiting", "Waiting for its turn")
    bytes: int = 0


@dataclass
class Worker:
    """A thread that does parts of tasks in turn.

    So that a short one is soon done. The thread is there while there is something to do. Its
    priority is lower than that of those that answer questions.
    """

    name: str
    _jobs: deque[Task] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None

    def add(self, job: Task) -> None:
        """Begin a job; returns at once.

        BusyError when there are too many.
        """
        with self._lock:
            if len(self._jobs) >= MOST_JOBS:
                raise BusyError(f"{len(self._jobs)} others are waiting here already: try again in "
                                "some minutes.")
            self._jobs.append(job)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name=self.name)
                self._thread.start()

    @property
    def jobs(self) -> list[Task]:
        """Those that are not done."""
        with self._lock:
            return list(self._jobs)

    def stop(self, job: Task) -> None:
        """Let a job be.

        The part that is being done comes to its end.
        """
        with self._lock:
            if not job.stage.ended:
                job.stage = Stage("stopped", f"This was stopped{_at(job.stage.progress)}.")

    def _run(self) -> None:
        _lower_priority()
        while True:
            with self._lock:
                if not self._jobs:
                    self._thread = None
                    return
                job = self._jobs[0]
            stage = _next(job)
            with self._lock:
                self._jobs.popleft()
                if not job.stage.ended:
                    job.stage = stage
                if not job.stage.ended:
                    self._jobs.append(job)
                    continue
            job.work = iter(())  # what it held goes


def _next(job: Task) -> Stage:
    """The next stage of a job. Nothing that goes wrong in it may end the thread."""
    if job.stage.ended:  # stopped before its turn came
        return job.stage
    try:
        return next(job.work)
    except StopIteration:
        return Stage("failed", "This ended without a result: choose it again.")
    except ValueError as error:
        return Stage("failed", str(error))
    except OSError as error:  # its own text names folders of this machine
        return Stage("failed", sentence_of(error))
    except MemoryError:
        return Stage("failed", "There is not enough memory here for so much data.")
    except Exception as error:
        log.error("What somebody chose could not be made ready: %s", traced(error))
        return Stage("failed", f"Something unforeseen went wrong: {type(error).__name__}.")


def _at(progress: Progress) -> str:
    return f" at {progress.done:,} of {progress.total:,}" if progress.total else ""


def _lower_priority() -> None:
    """Give way to the threads that answer questions: on Linux, priority is a thread's own."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def encoding(
    parts: Generator[Progress, None, Index], text: str, words: LexicalOnly | None = None
) -> Generator[Stage, None, Index]:
    """The stages of an index that is built in parts.

    Returns the index.
    """
    start = time.monotonic()
    return (yield from mapped(parts, lambda at: Stage(
        "encoding", text, at.after(time.monotonic() - start), words)))
