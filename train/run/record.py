"""The run directory.

What whoever trains writes, and whoever watches reads. Files are written beside and renamed, so that
a reader never sees half of one; events are appended, and a last line that is not whole yet is left
for the next look.
"""

import contextlib
import json
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

from .events import Event, append_event, objects_in, read_events
from .extra_parts import CrossValidation, MergeCurve, RecordedMerge
from .files import write_json, write_text
from .parts import (
    DevPoint,
    Fingerprints,
    LossPoint,
    OnnxExport,
    PromptChoice,
    Published,
    RecordedCard,
    RecordedData,
    RecordedEngine,
    RecordedEstimate,
    RecordedEvidence,
    RecordedModel,
    RecordedOptimizer,
    RecordedRecipe,
    RecordedTandem,
    SplitSizes,
    TrainingSpeed,
)
from .process import Process
from .schema import JsonObject, SchemaError

SCHEMA = 1
STAMP = "%Y%m%dT%H%M%SZ"
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,120}")
"""What a run may be called: nothing that leads out of the folder of all runs."""
ACTIVE = ("queued", "running")
STATUSES = (*ACTIVE, "done", "stopped", "failed", "interrupted")
USABLE = ("done", "stopped")
"""A run in one of these has a model, if it got as far as a first checkpoint."""
SETTLED = 2.0
"""Seconds after which a file's time tells it from any later one."""
MOST_PARSED = 512


class RunError(ValueError):
    """A run directory that cannot be used.

    The message says which, why, and what to do.
    """


@dataclass(frozen=True, kw_only=True)
class RunRecord(JsonObject):
    """All that a run's `run.json` says.

    From what was asked for to where it was published. owner: the Hub name or the browser that
    asked, None for the owner of this Tandem. process: that fits into the directory now. ended_by:
    see `fit.ENDINGS`. note: a sentence about a run at work. metrics, prompts: by split (`dev`,
    `test`), by side (`base`, `tuned`). retention: on the general collection. memory_bytes: the most
    that training took. folds: that were asked for; cross_validation: what they found. merge_curve:
    merges with the base that were measured; merged: of a run that is one. log: the loss by step.
    loss_scale: of the scores in the loss, None in older records. loads_with: the least version of
    sentence-transformers that reads the model. Times are UTC in ISO 8601.
    """

    schema: int
    status: str
    created: str = ""
    queued: str | None = None
    started: str | None = None
    finished: str | None = None
    owner: str | None = None
    process: Process | None = None
    error: str | None = None
    ended_by: str | None = None
    note: str | None = None
    recipe: RecordedRecipe | None = None
    seed: int = 42
    base_model: RecordedModel = field(default_factory=RecordedModel)
    data: RecordedData = field(default_factory=RecordedData)
    engine: RecordedEngine | None = None
    splits: Mapping[str, SplitSizes] = field(default_factory=dict)
    fingerprints: Fingerprints = field(default_factory=Fingerprints)
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    precision: str = ""
    processes: int | None = None
    steps: int = 0
    steps_done: int | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    memory_bytes: int | None = None
    speed: TrainingSpeed = field(default_factory=TrainingSpeed)
    history: tuple[DevPoint, ...] = ()
    log: tuple[LossPoint, ...] = ()
    optimizer: RecordedOptimizer | None = None
    loss_scale: float | None = None
    tandem: RecordedTandem | None = None
    loads_with: str | None = None
    prompts: Mapping[str, PromptChoice] = field(default_factory=dict)
    metrics: Mapping[str, RecordedEvidence] = field(default_factory=dict)
    retention: RecordedEvidence | None = None
    folds: int | None = None
    cross_validation: CrossValidation | None = None
    merge_curve: MergeCurve | None = None
    merged: RecordedMerge | None = None
    onnx: OnnxExport | None = None
    card: RecordedCard = field(default_factory=RecordedCard)
    published: tuple[Published, ...] = ()
    publish_to: str | None = None
    estimate: RecordedEstimate | None = None

    @classmethod
    def from_json(cls, value: object, where: str = "") -> Self:
        """Check a record as a whole.

        SchemaError names the field that does not fit.
        """
        record = super().from_json(value, where)
        if record.status not in STATUSES:
            raise SchemaError(f"status {record.status!r:.40} is none of {', '.join(STATUSES)}")
        return record

    @property
    def is_active(self) -> bool:
        """Whether the run waits or is at work."""
        return self.status in ACTIVE

    @property
    def is_usable(self) -> bool:
        """Whether a run ended with a model.

        If it got as far as a first checkpoint.
        """
        return self.status in USABLE

    @property
    def test(self) -> RecordedEvidence | None:
        """What was measured on the test split.

        None before it was.
        """
        return self.metrics.get("test")

    @property
    def recipe_name(self) -> str:
        """What the recipe is called.

        Empty before one was asked for.
        """
        return self.recipe.name if self.recipe else ""

    @property
    def epochs(self) -> int:
        """Passes over the training pairs that were asked for."""
        return self.recipe.epochs if self.recipe else 0

    @property
    def dim(self) -> int:
        """Dimensions of the vectors it is measured on.

        0 before the base was loaded.
        """
        return (self.recipe and self.recipe.truncate_dim) or self.base_model.dim

    @property
    def base_is_prompted(self) -> bool:
        """Whether the base was measured with its own prompts."""
        choice = self.prompts.get("base")
        return choice is None or choice.used

    @property
    def engine_name(self) -> str:
        """The engine of a run.

        Those of the command line have none of their own.
        """
        return self.engine.name if self.engine else "local"


