"""Runs on this machine, each in its own process.

At low priority.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from train.engines import EngineError
from train.run.lock import holder
from train.run.record import Run, RunError, mark_interrupted
from train.run.spec import RunSpec, spec_of
from train.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
NICENESS = 19
"""The lowest priority there is: whoever asks a question goes first."""
MARKED_WITHIN = 3.0
"""Seconds to record what becomes of runs when the app ends."""
AFTER_RESTART = "Tandem was restarted while this run trained: it goes on from its last checkpoint."


@dataclass
class LocalEngine:
    """Trains runs in processes of their own here.

    Of `train.commands.launch`; asks them to stop. The run directory tells the rest.
    """

    home: Path
    children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    waiting: list[threading.Thread] = field(default_factory=list)
    name: str = "local"
    abandoned: bool = False

    def device(self, run: Run) -> str:
        """This machine as one device: a run uses it all."""
        return self.name

    def start(self, run: Run, token: str | None = None) -> None:
        """Start a queued run or resume one that ended early.

        Returns at once. EngineError.
        """
        try:
            request = spec_of(run)
            status = run.record().status
        except RunError as error:
            raise EngineError(str(error)) from None
        if status in ("running", "done"):
            raise EngineError(f"The run {run.id} is {status}: there is nothing to start.")
        if status != "queued":  # whoever watches must not take how it ended before for its end
            run.update(status="queued", error=None)
        with (run.folder / "process.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "train.commands.launch", str(run.folder.resolve())],
                cwd=ROOT,
                env=environment(request, token) | {
                    "TANDEM_HOME": str(self.home.resolve()),
                    "OMP_NUM_THREADS": str(spare_cores()),
                    "TOKENIZERS_PARALLELISM": "false",
                },
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )
        with contextlib.suppress(OSError):  # a platform that has no priorities trains all the same
            os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
        self.children[run.id] = child
        self.asked.discard(run.id)
        self.waiting = [thread for thread in self.waiting if thread.is_alive()]
        self.waiting.append(threading.Thread(target=self._wait, args=(run, child), daemon=True))
        self.waiting[-1].start()

    def stop(self, run: Run, token: str | None = None) -> bool:
        """Ask a run to stop and keep its best checkpoint.

        False if it is not running here.
        """
        child, record = self.children.get(run.id), run.record()
        if not record.is_active or mark_interrupted(run):
            return False
        pid = record.process.pid if record.process else None
        if pid is None and child is not None and child.poll() is None:
            pid = child.pid
        if pid is None:
            return False
        self.asked.add(run.id)
        with contextlib.suppress(ProcessLookupError):  # it ended just now
            os.kill(pid, signal.SIGTERM)
        return True

    def look(self, run: Run) -> None:
        """Mark a run as interrupted whose process is gone.

        A queued one has none yet.
        """
        mark_interrupted(run)

    def visit(self, run: Run, token: str | None = None) -> None:
        """Nothing: a process of this machine needs nobody's name."""

    def abandon(self) -> None:
        """End what runs here because the app ends.

        It is resumed at the next start.
        """
        self.abandoned = True
        for child in self.children.values():
            if child.poll() is None:
                child.kill()
        end = time.monotonic() + MARKED_WITHIN
        for thread in self.waiting:
            thread.join(max(0.0, end - time.monotonic()))

    def _wait(self, run: Run, child: subprocess.Popen[bytes]) -> None:
        """Record the end of a process that could not record it itself."""
        status = child.wait()
        if run.folder.exists() and holder(run) is not None:
            return  # another process had the run before this one, and has it still
        with contextlib.suppress(RunError):  # the run may have been deleted meanwhile
            recorded = run.record().status
            if recorded == "queued" and run.id in self.asked:
                run.update(status="stopped", error="It was stopped before it began.")
            elif recorded == "queued" and not self.abandoned and status >= 0:
                run.update(status="failed",
                           error=f"Training could not be started: {_last_line(run)}")
            elif recorded == "running" and self.abandoned and run.id not in self.asked:
                # At the next start it is its turn again, and it goes on from its last checkpoint.
                run.update(status="queued", process=None, error=None, note=AFTER_RESTART)
            elif recorded == "running" or (recorded == "queued" and not self.abandoned):
                # Also before it began: it may be one that is being resumed.
                run.update(status="interrupted", process=None, error="Its process ended early "
                           f"({_reason(status)}). It can be resumed.")


def engine_from(settings: Settings) -> LocalEngine:
    """The engine of this machine, for the register."""
    return LocalEngine(settings.home)


def environment(request: RunSpec, token: str | None) -> dict[str, str]:
    """This process' environment.

    A visitor's run asks the Hub as the visitor, not as the owner.
    """
    return hub_environment(request.owner is None, token)


def hub_environment(is_owner: bool, token: str | None) -> dict[str, str]:
    """This process' environment for the owner.

    For anybody else with their token in it, or none.
    """
    environment = dict(os.environ)
    if not is_owner:
        environment |= {"HF_TOKEN": token or "", "HF_TOKEN_PATH": os.devnull}
        environment.pop("HUGGING_FACE_HUB_TOKEN", None)
    return environment


def spare_cores() -> int:
    """How many cores a run may use.

    All but one, which answers questions.
    """
    return max(1, len(os.sched_getaffinity(0)) - 1 if hasattr(os, "sched_getaffinity")
               else (os.cpu_count() or 2) - 1)


def _last_line(run: Run) -> str:
    lines = (run.folder / "process.log").read_text("utf-8", "replace").strip().splitlines()
    lines = [line for line in lines if not line.startswith("{")]  # the answer to --json
    return lines[-1][:300] if lines else "its process said nothing."


def _reason(status: int) -> str:
    if status >= 0:
        return f"exit status {status}"
    if -status == signal.SIGKILL:
        return "killed, perhaps for want of memory"
    return f"by {signal.Signals(-status).name}"
