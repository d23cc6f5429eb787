"""Who runs next.

One run at a time on each device, the others wait in the order they came. All state is on disk: a
run that waits is a run directory that is `queued`, so a restart of the app forgets nothing but the
tokens, which are kept in memory only.
"""

import contextlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from train.engines import Engine, EngineError
from train.run.files import sentence_of
from train.run.record import ACTIVE, Run, RunError, RunRecord, list_runs, now
from train.run.spec import RunSpec, spec_of

log = logging.getLogger("tandem")

LOOK_EVERY = 1.0
"""Seconds between two looks at who runs and who waits."""
CLOSE_WITHIN = 5.0
"""Seconds to wait for a start that is under way when the app ends."""
RESUMABLE = ("interrupted", "failed", "stopped")


@dataclass
class Queue:
    """Runs of one home, waiting for their engines.

    `open` starts it; any thread may call it. max_disk: bytes that all runs together may take, None
    without a limit.
    """

    runs: Path
    engines: Mapping[str, Engine]
    max_disk: int | None = None
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)
    _begun: set[str] = field(default_factory=set)
    _stopping: set[str] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _starting: threading.Lock = field(default_factory=threading.Lock)
    _closed: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        """Start to look after the runs.

        In a thread of its own.
        """
        threading.Thread(target=self._keep_looking, daemon=True, name="queue").start()

    @property
    def is_closed(self) -> bool:
        """Whether the app ends."""
        return self._closed.is_set()

    def close(self) -> None:
        """The app ends: engines end what cannot outlive it."""
        self._closed.set()
        waited = self._starting.acquire(timeout=CLOSE_WITHIN)  # whoever is being started is started
        for engine in self.engines.values():
            engine.abandon()
        if waited:
            self._starting.release()

    def submit(self, request: RunSpec, token: str | None = None) -> Run:
        """Queue a new run.

        It starts at the next look when its device is free.
        """
        self._engine(request.engine)
        with self._lock:  # nobody may start it before its token is kept
            return self._enqueue(request.create(self.runs), token)

    def resume(self, run: Run, token: str | None = None) -> Run:
        """Queue a run again that ended early.

        It goes on from its last checkpoint.
        """
        with self._lock:
            status = run.record().status
            if status not in RESUMABLE:
                raise RunError(f"{run.id} is {status}: only a run that ended early can go on.")
            self._engine(spec_of(run).engine)
            self._forget(run)
            run.update(status="queued", error=None, queued=now())
            return self._enqueue(run, token)

    def stop(self, run: Run, token: str | None = None) -> None:
        """Stop a run that waits or runs.

        The best checkpoint so far becomes the result.
        """
        with self._lock:
            if run.record().status == "queued" and run.id not in self._begun:
                self._tokens.pop(run.id, None)
                run.update(status="stopped", error="It was taken out of the queue before it began.")
                return
        engine = self.engines.get(run.record().engine_name)
        if engine is None or not engine.stop(run, token or self._tokens.get(run.id)):
            raise RunError(f"{run.id} is not running, so there is nothing to stop.")
        self._stopping.add(run.id)

    def is_stopping(self, run: Run) -> bool:
        """Whether a run was asked to stop but goes on."""
        return run.id in self._stopping

    def delete(self, run: Run) -> None:
        """Remove a run that is over, and everything in it."""
        with self._lock:
            status = run.record().status
            if status in ACTIVE:
                raise RunError(f"{run.id} is {status}: stop it first, then delete it.")
            run.delete()

    def place(self, run: Run) -> int:
        """How many runs go before this one on its device.

        0 when it runs or is next.
        """
        device = self._device(run)
        ahead = 0
        for other in self._active():
            if other.id == run.id:
                return ahead
            ahead += self._device(other) == device
        return 0

    def visit(self, run: Run, token: str | None) -> None:
        """Tell a run's engine that its owner looks at it."""
        engine = self.engines.get(run.record().engine_name)
        if engine is not None and run.record().is_active:
            engine.visit(run, token)

    def look_at(self, run: Run) -> None:
        """Bring the record of one run up to date."""
        engine = self.engines.get(run.record().engine_name)
        if engine is not None:
            engine.look(run)

    def look(self) -> None:
        """Update active runs, and start whoever's turn it is.

        Starting may take as long as the Hub takes to answer, so nobody else has to wait for it.
        """
        with self._starting:
            while not all([self._started(engine, run) for engine, run in self._due()]):
                pass  # one that cannot be started leaves its device to the next

    def _due(self) -> list[tuple[Engine, Run]]:
        """The runs whose turn it is, which have begun from now on."""
        with self._lock:
            active = self._active()
            ids = {run.id for run in active}
            self._begun &= ids
            self._stopping &= ids
            for ended in self._tokens.keys() - ids:
                del self._tokens[ended]
            busy: set[str] = set()
            due: list[tuple[Engine, Run]] = []
            for run in active:
                try:
                    if engine := self._turn(run, busy):
                        due.append((engine, run))
                except (ValueError, OSError) as error:  # deleted or damaged under our eyes
                    log.warning("%s", error)
                except Exception:
                    # Whatever is wrong with one run, the others go on.
                    log.exception("The run %s could not be looked after", run.id)
            self._begun |= {run.id for _, run in due}
            return due

    def _turn(self, run: Run, busy: set[str]) -> Engine | None:
        """The engine that is to start a run now; None if it has begun, or must wait."""
        engine = self.engines.get(run.record().engine_name)
        if engine is None:
            run.update(status="failed", error=_no_engine(run.record().engine_name))
            return None
        device = engine.device(run)
        begun = run.record().status == "running" or run.id in self._begun
        try:
            engine.look(run)
        except Exception:
            if begun:  # it may well go on: its device is not given to another
                busy.add(device)
            raise
        status = run.record().status
        if begun:
            if status in ACTIVE:
                busy.add(device)
            else:
                self._forget(run)
        elif status == "queued" and device not in busy and not self._closed.is_set():
            busy.add(device)
            return engine
        return None

    def _started(self, engine: Engine, run: Run) -> bool:
        """Start a run; one that cannot be started has failed."""
        try:
            make_room(self.runs, self.max_disk)
            engine.start(run, self._tokens.get(run.id))
        except (ValueError, OSError) as error:
            self._fail(run, sentence_of(error))
            return False
        except Exception as error:
            # Not its text, nor its trace: nobody knows what an unforeseen error holds.
            log.error("The run %s could not be started: %s", run.id, type(error).__name__)
            self._fail(run, f"It could not be started: {type(error).__name__}.")
            return False
        return True

    def _fail(self, run: Run, sentence: str) -> None:
        with self._lock:
            self._forget(run)
            with contextlib.suppress(RunError):  # it may have been deleted meanwhile
                run.update(status="failed", error=sentence, process=None)

    def _forget(self, run: Run) -> None:
        self._begun.discard(run.id)
        self._tokens.pop(run.id, None)

    def _enqueue(self, run: Run, token: str | None) -> Run:
        if token:
            self._tokens[run.id] = token
        return run

    def _active(self) -> list[Run]:
        """The runs that run or wait, in the order they were asked for; whoever runs goes first.

        A queued run without an engine is one that a command line is about to begin by itself.
        """
        active: dict[tuple[bool, str, str], Run] = {}
        for run in list_runs(self.runs):
            record = _record(run)
            if record is not None and (record.status == "running" or (
                record.status == "queued" and record.engine is not None
            )):
                waits = record.status == "queued" and run.id not in self._begun
                active[waits, record.queued or record.created, run.id] = run
        return [active[at] for at in sorted(active)]

    def _device(self, run: Run) -> str:
        engine = self.engines.get(run.record().engine_name)
        return engine.device(run) if engine else ""

    def _engine(self, name: str) -> Engine:
        if name not in self.engines:
            raise EngineError(_no_engine(name))
        return self.engines[name]

    def _keep_looking(self) -> None:
        while not self._closed.wait(LOOK_EVERY):
            try:
                self.look()
            except Exception:  # the queue must outlive whatever is wrong with a home
                log.exception("The queue could not be looked at")


def make_room(runs: Path, max_disk: int | None) -> None:
    """Keep all runs together under `max_disk` bytes.

    The oldest checkpoints of ended runs go first. EngineError when that is not enough: models and
    records are never removed unasked.
    """
    if max_disk is None:
        return
    used = sum(run.size() for run in list_runs(runs))
    for run in reversed(list_runs(runs)):
        if used <= max_disk:
            return
        record = _record(run)
        if record is not None and not record.is_active and run.checkpoints.is_dir():
            used -= run.remove_checkpoints()
    if used > max_disk:
        raise EngineError(
            f"The runs take {used / 1e9:.1f} GB of disk, more than the {max_disk / 1e9:.1f} GB of "
            "TANDEM_MAX_DISK_GB: delete runs that are not needed any more."
        )


def _record(run: Run) -> RunRecord | None:
    """The record of a run; None once the run is gone."""
    try:
        return run.record()
    except RunError:
        return None


def _no_engine(name: str) -> str:
    return f"There is no engine {name!r:.40} here: choose another one and start a new run."
