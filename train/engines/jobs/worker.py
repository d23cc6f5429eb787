"""What runs inside a job.

Train in a process of its own, tell of it in the log, leave the result. The run directory is the
interface here too: `python -m train fit` writes it, and this process reads it, prints each event as
a marked line, uploads checkpoints now and then, looks whether somebody asked to stop, and at the
end commits the result.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from corpus.load import BUILT_IN
from train.engines import EngineError
from train.run.record import Run, RunRecord

from .bundle import REQUEST, SOURCE
from .hub import LostContactError, NotThereError, UserHub
from .protocol import event_line, record_line
from .result import CHECKPOINTS, OVER, is_safe, result_place, stop_place

if TYPE_CHECKING:
    from .hub import Operation

LOOK_EVERY = 0.5
"""Seconds between two looks at what training wrote."""
STOP_EVERY = 3.0
"""Seconds between two looks whether somebody asked to stop."""
UPLOAD_EVERY = 600.0
"""Seconds between two uploads of checkpoints: a short run needs none, a long one loses minutes."""
TRIES = 6
"""How often a result is offered to a Hub that does not answer, a longer pause before each."""


def main(folder: str, repo: str) -> int:
    """Run what was fetched into `folder`.

    The exit status is 0 if there is a result.
    """
    hub = UserHub(os.environ["HF_TOKEN"], os.environ.get("HF_ENDPOINT"))
    job = RemoteJob(Path(folder), repo, hub)
    signal.signal(signal.SIGTERM, lambda _number, _frame: job.ask_to_stop())
    return job.run_to_the_end()


@dataclass
class RemoteJob:
    """A job as it runs.

    upload_every: seconds between two uploads of checkpoints.
    """

    folder: Path
    repo: str
    hub: UserHub
    upload_every: float = UPLOAD_EVERY
    told: int = 0
    record_told: str = ""
    stop_asked: bool = False
    stop_passed_on: bool = False
    child: "subprocess.Popen[bytes] | None" = None
    uploads: list[Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        asked = json.loads((self.folder / REQUEST / "job.json").read_text("utf-8"))
        self.mark: str = asked["mark"]
        self.run = Run(self.folder / "run")
        self.run.folder.mkdir(exist_ok=True)
        self.run.write(_placed(RunRecord.from_json(asked["record"]), self.folder))
        with suppress(FileNotFoundError):
            (self.folder / CHECKPOINTS).rename(self.run.checkpoints)
        self.uploaded = _written(self.run.checkpoints)

    def run_to_the_end(self) -> int:
        """Train, tell, upload; returns the exit status."""
        self.child = subprocess.Popen(
            training(self.run),
            cwd=self.folder / SOURCE,
            env=os.environ | {"TANDEM_HOME": str(self.folder / "home")},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )
        looked = uploaded = time.monotonic()
        while self.child.poll() is None:
            self.tell()
            self._pass_on_stop()
            if time.monotonic() - looked > STOP_EVERY:
                looked = time.monotonic()
                self._look_for_stop()
            if time.monotonic() - uploaded > self.upload_every and not self._is_uploading():
                uploaded = time.monotonic()
                self._upload_checkpoints()
            time.sleep(LOOK_EVERY)
        self.tell()
        return self._end(self.child.returncode)

    def tell(self) -> None:
        """Print what is new in the run directory."""
        events = self.run.events()
        for n, event in enumerate(events[self.told:], self.told + 1):
            _print(event_line(self.mark, n, event.to_json()))
        self.told = len(events)
        line = record_line(self.mark, self.run.record().to_json())
        if line != self.record_told:
            self.record_told = line
            _print(line)

    def ask_to_stop(self) -> None:
        """Have training end with its best checkpoint so far.

        At the next look.
        """
        self.stop_asked = True

    def _pass_on_stop(self) -> None:
        """Tell training to stop, once it listens: before, it would be killed."""
        record = self.run.record()
        process = record.process  # of several, the one that listens
        if self.stop_asked and not self.stop_passed_on and process is not None:
            self.stop_passed_on = True
            with suppress(ProcessLookupError):  # it ended just now
                os.kill(process.pid, signal.SIGTERM)

    def _look_for_stop(self) -> None:
        if self.stop_asked:
            return
        with suppress(EngineError):  # a Hub that does not answer is asked again
            if self.hub.has(self.repo, stop_place(self.mark)):
                self.ask_to_stop()

    def _is_uploading(self) -> bool:
        return any(upload.is_alive() for upload in self.uploads)

    def _upload_checkpoints(self) -> None:
        """Upload the checkpoints if they have changed, while training goes on."""
        written = _written(self.run.checkpoints)
        if written == self.uploaded:
            return
        self.uploaded = written
        staged = self.folder / "upload"
        shutil.rmtree(staged, ignore_errors=True)
        try:  # other names of files that are replaced, never rewritten: they stay as they are
            shutil.copytree(self.run.checkpoints, staged, copy_function=os.link,
                            ignore=shutil.ignore_patterns("*.part", ".*"))
        except (OSError, shutil.Error):  # replaced under our hands: the next time then
            self.uploaded = ()
            return
        self.uploads.append(Thread(target=self._upload, args=(staged,), daemon=True))
        self.uploads[-1].start()

    def _upload(self, staged: Path) -> None:
        try:
            self.hub.commit(self.repo, list(_additions(staged, CHECKPOINTS)), "Checkpoints")
        except EngineError as error:
            self.uploaded = ()
            _print(f"Checkpoints were not uploaded: {error}")

    def _end(self, status: int) -> int:
        record = self.run.record()
        if record.status not in OVER:
            how = f"killed by signal {-status}, perhaps for want of memory" if status < 0 else \
                  f"exit status {status}"
            _print(f"Training ended before it was done: {how}.")
            self._upload_checkpoints()
            for upload in self.uploads:
                upload.join()
            return 1
        for upload in self.uploads:
            upload.join()
        try:
            persistently(lambda: self.hub.commit(self.repo, self._result(record), "Result"))
        except EngineError as error:
            _print(f"The result could not be uploaded. {error}")
            return 1
        with suppress(EngineError):  # what it saves is space, not the run
            self.hub.forget_history(self.repo)
        return 1 if record.status == "failed" else 0

    def _result(self, record: RunRecord) -> "list[Operation]":
        """The result as one commit; of a run that is done, checkpoints are not needed any more."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        place, folder = result_place(self.mark), self.run.folder
        operations: list[Operation] = [
            CommitOperationAdd(f"{place}/{name}", str(folder / name))
            for name in ("run.json", "events.jsonl", "per_query.jsonl") if (folder / name).is_file()
        ]
        if self.run.has_model:
            operations += _additions(self.run.model, f"{place}/model")
        there = self.hub.files(self.repo)[1]
        if record.status == "done" and any(name.startswith(CHECKPOINTS) for name in there):
            operations.append(CommitOperationDelete(f"{CHECKPOINTS}/", is_folder=True))
        return operations


