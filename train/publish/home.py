"""Finished runs, kept in a private repository of the Hub.

The disk of a Space does not last. So what is over is written to `TANDEM_HOME_REPO` and read from
there at start; what is deleted here is deleted there. Runs at work are not kept, those that were
interrupted are, with what they are resumed from.
"""

import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from hub.client import Hub
from hub.errors import HubError
from hub.tokens import local_token
from train.run.record import RUN_ID, Run, RunError, list_runs
from train.settings import Settings

from .storage import Storage, storage

FOLDER, RECORD = "runs", "run.json"
SAFE = (".json", ".jsonl", ".txt", ".md", ".csv", ".model", ".jinja", ".safetensors", ".npy", ".pt")
"""What a run is made of; checkpoints are read without unpickling anything."""
CHECKPOINTS = "checkpoints"
LOOK_EVERY, RETRY_AFTER = 10.0, 60.0
"""Seconds between two looks at the runs, and after one that failed."""
END_WITHIN = 8.0
"""Seconds to write what is over when the app ends."""
log = logging.getLogger("tandem")

Stamp = tuple[int, int]


@dataclass
class HomeRepo:
    """Keeps finished runs on the Hub.

    runs: the folder of all runs here. problem: why the last try failed, empty when it did not.
    """

    runs: Path
    place: Storage
    every: float = LOOK_EVERY
    problem: str = ""
    _kept: dict[str, Stamp] = field(default_factory=dict)
    _ready: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _closed: threading.Event = field(default_factory=threading.Event)

    def open(self) -> None:
        """Look after the finished runs, in a thread."""
        threading.Thread(target=self._go_on, daemon=True, name="home").start()

    def close(self) -> None:
        """Write runs that are over, as the app ends.

        As far as that can be done in some seconds.
        """
        self._closed.set()
        last = threading.Thread(target=self._safely, args=(self.keep,), daemon=True)
        last.start()
        last.join(END_WITHIN)

    def restore(self, tell: Callable[[str], None] = lambda text: None) -> int:
        """Fetch the runs that are not here.

        How many came. tell: told which is being fetched. What the Hub refuses is `problem`.
        """
        found: list[int] = []
        self._safely(lambda: found.append(self._restore(tell)))
        return sum(found)

    def keep(self) -> None:
        """Write runs that are over and not kept yet.

        Those that are gone here are deleted there. HubError.
        """
        with self._lock:
            self._prepare()
            over = {run.id: run for run in list_runs(self.runs) if _is_over(run)}
            for name in [name for name in self._kept if not (self.runs / name).exists()]:
                self.place.put({}, self._there(name), f"{FOLDER}/{name}/{RECORD}")
                del self._kept[name]
            for run in over.values():
                stamp = _stamp(run)
                if stamp is not None and self._kept.get(run.id) != stamp:
                    self._keep(run)
                    self._kept[run.id] = stamp

    def _keep(self, run: Run) -> None:
        here = {f"{FOLDER}/{run.id}/{path}": run.folder / path for path in _files_of(run)}
        gone = [path for path in self._there(run.id) if path not in here]
        self.place.put(here, gone, f"{FOLDER}/{run.id}/{RECORD}")
        log.info("%s is kept in %s", run.id, self.place.name)

    def _there(self, run_id: str) -> list[str]:
        return [path for path in self.place.files() if path.startswith(f"{FOLDER}/{run_id}/")]

    def _restore(self, tell: Callable[[str], None]) -> int:
        with self._lock:
            self._prepare()
            paths, came = list(self.place.files()), 0
            for name in sorted({run_of(path) for path in paths} - {""}, reverse=True):
                if not (self.runs / name).exists() and not self._closed.is_set():
                    tell(f"Fetching {name} from {self.place.name}")
                    came += self._fetch(name, [path for path in paths if run_of(path) == name])
            return came

    def _fetch(self, name: str, paths: list[str]) -> bool:
        """One run, whole or not at all."""
        if f"{FOLDER}/{name}/{RECORD}" not in paths:
            return False  # it was being written, or deleted, when the app ended
        beside = self.runs / f".fetching-{name}"
        shutil.rmtree(beside, ignore_errors=True)
        try:
            self.place.fetch(paths, beside)
            run = Run(beside / FOLDER / name)
            if run.record().is_active:
                raise RunError(f"{name} was at work.")
            run.folder.rename(self.runs / name)
        except RunError as error:
            log.warning("%s is left in %s: %s", name, self.place.name, error)
            return False
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        stamp = _stamp(Run(self.runs / name))
        if stamp is not None:
            self._kept[name] = stamp
        return True

    def _prepare(self) -> None:
        if not self._ready:
            self.runs.mkdir(parents=True, exist_ok=True)
            self.place.prepare()
            self._ready = True

    def _go_on(self) -> None:
        wait = self.every
        while not self._closed.wait(wait):
            self._safely(self.keep)
            wait = RETRY_AFTER if self.problem else self.every

    def _safely(self, work: Callable[[], object]) -> None:
        """Whatever the Hub or the disk says, the app goes on: it is `problem` and in the log."""
        problem = ""
        try:
            work()
        except (HubError, RunError, OSError) as error:
            problem = f"Runs are not kept in {self.place.name}: {error}"
        except Exception as error:  # what a library raises may hold a token
            problem = f"Runs are not kept in {self.place.name} ({type(error).__name__})."
        if problem and problem != self.problem:
            log.warning("%s", problem)
        self.problem = problem


def home_repo(settings: Settings) -> HomeRepo | None:
    """The repository of TANDEM_HOME_REPO.

    None where none is named. HubError where it cannot be one, or nobody is signed in.
    """
    if not settings.home_repo:
        return None
    token = local_token()
    if token is None:
        raise HubError(f"TANDEM_HOME_REPO is {settings.home_repo}, and there is no token to write "
                       "there with: set HF_TOKEN (on a Space, as a secret in its settings) to one "
                       "that may, or unset TANDEM_HOME_REPO.", "unauthorized")
    return HomeRepo(settings.runs, storage(Hub(token), settings.home_repo))


def run_of(path: str) -> str:
    """The run that a kept file is of.

    Empty for a file that is not taken.
    """
    folder, *rest = PurePosixPath(path).parts
    plain = all(part not in ("..", "/") and not part.startswith(".") for part in rest)
    if folder != FOLDER or len(rest) < 2 or not plain or not path.endswith(SAFE):
        return ""
    return rest[0] if RUN_ID.fullmatch(rest[0]) else ""


def _is_over(run: Run) -> bool:
    try:
        return not run.record().is_active
    except RunError:
        return False


def _files_of(run: Run) -> list[str]:
    """The files of a run that are kept, as paths in its folder."""
    resumable = run.record().status == "interrupted"
    found = []
    for path in sorted(run.folder.rglob("*")):
        inside = path.relative_to(run.folder)
        if (path.is_file() and not path.is_symlink() and path.suffix in SAFE
                and not any(part.startswith(".") for part in inside.parts)
                and (resumable or inside.parts[0] != CHECKPOINTS)):
            found.append(inside.as_posix())
    return found


def _stamp(run: Run) -> Stamp | None:
    """What changes with a run's record; None once it is gone."""
    try:
        stat = (run.folder / RECORD).stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_size