@dataclass(frozen=True)
class Run:
    """One run directory, as a handle.

    Everything is read from disk when it is asked for.
    """

    folder: Path

    @property
    def id(self) -> str:
        """The run's name: its folder's."""
        return self.folder.name

    @property
    def model(self) -> Path:
        """Where the tuned model is saved."""
        return self.folder / "model"

    @property
    def checkpoints(self) -> Path:
        """Where the state to resume from is kept."""
        return self.folder / "checkpoints"

    @property
    def has_model(self) -> bool:
        """Whether a tuned model is there to be used."""
        return (self.model / "modules.json").is_file()

    def record(self) -> RunRecord:
        """The record in `run.json`.

        RunError when it is missing, damaged, or from a newer Tandem.
        """
        path = self.folder / "run.json"
        try:
            return _read(path)
        except FileNotFoundError:
            raise RunError(f"{self.id} is not a run: it has no run.json.") from None
        except SchemaError as error:
            raise RunError(f"The record of {self.id} is damaged: {error}. Put {path.name} right, "
                           "or delete the run.") from None
        except RunError:
            raise
        except (OSError, ValueError, RecursionError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else type(error).__name__
            raise RunError(f"The record of {self.id} cannot be read ({why}). Put {path.name} "
                           "right, or delete the run.") from None

    def update(self, **changes: Any) -> RunRecord:
        """Change fields of `run.json`, given as values or as JSON.

        A named None is written.
        """
        path = self.folder / "run.json"
        record = self.record() if path.exists() else RunRecord(schema=SCHEMA, status="queued")
        return self.write(record.changed(**changes))

    def write(self, record: RunRecord) -> RunRecord:
        """Replace `run.json`."""
        write_json(self.folder / "run.json", record.to_json())
        return record

    def append(self, event: Event) -> None:
        """Add one line to `events.jsonl`, with the time."""
        append_event(self.folder / "events.jsonl", event)

    def events(self) -> list[Event]:
        """All whole events so far.

        A line that is cut off or damaged is left out.
        """
        return read_events(self.folder / "events.jsonl")

    def per_query(self) -> list[dict[str, Any]]:
        """`per_query.jsonl`; empty before the test split was measured."""
        try:
            lines = (self.folder / "per_query.jsonl").read_bytes().split(b"\n")
        except OSError:
            return []
        return objects_in(lines)

    def write_per_query(self, rows: list[dict[str, Any]]) -> None:
        """Write `per_query.jsonl`."""
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_text(self.folder / "per_query.jsonl", text)

    def size(self) -> int:
        """Bytes of a run on disk, links counted once."""
        found: dict[tuple[int, int], int] = {}
        for path in self.folder.rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # replaced just now
                stat = path.lstat()
                if not path.is_dir():
                    found[stat.st_dev, stat.st_ino] = stat.st_size
        return sum(found.values())

    def remove_checkpoints(self) -> int:
        """Remove the checkpoints of a run not at work.

        Returns the bytes that frees.
        """
        if self.record().is_active:
            raise RunError(f"{self.folder} is at work: its checkpoints are needed.")
        before = self.size()
        shutil.rmtree(self.checkpoints, ignore_errors=True)
        return before - self.size()

    def delete(self) -> None:
        """Remove the run and everything in it."""
        shutil.rmtree(self.folder)


def create_run(runs: Path, name: str) -> Run:
    """A new, empty, queued run directory: `runs/<utc>-<slug>`."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "run"
    runs.mkdir(parents=True, exist_ok=True)
    stamp = _next_stamp(runs)
    for suffix in ("", *(f"-{i}" for i in range(2, 100))):
        folder = runs / f"{stamp}-{slug}{suffix}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        run = Run(folder)
        _begin(run)
        return run
    raise RunError(f"{runs} already has a hundred runs of this second: wait one.")


def _next_stamp(runs: Path) -> str:
    """The time, or a second after the newest run's if a clock was set back: ids sort by age."""
    stamp = datetime.now(UTC).strftime(STAMP)
    newest = max((path.name[:16] for path in runs.glob("????????T??????Z-*")), default="")
    if newest < stamp:
        return stamp
    try:
        return (datetime.strptime(newest, STAMP) + timedelta(seconds=1)).strftime(STAMP)
    except (ValueError, OverflowError):  # a folder that somebody named so
        return stamp


def open_run(folder: Path) -> Run:
    """A run directory by its path, made if new.

    RunError if something else is there.
    """
    run = Run(folder)
    if folder.exists() and any(folder.iterdir()):
        run.record()
        return run
    folder.mkdir(parents=True, exist_ok=True)
    _begin(run)
    return run


def _begin(run: Run) -> None:
    """Write the first record of a run; on a full disk there is no folder without one."""
    try:
        run.update(status="queued", created=now())
    except OSError:
        shutil.rmtree(run.folder, ignore_errors=True)
        raise RunError("A run cannot be begun: its record cannot be written, perhaps because the "
                       "disk is full. Make space, for example by deleting runs.") from None


def list_runs(runs: Path) -> list[Run]:
    """All readable runs, the newest first."""
    folders = sorted((path.parent for path in runs.glob("*/run.json")), reverse=True)
    return [run for run in map(Run, folders) if _readable(run)]


def damaged_runs(runs: Path) -> list[tuple[Run, str]]:
    """Runs with damaged records, newest first, with why."""
    folders = sorted((path.parent for path in runs.glob("*/run.json")), reverse=True)
    return [(run, said) for run in map(Run, folders) if (said := _refusal(run))]


def known_run(runs: Path, run_id: str) -> Run:
    """A run by its id, from page or program.

    RunError unless it is one of `runs`.
    """
    run = Run(runs / run_id)
    if not RUN_ID.fullmatch(run_id) or not (run.folder / "run.json").is_file():
        raise RunError(f"There is no run {run_id!r:.80}: it may have been deleted.")
    return run


def mark_interrupted(run: Run) -> bool:
    """Say so when a run's process is gone.

    True if it was.
    """
    record = run.record()
    if record.status != "running" or (record.process and record.process.is_alive):
        return False
    run.update(status="interrupted", process=None,
               error="Its process ended before the run did. It can be resumed.")
    return True


def now() -> str:
    """The time in UTC, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _read(path: Path) -> RunRecord:
    """What a record says: parsed once, since pages look at all of them every second.

    A record is replaced, never changed, so it is the same while its inode, size and time are; but
    not where the time is too near to tell two writes apart.
    """
    stat = path.stat()
    if time.time_ns() - stat.st_mtime_ns < SETTLED * 1e9:
        return _parsed(path)
    return _parsed_once(path, stat.st_ino, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=MOST_PARSED)
def _parsed_once(path: Path, inode: int, size: int, changed: int) -> RunRecord:
    return _parsed(path)


def _parsed(path: Path) -> RunRecord:
    read = json.loads(path.read_text("utf-8"))
    if not isinstance(read, dict) or read.get("status") not in STATUSES:
        raise RunError(f"{path.parent.name}/{path.name} is not a run record: it has no known "
                       "status.")
    schema = read.get("schema")
    if not isinstance(schema, int) or schema > SCHEMA:
        raise RunError(
            f"{path.parent.name}/{path.name} was written by a newer Tandem (schema {schema!r}, "
            f"this one reads up to {SCHEMA}). Update Tandem."
        )
    return RunRecord.from_json(read)


def _readable(run: Run) -> bool:
    return not _refusal(run)


def _refusal(run: Run) -> str:
    """Why a record cannot be used; empty where it can."""
    try:
        run.record()
    except RunError as error:
        return str(error)
    return ""
