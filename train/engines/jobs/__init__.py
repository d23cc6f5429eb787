"""Runs on Hugging Face Jobs.

Paid by and with the token of whoever starts them. The way of a run: its data, its request and this
source go as one commit into a private repository of the user (`bundle`); a job fetches them,
trains, and prints its events (`worker`); a thread here writes them into the run directory
(`job_watch`); at the end the job leaves the result in the repository, from where it is checked and
taken over (`job_result`).

The token is in memory only: with the thread here, and as an encrypted secret with the job. After a
restart of the app a run stays `running`, with a note, until its user comes back (`attach`); the job
goes on meanwhile.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from hub.account import Account
from train.engines import EngineError, Flavor
from train.run.record import ACTIVE, Run, RunError, now
from train.settings import Settings

from .bundle import check_bundle, repository
from .hub import UserHub
from .pricing import estimated_cost, flavors, time_limit
from .watcher import UPLOADS, JobPace, Watch, engine_of

__all__ = ["JobsEngine", "JobPace", "estimated_cost"]

TRY_EVERY = 30.0
"""Seconds between two tries to watch a run again."""
KEPT = 600.0
"""Seconds for which the list of machines is believed."""
ENDS_WITHIN = 5.0
"""Seconds that a watch has left when its run is over."""
ENOUGH = 600.0
"""Seconds that a sign-in must hold at least: installing and a first epoch."""
SIGN_IN = ("Tandem was restarted and has no sign-in for this run, which goes on at {url}: sign in "
           "as {namespace} to see how it is.")


@dataclass
class JobsEngine:
    """Starts, watches and stops jobs.

    max_minutes: the longest that one may take, as people pay. keep: leave the repository through
    which a run came and went on the Hub, when its result is here.
    """

    max_minutes: float | None = None
    endpoint: str | None = None
    pace: JobPace = field(default_factory=JobPace)
    name: str = "jobs"
    keep: bool = False
    _watches: dict[str, Watch] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _tried: dict[str, float] = field(default_factory=dict, repr=False)
    _machines: tuple[float, list[Flavor]] | None = None

    def device(self, run: Run) -> str:
        """Each run has a machine of its own.

        None waits for another.
        """
        return f"jobs/{run.id}"

    def flavors(self, token: str | None = None) -> list[Flavor]:
        """The machines there are, the cheapest first.

        EngineError when the Hub does not say.
        """
        if self._machines is None or time.monotonic() - self._machines[0] > KEPT:
            try:
                self._machines = time.monotonic(), flavors(self.endpoint, token)
            except EngineError:
                if self._machines is None:
                    raise  # else an older list is better than none
        return self._machines[1]

    def check(self, token: str | None, flavor: str | None) -> str:
        """Whose account would pay for a run on this machine.

        EngineError if they may not run it. Asks the Hub: for a handler that wants to say so before
        a run is queued.
        """
        hub = UserHub(token or "", self.endpoint)
        return self._admitted(hub, flavor).name

    def start(self, run: Run, token: str | None = None) -> None:
        """Start a queued run or resume one.

        Returns at once, the Hub is asked in a thread. EngineError if nobody has signed in or the
        data is gone; whatever the Hub says against it ends the run as failed.
        """
        hub = UserHub(token or "", self.endpoint)
        try:
            request = check_bundle(run)
        except RunError as error:
            raise EngineError(str(error)) from None
        known = run.record().engine
        if run.record().status != "running" and (last := self._watches.get(run.id)):
            last.join(ENDS_WITHIN)  # it has written how the run ended, and is about to go
        engine = {"name": self.name, "flavor": request.flavor, "job": None, "url": None,
                  "stage": UPLOADS, "mark": secrets.token_hex(8)}
        with self._lock:
            if self._watched(run):
                raise EngineError(f"The run {run.id} is running: there is nothing to start.")
            mend_events(run)
            run.update(status="running", engine=engine, error=None, note=None, process=None,
                       started=now())
            self._watch(run, hub, lambda: self._admit(run, hub, known.mark if known else ""))

    def _admit(self, run: Run, hub: UserHub, mark: str) -> dict[str, Any]:
        """Where a run's job is to be, if its user may run one. mark: of its last one, if any."""
        record = run.record()
        who = self._admitted(hub, record.engine.flavor if record.engine else None)
        limit = time_limit(record.estimate, self.max_minutes)
        if who.until is not None:
            limit = min(limit, int(_seconds_to(who.until)))
        place: dict[str, Any] = {"namespace": who.name, "repository": repository(who.name, run),
                                 "limit_s": limit}
        left = hub.find_job(who.name, run.id) if mark else None
        if left is not None:  # it was started, and nobody heard of it
            place |= {"job": left.id, "url": left.url, "mark": mark}
        return place

    def _admitted(self, hub: UserHub, flavor: str | None) -> Account:
        who = hub.who()
        names = [machine.name for machine in self.flavors()]
        if flavor not in names:
            raise EngineError(f"There is no machine {flavor!r:.40} on Jobs: choose one of "
                              f"{', '.join(names)}.")
        hub.check_jobs(who.name)
        if who.until is not None and _seconds_to(who.until) < ENOUGH:
            raise EngineError("Your sign-in ends in a few minutes, and a job needs it to hand over "
                              "its result: sign in again, then start.")
        return who

    def attach(self, run: Run, token: str) -> None:
        """Watch a running run again, unless somebody does.

        After a restart or a new sign-in.
        """
        if self._watched(run) or run.record().status != "running":
            return
        hub, engine = UserHub(token, self.endpoint), engine_of(run)
        who = hub.who()
        if who.name != engine.namespace:
            raise EngineError(f"This run is paid by {engine.namespace}: only with their "
                              f"sign-in can it be seen, and you are {who.name}.")
        with self._lock:
            if not self._watched(run):
                mend_events(run)
                self._watch(run, hub)

    def visit(self, run: Run, token: str | None = None) -> None:
        """Watch a run again when its owner visits it.

        After a restart; tried now and then.
        """
        if token is None or self._watched(run) or run.record().status != "running":
            return
        if not engine_of(run).job:
            return
        with self._lock:
            if time.monotonic() - self._tried.get(run.id, -TRY_EVERY) < TRY_EVERY:
                return
            self._tried[run.id] = time.monotonic()
        threading.Thread(target=self._try_to_attach, args=(run, token), daemon=True,
                         name=f"attach {run.id}").start()

    def _try_to_attach(self, run: Run, token: str) -> None:
        try:
            self.attach(run, token)
        except (EngineError, RunError) as error:
            with contextlib.suppress(RunError):  # it was deleted meanwhile
                run.update(note=str(error))

    def stop(self, run: Run, token: str | None = None) -> bool:
        """Ask the job to end with its best checkpoint.

        The second time to end at once.
        """
        if run.record().status not in ACTIVE:
            return False
        if not self._watched(run):
            if run.record().status not in ACTIVE:  # it ended between the two looks
                return False
            if token is None:
                raise EngineError("Sign in as whoever started this run to stop it.")
            self.attach(run, token)
        watch = self._watches.get(run.id)
        if watch is None:
            return False
        watch.stop()
        return True

    def look(self, run: Run) -> None:
        """Say of a run that nobody watches what it takes.

        Without a job it is interrupted.
        """
        if self._watched(run):
            return
        with self._lock:
            record = run.record()
            if self._watched(run) or record.status != "running":
                return
            engine = engine_of(run)
            if not engine.job:
                run.update(status="interrupted", note=None, error="Tandem was ended before the job "
                           "was started. It can be resumed.")
            elif not record.note:
                run.update(note=SIGN_IN.format(url=engine.url, namespace=engine.namespace))

    def abandon(self) -> None:
        """Let go of the jobs.

        They go on, and are attached to again after the next start.
        """
        for watch in self._watches.values():
            watch.let_go.set()

    def _watched(self, run: Run) -> bool:
        watch = self._watches.get(run.id)
        return watch is not None and watch.is_alive

    def _watch(
        self, run: Run, hub: UserHub, admit: Callable[[], dict[str, Any]] | None = None
    ) -> None:
        env = {"HF_ENDPOINT": self.endpoint} if self.endpoint else {}
        if self.max_minutes is not None:
            env["TANDEM_MAX_MINUTES"] = str(max(1, int(self.max_minutes)))
        watch = self._watches[run.id] = Watch(run, hub, self.pace, env, admit, self.keep)
        watch.start()


def engine_from(settings: Settings) -> JobsEngine:
    """The engine of Jobs, for the register."""
    return JobsEngine(settings.max_minutes, keep=settings.keep_jobs)


def _seconds_to(end: datetime) -> float:
    """Seconds until a sign-in ends, less what the clocks of two machines may differ."""
    return (end - datetime.now(UTC)).total_seconds() - 60


def mend_events(run: Run) -> None:
    """Cut off a half-written last event of a run.

    Of an app that was killed; it comes again.
    """
    path = run.folder / "events.jsonl"
    if path.exists():
        data = path.read_bytes()
        if whole := data.rfind(b"\n") + 1:
            path.write_bytes(data[:whole]) if whole < len(data) else None
        else:
            path.write_bytes(b"")
