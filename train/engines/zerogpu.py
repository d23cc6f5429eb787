"""Runs on ZeroGPU.

A GPU for a minute at a time, so a run is cut into pieces. A piece is one call of a function that
the platform's decorator has wrapped: it runs in a forked worker, whose memory nobody sees, and is
ended when its time is over. So a piece trains until its time is nearly up, keeps its state in the
run directory, and the next piece goes on from there. A thread of the app calls one piece after
another; no tab has to stay open for that.

Whose quota: the platform finds the visitor in a header of the Gradio request, which it looks up in
a context variable of whoever calls. A thread has no such context, so that of a handler is kept
(`visit`) and the piece is called in a copy of it. The header's ticket holds for some minutes only:
the page's timer renews it with each look of the run's owner, and a run whose owner is gone longer
is interrupted, with all that was trained kept.
"""

import contextlib
import contextvars
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from train.engines import EngineError
from train.engines.jobs.protocol import plain
from train.engines.quota import AskQuota, Quota, minutes, zero_gpu_quota
from train.fit.checkpoints import Checkpoints
from train.fit.runner import RunLimits, carry_out
from train.fit.stopping import Stop
from train.run.events import Event, LogEvent, PausedEvent, PhaseEvent, StartedEvent, latest
from train.run.lock import held
from train.run.process import this_process
from train.run.record import Run, RunError, now
from train.run.spec import spec_of
from train.settings import Settings

STOP_FILE = "stop"
LEFT_OVER = 0.2
"""The share of a piece's time that is kept for starting its worker and keeping the state."""
SHORTEST = 20.0
"""Seconds of quota below which no shorter piece is asked for: the platform says that it is used up,
or takes what the visitor has paid for."""
LONGEST = 300.0
"""Seconds that one call may ask for at most, of a visitor who has signed in."""
ENDS_WITHIN = 5.0
"""Seconds that a thread has left when its run is over."""
RETRY_EVERY = 1.0
"""Seconds between two looks whether the owner's page has renewed the visit."""

Piece = Callable[[str, str | None, float, RunLimits, str | None], str]
Decorator = Callable[..., Callable[[Piece], Piece]]


def asked_seconds(
    folder: str, cache: str | None, seconds: float, limits: RunLimits, token: str | None
) -> int:
    """What a piece asks the platform for.

    The decorator calls this with the piece's arguments.
    """
    return int(seconds)


def train_piece(
    folder: str, cache: str | None, seconds: float, limits: RunLimits, token: str | None
) -> str:
    """Train for some seconds, in the worker.

    Returns the run's status: `running` if not yet over. token: of the run's owner, None for
    nobody's; the base model is fetched with it. Whoever asked to stop gets the best checkpoint as a
    result; for that the base must be measured first, so with a checkpoint there the wish is heard
    once training has begun.
    """
    run, end = Run(Path(folder)), time.monotonic() + seconds * (1 - LEFT_OVER)
    begun = not Checkpoints(run).has_best

    def listen(event: Event) -> None:
        nonlocal begun
        begun = begun or isinstance(event, StartedEvent)

    stop = Stop(asked=lambda: begun and (run.folder / STOP_FILE).exists(),
                pauses=lambda: time.monotonic() > end)
    request = spec_of(run)
    with held(run), asking_as(request.owner, token):
        carry_out(run, request, resume=True, stop=stop,
                  cache=Path(cache) if cache else None, limits=limits, tell=listen)
    return run.record().status


@contextlib.contextmanager
def asking_as(owner: str | None, token: str | None) -> Iterator[None]:
    """Ask the Hub as the run's owner meanwhile.

    And not as whoever owns this Space. The worker has the Space's own token in its environment, and
    a visitor's run could fetch with it what only the owner of the Space may see.
    """
    if owner is None:
        yield
        return
    from huggingface_hub import constants

    names = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
    known, path = {name: os.environ.get(name) for name in names}, constants.HF_TOKEN_PATH
    os.environ |= {name: token or "" for name in names}
    constants.HF_TOKEN_PATH = os.devnull
    try:
        yield
    finally:  # a platform without workers runs this in the app's own process
        constants.HF_TOKEN_PATH = path
        for name, value in known.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@dataclass
