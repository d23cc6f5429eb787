"""What comes back from a job.

Checked before it becomes part of the run.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from train.engines import EngineError
from train.report.card import model_card
from train.run.events import event_of
from train.run.files import write_text
from train.run.record import Run, RunRecord
from train.run.schema import SchemaError

from .hub import UserHub
from .protocol import is_event, taken_over

SAFE = (".safetensors", ".json", ".jsonl", ".txt", ".md", ".model", ".jinja")
"""What a saved model is made of: weights, configuration, vocabularies. Nothing that is unpickled
or run when it is loaded."""
OVER = ("done", "stopped", "failed")
LARGEST_RECORD = 16_000_000
CHECKPOINTS = "checkpoints"
BEST = "best"


def result_place(mark: str) -> str:
    """Where in the repository a job leaves its result.

    Each job has a place of its own.
    """
    return f"result-{mark}"


def stop_place(mark: str) -> str:
    """The file whose presence asks a job to stop."""
    return f"stop-{mark}"


def is_safe(name: str) -> bool:
    """Whether a file of a model may come or go."""
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix.lower() in SAFE and not path.is_absolute() and not hidden


def fetch_result(hub: UserHub, run: Run, repo: str, mark: str, job: str) -> bool:
    """Take over what a job left.

    False if it left nothing. EngineError if it is not to be trusted. The run directory has the
    whole result or none of it: the record changes last.
    """
    place = result_place(mark)
    revision, names = hub.files(repo)
    if f"{place}/run.json" not in names:
        return False
    folder = _downloaded(hub, run, repo, revision, place, names)
    merged = _merged(run, folder / "run.json")
    append_missing(run, job, folder)
    if (folder / "model").is_dir():
        check_modules(folder / "model")
        _put(folder / "model", run.model)
    if (folder / "per_query.jsonl").is_file():
        (folder / "per_query.jsonl").replace(run.folder / "per_query.jsonl")
    merged = merged.changed(process=None, note=None)
    if run.has_model and merged.metrics:  # the job's own names places of its machine
        write_text(run.model / "README.md", model_card(merged))
    run.write(merged)
    shutil.rmtree(folder.parent, ignore_errors=True)
    return True


def fetch_best_checkpoint(hub: UserHub, run: Run, repo: str) -> bool:
    """Take the best uploaded checkpoint as the model.

    False if there is none.
    """
    place = f"{CHECKPOINTS}/{BEST}"
    revision, names = hub.files(repo)
    if f"{place}/modules.json" not in names:
        return False
    kept = [name for name in names if not name.endswith(".npy")]
    folder = _downloaded(hub, run, repo, revision, place, kept)
    check_modules(folder)
    _put(folder, run.model)
    shutil.rmtree(run.folder / ".job", ignore_errors=True)
    return True


def has_checkpoints(hub: UserHub, repo: str) -> bool:
    """Whether there is something to resume from."""
    return any(name.startswith(f"{CHECKPOINTS}/") for name in hub.files(repo)[1])


def append_missing(run: Run, job: str, theirs: Path) -> None:
    """Append events of a job that its log lost.

    theirs: the folder they are in.
    """
    seen = last_event_of(run, job)
    for n, event in enumerate(Run(theirs).events(), 1):
        if n > seen and is_event(event.to_json()):
            run.append(event_of(event.to_json() | {"job": job, "n": n}))


def last_event_of(run: Run, job: str) -> int:
    """How many events of a job the run has already."""
    return max((event.n for event in run.events() if event.job == job), default=0)


def check_modules(model: Path) -> None:
    """Refuse a model that loads code of its own."""
    try:
        modules = json.loads((model / "modules.json").read_text("utf-8"))
        kinds = [str(module["type"]) for module in modules]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"The model that the job left cannot be read ({error}).") from None
    strange = [kind for kind in kinds if not kind.startswith("sentence_transformers.")]
    if strange:
        raise EngineError(f"The model that the job left asks for {strange[0]!r:.80}, which is not "
                          "part of sentence-transformers: it is not loaded.")


def _downloaded(
    hub: UserHub, run: Run, repo: str, revision: str, place: str, names: Iterable[str]
) -> Path:
    wanted = [name for name in names if name.startswith(f"{place}/")]
    unsafe = [name for name in wanted if not is_safe(name)]
    if unsafe:
        raise EngineError(f"{repo} has {unsafe[0]!r:.120} among its results, which Tandem does not "
                          "load: only safetensors and text. Nothing was taken over.")
    folder = run.folder / ".job"
    shutil.rmtree(folder, ignore_errors=True)
    hub.download(repo, revision, [f"{place}/*"], folder)
    return folder / place


def _merged(run: Run, path: Path) -> RunRecord:
    """The record of a run with what a job left in a file."""
    if path.stat().st_size > LARGEST_RECORD:
        raise EngineError("The record that the job left is too large to be one.")
    try:
        read = json.loads(path.read_text("utf-8"))
    except ValueError:
        read = None
    if not isinstance(read, dict) or read.get("status") not in OVER:
        raise EngineError("What the job left is not the record of a run that is over.")
    try:
        return taken_over(run.record(), read, ended=True)
    except SchemaError as error:
        raise EngineError(f"The record that the job left is damaged: {error}. Nothing was taken "
                          "over.") from None


def _put(folder: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    folder.rename(place)