def training(run: Run) -> list[str]:
    """The command that trains on all GPUs here."""
    return [sys.executable, "-m", "train.commands.launch", str(run.folder)]


def _placed(record: RunRecord, folder: Path) -> RunRecord:
    """The record with its places as they are here."""
    data, base = record.data, record.base_model
    if data.source and data.source != BUILT_IN:
        data = data.changed(source=str(folder / data.source))
    if base.name.startswith(f"{REQUEST}/base/"):
        base = base.changed(name=str(folder / base.name))
    return record.changed(data=data, base_model=base)


def _additions(folder: Path, place: str) -> "Iterator[Operation]":
    from huggingface_hub import CommitOperationAdd

    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and (place == CHECKPOINTS or is_safe(name)):
            yield CommitOperationAdd(f"{place}/{name}", str(path))


def _written(folder: Path) -> tuple[tuple[str, int], ...]:
    """Which files are in a folder and when each was written: whether anything changed."""
    found = []
    for path in sorted(folder.rglob("*")):
        with suppress(OSError):
            found.append((path.relative_to(folder).as_posix(), path.stat().st_mtime_ns))
    return tuple(found)


def persistently(call: Callable[[], object], pause: float = 5.0) -> None:
    """Try again while the Hub does not answer.

    What was paid for must get there.
    """
    for attempt in range(TRIES):
        try:
            call()
        except (LostContactError, NotThereError) as error:
            if attempt == TRIES - 1:
                raise
            _print(f"{error} Trying again.")
            time.sleep(pause * 2 ** attempt)
        else:
            return


def _print(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
