"""One job from its first file to its last.

A thread that starts it, listens, and takes the result. What it hears goes into the run directory;
nothing else of the app talks to the job.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from train.engines import EngineError
from train.run.events import DoneEvent, ErrorEvent, LogEvent, PhaseEvent, event_of
from train.run.parts import RecordedEngine
from train.run.record import Run, RunError, now
from train.run.schema import SchemaError

from .bundle import IMAGE, bundle, command
from .hub import LostContactError, NotThereError, SignInError, UserHub
from .protocol import EVENT, heard, is_marked, plain, taken_over
from .result import fetch_best_checkpoint, fetch_result, has_checkpoints, last_event_of, stop_place

if TYPE_CHECKING:
    from huggingface_hub import JobInfo

WAITS, RUNS = "SCHEDULING", "RUNNING"
UPLOADS = "UPLOADING"
"""Our own name for what goes before the Hub's stages."""
CANCELLED, COMPLETED = "CANCELED", "COMPLETED"
ENDED = (COMPLETED, CANCELLED, "ERROR", "DELETED")
LARGEST_LOG = 1_000_000
ENVIRONMENT = {"PYTHONUNBUFFERED": "1", "TOKENIZERS_PARALLELISM": "false",
               "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
MOST_TRIES = 3
"""Times that the Hub is asked whether a job may be run, before its silence is its answer."""


@dataclass(frozen=True)
class JobPace:
    """How patient a watch is, in seconds.

    look: between looks at a job that waits. retry, retry_most: between attempts to find the Hub
    again, the first and, doubled each time, the longest. grace: what a job has to end by itself
    after it was asked to stop.
    """

    look: float = 3.0
    retry: float = 1.0
    retry_most: float = 30.0
    grace: float = 120.0


class Watch:
    """The thread of one run.

    `run.json`'s `engine` says where it is, so that another can go on.
    """

    def __init__(
        self, run: Run, hub: UserHub, pace: JobPace, env: Mapping[str, str],
        admit: Callable[[], dict[str, Any]] | None = None, keep: bool = False,
    ) -> None:
        """Nothing happens before `start`.

        env: what the job's environment has beside ours. admit: asks the Hub whether there may be a
        job, and gives where, for `run.json`'s `engine`; None if there is a job already. keep: the
        repository stays when the result is here.
        """
        self.admit, self.keep = admit, keep
        self.run, self.hub, self.pace, self.env = run, hub, pace, ENVIRONMENT | dict(env)
        self.let_go = threading.Event()
        self.stop_asked = False
        self.last_lines: deque[str] = deque(maxlen=20)
        self.seen = self.kept = 0
        self._thread = threading.Thread(target=self._watch, daemon=True, name=f"job {run.id}")

    def start(self) -> None:
        """Watch from now on."""
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait until nobody watches any more, but not longer."""
        self._thread.join(seconds)

    @property
    def is_alive(self) -> bool:
        """Whether somebody watches."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ask the job to end with its best checkpoint.

        At once if it has none, or the second time. It is asked by a file in its repository, at
        which it looks every few seconds. If it does not end within the grace, it is cancelled, and
        what it last uploaded is the result.
        """
        again, self.stop_asked = self.stop_asked, True
        engine = self.engine
        if not engine.job:
            return  # it is seen before the job is started
        if again or engine.stage != RUNS or not self.seen:
            self._cancel()
            return
        from huggingface_hub import CommitOperationAdd

        try:
            self.hub.commit(engine.repository, [
                CommitOperationAdd(stop_place(engine.mark), b"stop\n")], "Stop")
        except LostContactError:
            self._cancel()
            return
        self.run.append(LogEvent(
            text="Stopping: the job finishes with its best checkpoint so far."))
        timer = threading.Timer(self.pace.grace, self._cancel_late)
        timer.daemon = True
        timer.start()

    @property
    def engine(self) -> RecordedEngine:
        """Where the job is, as the record has it."""
        return engine_of(self.run)

    def _watch(self) -> None:
        # A run deleted under our eyes ends the watch; an error nobody foresaw is said.
        with contextlib.suppress(RunError, FileNotFoundError):
            try:
                if not self.engine.job and not self._launch():
                    return
                self._follow()
            except EngineError as error:
                self._note(str(error))
            except Exception as error:
                self._note(f"Tandem failed while it watched the job ({type(error).__name__}): its "
                           "result stays in its repository.")
                raise

    def _launch(self) -> bool:
        """Upload and start; False if that is already the end."""
        try:
            self._engine(**self._admitted())
            engine = self.engine
            if engine.job:
                return True
            repo = engine.repository
            self._say("upload")
            self.hub.create_private(repo)
            revision = self.hub.commit(repo, bundle(self.run, engine.mark), "What the job needs")
            if self.stop_asked:
                self._end_as("stopped", "It was stopped before it began.")
                return False
            job = self.hub.run_job(
                engine.namespace, self.run.id, image=IMAGE, command=command(repo, revision),
                env=self.env, secrets=dict(self.hub.secrets), flavor=engine.flavor,
                timeout=engine.limit_s)
        except EngineError as error:
            self._end_as("failed", str(error))
            return False
        self._engine(job=job.id, url=job.url)
        return True

    def _admitted(self) -> dict[str, Any]:
        """Whether the job may be run, and where; asked again when the Hub does not answer."""
        if self.admit is None:
            return {}
        for tried in range(1, MOST_TRIES):
            try:
                return self.admit()
            except LostContactError:
                self.let_go.wait(self.pace.retry * tried)
        return self.admit()

    def _follow(self) -> None:
        """Listen until the job has ended and its result is here, however often contact is lost."""
        engine = self.engine
        self.seen = last_event_of(self.run, engine.job)
        lost = 0
        while not self.let_go.is_set():
            try:
                self._wait_for_machine()
                plain_lines = 0
                for line in self.hub.log(engine.namespace, engine.job):
                    lost = 0
                    if not self._take(line, engine.mark, engine.job):
                        plain_lines += 1  # the log is told from its start each time
                        self._keep(line, plain_lines)
                job = self._look()
                if job.status.stage in ENDED:
                    self._finish(job)
                    return
                self.let_go.wait(self.pace.look)
            except LostContactError as error:
                self._lost(error, lost)
                lost += 1
            except NotThereError as error:
                self._end_as("interrupted", f"The job is not on the Hub any more. {error}")
                return
            except SignInError as error:
                self._note(f"{error} The job goes on at {engine.url}.")
                return

    def _wait_for_machine(self) -> None:
        while not self.let_go.is_set() and self._look().status.stage == WAITS:
            if self.stop_asked:
                self._cancel()
            self.let_go.wait(self.pace.look)

    def _look(self) -> "JobInfo":
        """How the job is; what has changed goes into the record."""
        engine = self.engine
        job = self.hub.job(engine.namespace, engine.job)
        stage = str(job.status.stage)
        if stage != engine.stage:
            self._engine(stage=stage)
            if stage == WAITS:
                self._say("machine")
            elif stage == RUNS and not self.seen:
                self._say("install")
        if self.run.record().note:
            self._note(None)
        return job

    def _take(self, line: str, mark: str, job: str) -> bool:
        """Whether a line of the log is the job's word; an event that is new is appended."""
        said = heard(line, mark)
        if said is None:
            return is_marked(line)
        if said.what != EVENT:
            self._merge(said.value)
        elif said.n > self.seen:
            self.run.append(event_of(said.value | {"job": job, "n": said.n}))
            self.seen = said.n
        return True

    def _merge(self, theirs: Mapping[str, Any]) -> None:
        ours = self.run.record()
        with contextlib.suppress(SchemaError):  # all of it comes once more with the result
            merged = taken_over(ours, theirs, ended=False)
            if merged.to_json() != ours.to_json():
                self.run.write(merged)

    def _keep(self, line: str, number: int) -> None:
        """Keep what a library printed, unless it was kept when the log was told before."""
        if number <= self.kept:
            return
        self.kept = number
        line = plain(self.hub.hide_tokens(line))
        if line:
            self.last_lines.append(line)
        path = self.run.folder / "process.log"
        if not path.exists() or path.stat().st_size < LARGEST_LOG:
            with path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def _finish(self, job: "JobInfo") -> None:
        engine = self.engine
        repo, stage = engine.repository, job.status.stage
        try:
            if fetch_result(self.hub, self.run, repo, engine.mark, engine.job):
                self._clean_up(repo)
                return
            if stage == CANCELLED:
                self._cancelled(repo)
            elif has_checkpoints(self.hub, repo):
                self._end_as("interrupted", f"{self._reason(job)} It can be resumed from the last "
                             "checkpoint that was uploaded.")
            else:
                self._end_as("failed", self._reason(job))
        except (LostContactError, SignInError):
            raise
        except EngineError as error:
            self._end_as("failed", str(error))

    def _clean_up(self, repo: str) -> None:
        """Delete the repository of a run that is done and here as a whole; else say where it is."""
        if self.keep or self.run.record().status != "done":
            return  # a run that was stopped can be resumed from what is there
        if left := self.hub.clear(repo):
            self.run.append(LogEvent(text=left))

    def _cancelled(self, repo: str) -> None:
        by = "It was stopped" if self.stop_asked else "Its job was cancelled on the Hub"
        if fetch_best_checkpoint(self.hub, self.run, repo):
            self._end_as("stopped", f"{by} before it was measured on test: the model is its best "
                         "uploaded checkpoint.")
        else:
            self._end_as("stopped", f"{by} before its first checkpoint was uploaded, so there is "
                         "no model to keep.")

    def _reason(self, job: "JobInfo") -> str:
        last = self.last_lines[-1][:300] if self.last_lines else "it printed nothing"
        return f"{without_result(self.hub, job)}. Its last line: {last}"

    def _lost(self, error: LostContactError, before: int) -> None:
        if not before and not self.run.record().note:
            self._note(f"Lost contact since {now()[11:19]} UTC; the job goes on. {error}")
        self.let_go.wait(min(self.pace.retry_most, self.pace.retry * 2 ** min(before, 10)))

    def _cancel(self) -> None:
        engine = self.engine
        try:
            self.hub.cancel(engine.namespace, engine.job)
        except (LostContactError, SignInError):
            raise
        except EngineError:  # it may just have ended by itself, and then all is well
            if self.hub.job(engine.namespace, engine.job).status.stage not in ENDED:
                raise

    def _cancel_late(self) -> None:
        with contextlib.suppress(EngineError, RunError):
            if self.is_alive and self.run.record().is_active:
                self._cancel()

    def _say(self, phase: str) -> None:
        self.run.append(PhaseEvent(phase=phase))

    def _note(self, text: str | None) -> None:
        self.run.update(note=text)

    def _engine(self, **changes: Any) -> None:
        self.run.update(engine=self.engine.changed(**changes))

    def _end_as(self, status: str, error: str) -> None:
        ending = ErrorEvent if status == "failed" else DoneEvent
        self.run.append(ending(status=status, text=error))
        self.run.update(status=status, error=error, note=None, process=None, finished=now())


def engine_of(run: Run) -> RecordedEngine:
    """Where a run's job is, by its record."""
    return run.record().engine or RecordedEngine()


def without_result(hub: UserHub, job: "JobInfo") -> str:
    """How a job ended that left no result."""
    said = plain(hub.hide_tokens(job.status.message or ""), 300).rstrip(".")
    how = "ended without a result" if job.status.stage == COMPLETED else "failed"
    return f"The job {how}{f' ({said})' if said else ''}"