class ZeroGpuEngine:
    """Calls pieces of runs until they are over.

    gpu: the platform's decorator, `spaces.GPU`; the engine must be made before the app is
    launched, when the platform looks for decorated functions. seconds: of a piece. patience: how
    long to wait for the owner's page to renew a visit. quota: asks what a run's owner has left, so
    that no piece is longer.
    """

    gpu: Decorator
    cache: Path | None = None
    limits: RunLimits = field(default_factory=RunLimits)
    seconds: float = 60.0
    patience: float = 90.0
    quota: AskQuota = zero_gpu_quota
    name: str = "zerogpu"
    _visits: dict[str, contextvars.Context] = field(default_factory=dict, repr=False)
    _threads: dict[str, threading.Thread] = field(default_factory=dict, repr=False)
    _closed: threading.Event = field(default_factory=threading.Event, repr=False)

    def __post_init__(self) -> None:
        """Have the platform wrap the function."""
        self._piece = self.gpu(duration=asked_seconds)(train_piece)

    def visit(self, run: Run, token: str | None = None) -> None:
        """Keep the context of a handler of the run's owner.

        Pieces count against their quota.
        """
        self._visits[run.id] = contextvars.copy_context()

    def device(self, run: Run) -> str:
        """One run at a time.

        Pieces of two would only wait for each other.
        """
        return self.name

    def start(self, run: Run, token: str | None = None) -> None:
        """Start a queued run or resume one that ended early.

        Returns at once. EngineError.
        """
        try:
            spec_of(run)
        except RunError as error:
            raise EngineError(str(error)) from None
        if run.record().status != "running" and (last := self._threads.get(run.id)):
            last.join(ENDS_WITHIN)  # it has written how the run ended, and is about to go
        if self._is_alive(run):
            raise EngineError(f"The run {run.id} is running: there is nothing to start.")
        self._visits.setdefault(run.id, contextvars.copy_context())
        (run.folder / STOP_FILE).unlink(missing_ok=True)
        run.update(status="running", error=None, note=None, process=this_process())
        thread = threading.Thread(
            target=self._run, args=(run, token), daemon=True, name=f"gpu {run.id}")
        self._threads[run.id] = thread
        thread.start()

    def stop(self, run: Run, token: str | None = None) -> bool:
        """Ask a run to stop and keep its best checkpoint.

        False if it is not running.
        """
        self.look(run)
        if not run.record().is_active or not self._is_alive(run):
            return False
        (run.folder / STOP_FILE).touch()
        return True

    def look(self, run: Run) -> None:
        """Mark a run as interrupted if its thread is gone.

        The one that called its pieces.
        """
        if run.record().status == "running" and not self._is_alive(run):
            self._interrupt(run, "Tandem was ended before the run was. It can be resumed.")

    def abandon(self) -> None:
        """Start no more pieces.

        Workers end with the app, and runs are resumed after it starts.
        """
        self._closed.set()

    def _is_alive(self, run: Run) -> bool:
        thread = self._threads.get(run.id)
        return thread is not None and thread.is_alive()

    def _run(self, run: Run, token: str | None) -> None:
        with contextlib.suppress(RunError, FileNotFoundError):  # deleted under our eyes
            try:
                self._call_pieces(run, token)
            finally:
                self._visits.pop(run.id, None)
                (run.folder / STOP_FILE).unlink(missing_ok=True)

    def _call_pieces(self, run: Run, token: str | None) -> None:
        seconds, before = self.seconds, _progress(run)
        started, most = time.monotonic(), self.limits.max_minutes
        while not self._closed.is_set():
            if most is not None and time.monotonic() - started > 60 * most:
                (run.folder / STOP_FILE).touch()  # a piece ends it, with its best checkpoint
            run.append(PhaseEvent(phase="machine"))
            quota = self.quota(token)
            asked = within(quota, seconds)
            if problem := self._call(run, asked, token):
                self._interrupt(run, problem)
                return
            if run.record().status != "running":
                return
            run.update(process=this_process())  # the worker's is gone, and the run is not
            after = _progress(run)
            if after != before:
                before = after
            elif quota is not None and asked < seconds:
                self._interrupt(run, f"The {minutes(quota.left)} of ZeroGPU quota that were left "
                                "are not enough for one step of this run. What was trained so far "
                                "is kept: resume it when there is quota again, or run it on Jobs.")
                return
            elif seconds >= LONGEST:
                self._interrupt(run, f"{LONGEST:.0f} seconds of ZeroGPU are not enough for one "
                                "step of this run: run it on Jobs or a machine of your own.")
                return
            else:  # loading or measuring takes longer than a piece: ask for more
                seconds = min(2 * seconds, LONGEST)

    def _call(self, run: Run, seconds: float, token: str | None) -> str | None:
        """One piece, in the newest visit of its owner; returns why there is no more, or None."""
        limits = RunLimits(self.limits.max_pairs)  # the minutes are of all pieces together
        cache = str(self.cache) if self.cache else None
        arguments = str(run.folder), cache, seconds, limits, token
        visit, ends = self._visits[run.id], time.monotonic() + self.patience
        while True:
            try:
                visit.copy().run(self._piece, *arguments)
                return None
            except Exception as error:
                if not run.record().is_active:
                    return None  # the worker has said why itself
                if not is_expired(error):
                    return in_words(error)
                problem = in_words(error)
            while self._visits[run.id] is visit:
                if time.monotonic() > ends or self._closed.wait(RETRY_EVERY):
                    return problem
            visit = self._visits[run.id]

    def _interrupt(self, run: Run, problem: str) -> None:
        run.append(LogEvent(text=problem))
        run.update(status="interrupted", error=problem, process=None, finished=now())


