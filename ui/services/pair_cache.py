"""The pairs that visitors choose.

Of finished runs, and of data of their own. Each is made ready in the background, beside the others,
and nobody's request waits for it.
"""

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from train.run.record import known_run
from train.settings import Settings

from .load_run import Loads, check_usable, pair_of_run
from .load_upload import is_own, pair_of_data, swept
from .model_pair import ModelPair
from .worker import BusyError, Stage, Task, Worker

MOST_PAIRS = 3
"""Pairs of chosen runs kept in memory: each holds two models."""
MOST_OWN = 24
"""Visitors' data kept in memory: all of it shares one model."""
MOST_BYTES = 1_500_000_000
"""What vectors and texts of all of them may take; the one chosen last is kept whatever it takes."""
MOST_OF_ONE = 2
"""Data sets that one visitor may have read at a time."""
LOOK_EVERY = 0.05


class NotReadyError(ValueError):
    """What was asked for is not there yet.

    The message says what is being waited for.
    """


@dataclass
class PairCache:
    """Pairs of models by run or uploaded data.

    Under the id of a run or the name of somebody's data. Whoever asks must have been found to be
    allowed to see it. opening: the pair the page opens with, None while it is not there, ValueError
    where it never will be.
    """

    settings: Settings
    opening: Callable[[], ModelPair | None]
    loads: Loads
    _jobs: OrderedDict[str, Task] = field(default_factory=OrderedDict)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    # Loading the models of a run may wait for the Hub; nobody's data should wait for that too.
    _runs: Worker = field(default_factory=lambda: Worker("chosen-runs"))
    _data: Worker = field(default_factory=lambda: Worker("own-data"))

    def begin_run(self, run_id: str) -> None:
        """Begin to load the pair of a run.

        RunError where it has none.
        """
        run = known_run(self.settings.runs, run_id)
        check_usable(run)
        self._begin(self._runs, Task(
            run_id, pair_of_run(run, self.opening, self.loads, self.settings)))

    def begin_data(self, name: str, source: str, title: str, owner: str | None) -> None:
        """Begin to read somebody's data.

        BusyError where they, or all, have enough being read.
        """
        if owner is not None and len(self._of(owner, name)) >= MOST_OF_ONE:
            raise BusyError(f"{MOST_OF_ONE} of your data sets are being read already: wait until "
                            "one is done, or stop one.")
        self.sweep()
        self._begin(self._data, Task(
            name, pair_of_data(name, source, title, self.opening, self.settings), owner))

    def stage(self, key: str) -> Stage | None:
        """How far something is.

        None where it was not begun, or has been let go of.
        """
        with self._lock:
            job = self._jobs.get(key)
            return job.stage if job else None

    def pair(self, key: str, begin: Callable[[], None], wait: float = 0.0) -> ModelPair:
        """The pair of something chosen, begun where it was not.

        wait: seconds to wait for it. NotReadyError while it is not there, ValueError with what went
        wrong.
        """
        end = time.monotonic() + wait
        while True:
            stage = self._used(key)
            if stage is None:
                begin()
            elif stage.pair is not None:
                return stage.pair
            elif stage.ended:
                raise ValueError(stage.text)
            if time.monotonic() >= end:
                raise NotReadyError(_waited_for(self.stage(key)))
            time.sleep(LOOK_EVERY)

    def others(self, key: str) -> int:
        """How many take turns with somebody's data."""
        return sum(job.key != key for job in self._data.jobs)

    def stop(self, key: str) -> None:
        """Stop making something ready.

        It stays stopped until it is chosen again.
        """
        with self._lock:
            if job := self._jobs.get(key):
                self._lane(key).stop(job)

    def again(self, key: str) -> None:
        """Forget a stopped or failed pair, to begin anew."""
        with self._lock:
            job = self._jobs.get(key)
            if job and job.stage.kind in ("stopped", "failed"):
                del self._jobs[key]

    def forget(self, key: str) -> None:
        """Let go of what is deleted."""
        with self._lock:
            self.stop(key)
            self._jobs.pop(key, None)

    def sweep(self) -> None:
        """Forget uploaded data that is gone.

        In memory and in the cache.
        """
        opened = None
        with contextlib.suppress(ValueError):  # there never will be one
            opened = self.opening()
        for name in swept(self.settings, [opened.corpus.fingerprint] if opened else ()):
            self.forget(name)

    def _of(self, owner: str, name: str) -> list[Task]:
        return [job for job in self._data.jobs if job.owner == owner and job.key != name]

    def _lane(self, key: str) -> Worker:
        return self._data if is_own(key) else self._runs

    def _begin(self, worker: Worker, job: Task) -> None:
        with self._lock:
            if job.key in self._jobs:
                return  # somebody else was quicker
            worker.add(job)
            self._jobs[job.key] = job
            self._make_room()

    def _used(self, key: str) -> Stage | None:
        """The stage of something that is used now, which keeps it in memory."""
        with self._lock:
            if key not in self._jobs:
                return None
            self._jobs.move_to_end(key)
            self._make_room()
            return self._jobs[key].stage

    def _make_room(self) -> None:
        """Let go of what was used longest ago, where there is too much."""
        ended = [key for key, job in self._jobs.items() if job.stage.ended]
        runs = [key for key in ended if not is_own(key)]
        own = [key for key in ended if is_own(key)]
        old = {*runs[:max(0, len(runs) - MOST_PAIRS)], *own[:max(0, len(own) - MOST_OWN)]}
        taken = sum(_bytes(self._jobs[key]) for key in ended)
        for key in ended[:-1]:
            if key in old or taken > MOST_BYTES:
                taken -= _bytes(self._jobs[key])
                del self._jobs[key]


def _bytes(job: Task) -> int:
    if not job.bytes and job.stage.pair is not None:
        job.bytes = job.stage.pair.bytes
    return job.bytes


def _waited_for(stage: Stage | None) -> str:
    """What is being waited for, in a sentence for somebody who asks from a program."""
    if stage is None or not stage.progress.total:
        return f"{stage.text if stage else 'This is being loaded'}: ask again in a few seconds."
    progress = stage.progress
    return f"{stage.text}: {progress.done:,} of {progress.total:,}. Ask again when that is done."
