"""Who runs next: one run at a time on each device, the others wait in the order they came.

All state is on disk: a run that waits is a run directory that is `queued`, so a restart of the app
forgets nothing but the tokens, which are kept in memory only.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .engines import Engine, EngineError
from .record import ACTIVE, Run, RunError, list_runs, now
from .request import Request, request_of

log = logging.getLogger("tandem")

LOOK_EVERY = 1.0
"""Seconds between two looks at who runs and who waits."""
RESUMABLE = ("interrupted", "failed", "stopped")


@dataclass
class Queue:
    """The runs of one home and the engines they run on. `open` starts it; any thread may call it.

    max_disk: bytes that all runs together may take, None without a limit.
    """

    runs: Path
    engines: Mapping[str, Engine]
    max_disk: int | None = None
    _tokens: dict[str, str] = field(default_factory=dict, repr=False)
    _begun: set[str] = field(default_factory=set)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _closed: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        """Look after the runs from now on, in a thread of its own."""
        threading.Thread(target=self._keep_looking, daemon=True, name="queue").start()

    def close(self) -> None:
        """The app ends: engines end what cannot outlive it."""
        self._closed.set()
        for engine in self.engines.values():
            engine.abandon()

    def submit(self, request: Request, token: str | None = None) -> Run:
        """Queue a new run; it starts at the next look when its device is free."""
        self._engine(request.engine)
        run = request.create(self.runs)
        return self._enqueue(run, token)

    def resume(self, run: Run, token: str | None = None) -> Run:
        """Queue a run again that ended early; it goes on from its last checkpoint."""
        with self._lock:
            status = run.record()["status"]
            if status not in RESUMABLE:
                raise RunError(f"{run.id} is {status}: only a run that ended early can go on.")
            self._engine(request_of(run).engine)
            self._forget(run)
            run.update(status="queued", error=None, queued=now())
            return self._enqueue(run, token)

    def stop(self, run: Run, token: str | None = None) -> None:
        """Stop a run that waits or runs; the best checkpoint so far becomes the result."""
        with self._lock:
            if run.record()["status"] == "queued" and run.id not in self._begun:
                self._tokens.pop(run.id, None)
                run.update(status="stopped", error="It was taken out of the queue before it began.")
                return
        engine = self.engines.get(engine_name(run.record()))
        if engine is None or not engine.stop(run, token or self._tokens.get(run.id)):
            raise RunError(f"{run.id} is not running, so there is nothing to stop.")

    def delete(self, run: Run) -> None:
        """Remove a run that is over, and everything in it."""
        with self._lock:
            status = run.record()["status"]
            if status in ACTIVE:
                raise RunError(f"{run.id} is {status}: stop it first, then delete it.")
            run.delete()

    def place(self, run: Run) -> int:
        """How many runs go before this one on its device: 0 when it runs or is next."""
        device = self._device(run)
        ahead = 0
        for other in self._active():
            if other.id == run.id:
                return ahead
            ahead += self._device(other) == device
        return 0

    def look_at(self, run: Run) -> None:
        """Bring the record of one run up to date."""
        engine = self.engines.get(engine_name(run.record()))
        if engine is not None:
            engine.look(run)

    def look(self) -> None:
        """Bring the records of active runs up to date, and start whoever's turn it is."""
        with self._lock:
            busy: set[str] = set()
            for run in self._active():
                self._move_on(run, busy)

    def _move_on(self, run: Run, busy: set[str]) -> None:
        engine = self.engines.get(engine_name(run.record()))
        if engine is None:
            run.update(status="failed", error=_no_engine(engine_name(run.record())))
            return
        engine.look(run)
        status, device = run.record()["status"], engine.device(run)
        if status == "running" or run.id in self._begun:
            if status in ACTIVE:
                busy.add(device)
            else:
                self._forget(run)
        elif status == "queued" and device not in busy:
            self._start(engine, run)
            busy.add(device)

    def _start(self, engine: Engine, run: Run) -> None:
        try:
            make_room(self.runs, self.max_disk)
            engine.start(run, self._tokens.get(run.id))
            self._begun.add(run.id)
        except (ValueError, OSError) as error:
            run.update(status="failed", error=str(error), process=None)
            self._forget(run)

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
            record = run.record()
            if record["status"] == "running" or (
                record["status"] == "queued" and "engine" in record
            ):
                waits = record["status"] == "queued" and run.id not in self._begun
                active[waits, record.get("queued") or record.get("created", ""), run.id] = run
        self._begun &= {run.id for run in active.values()}
        return [active[at] for at in sorted(active)]

    def _device(self, run: Run) -> str:
        engine = self.engines.get(engine_name(run.record()))
        return engine.device(run) if engine else ""

    def _engine(self, name: str) -> Engine:
        if name not in self.engines:
            raise EngineError(_no_engine(name))
        return self.engines[name]

    def _keep_looking(self) -> None:
        while not self._closed.wait(LOOK_EVERY):
            try:
                self.look()
            except (ValueError, OSError) as error:  # a run deleted or damaged under our eyes
                log.warning("%s", error)


def engine_name(record: Mapping[str, Any]) -> str:
    """Which engine a run was asked to run on; those of the command line have none of their own."""
    return str((record.get("engine") or {}).get("name", "local"))


def make_room(runs: Path, max_disk: int | None) -> None:
    """Keep all runs together under `max_disk` bytes: the oldest checkpoints of ended runs go first.

    EngineError when that is not enough: models and records are never removed unasked.
    """
    if max_disk is None:
        return
    used = sum(run.size() for run in list_runs(runs))
    for run in reversed(list_runs(runs)):
        if used <= max_disk:
            return
        if run.record()["status"] not in ACTIVE and run.checkpoints.is_dir():
            used -= run.remove_checkpoints()
    if used > max_disk:
        raise EngineError(
            f"The runs take {used / 1e9:.1f} GB of disk, more than the {max_disk / 1e9:.1f} GB of "
            "TANDEM_MAX_DISK_GB: delete runs that are not needed any more."
        )


def _no_engine(name: str) -> str:
    return f"There is no engine {name!r:.40} here: choose another one and start a new run."