def engine_from(settings: Settings) -> ZeroGpuEngine | None:
    """The engine of ZeroGPU, for the register.

    None where there is none.
    """
    if not settings.zero_gpu:
        return None
    import spaces  # the platform brings it along

    limits = RunLimits(settings.max_pairs, settings.max_minutes)
    return ZeroGpuEngine(spaces.GPU, settings.cache, limits)


def within(quota: Quota | None, seconds: float) -> float:
    """Seconds that a piece asks for, within a visitor's quota.

    quota: None where nobody knows it.
    """
    if quota is None or quota.left < SHORTEST:
        return seconds
    return float(min(seconds, int(quota.left)))


def is_expired(error: Exception) -> bool:
    """Whether the platform found a visit's ticket too old."""
    return "expired" in _said(error).lower()


def in_words(error: Exception) -> str:
    """Why a piece of a run failed, and what helps.

    The platform's errors have a title.
    """
    said = _said(error)
    lower = f"{getattr(error, 'title', '')} {said}".lower()
    kept = "What was trained so far is kept: resume it"
    if is_expired(error):
        return ("ZeroGPU counts against the quota of whoever has the page open, and this run's "
                f"owner has been away too long. {kept} from the page.")
    if "illegal duration" in lower or "larger than the maximum" in lower:
        return f"ZeroGPU does not lend a GPU for that long ({said}). {kept} on Jobs instead."
    if "queue timeout" in lower or "no gpu was available" in lower:
        return f"ZeroGPU had no GPU free ({said}). {kept} in some minutes, or run it on Jobs."
    if "quota" in lower or "credits" in lower or "limit" in lower:
        return (f"The ZeroGPU quota is used up ({said}). {kept} when there is quota again, sign in "
                "for more, or run it on Jobs.")
    if "aborted" in lower:
        return (f"ZeroGPU ended the run's worker ({said}), perhaps for want of time or memory. "
                f"{kept}; if it happens again, run it on Jobs.")
    return f"ZeroGPU could not go on ({said}). {kept}, or run it on Jobs."


def _said(error: Exception) -> str:
    return plain(str(getattr(error, "message", None) or error) or type(error).__name__, 300)


def _progress(run: Run) -> tuple[int, int]:
    """How far a run has come: step and evaluations when it last paused."""
    paused = latest(run.events(), PausedEvent)
    return (paused.step, paused.measured) if paused else (0, 0)
