"""An evaluation on Hugging Face Jobs.

What `train evaluate` does, on a machine with GPUs, paid by whoever asks. The way: this source, the
data and what models are folders here go as one commit into a private repository; the job runs the
same command there and leaves the object that it prints; that is read, and the repository deleted.
The result is that of one machine: passages are encoded on all its GPUs (`retrieval.spread`).
"""

import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus.load import BUILT_IN
from train.engines import EngineError
from train.run.record import Run

from .bundle import (
    IMAGE,
    REQUEST,
    SOURCE,
    command,
    data_files,
    data_place,
    model_files,
    source_files,
)
from .hub import LostContactError, UserHub
from .protocol import plain
from .result import result_place
from .watcher import ENDED, ENVIRONMENT, WAITS, JobPace, without_result
from .worker import persistently

if TYPE_CHECKING:
    from huggingface_hub import JobInfo

    from .hub import Operation

ASKED, ANSWER = "evaluate.json", "evaluation.json"
MODELS = f"{REQUEST}/models"
LARGEST = 200_000_000
"""Bytes of an answer that are read: figures of each of 100,000 queries are a quarter of it."""
TRIES = 6
"""How often a Hub that does not answer is asked again."""
NOT_SENT = ("owner", "note", "process", "published")
"""Of a run's record: who has it and where."""


@dataclass(frozen=True)
class AskedEvaluation:
    """What `train evaluate` is asked.

    With the places of this machine. models: the one that is measured, and what it is compared
    with, if anything.
    """

    models: tuple[str, ...]
    data: str
    split: str
    per_query: bool = False


def evaluate_on_jobs(
    asked: AskedEvaluation,
    hub: UserHub,
    namespace: str,
    flavor: str,
    limit_s: int,
    told: Callable[[str], None],
    pace: JobPace,
    environment: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Run an evaluation as a job.

    Returns what `train evaluate --json` prints there. flavor: the machine. limit_s: seconds after
    which the Hub ends the job. told: hears what happens, line by line. environment: more of the
    job's.
    EngineError when there is no result. When this is interrupted the job is cancelled. The
    repository is deleted in any case.
    """
    mark = secrets.token_hex(8)
    name = f"evaluation-{mark}"
    repo = f"{namespace}/tandem-{name}"
    told(f"Uploading to {repo}, which is private …")
    operations = list(_operations(asked, mark))  # what is not there is said before anything is sent
    hub.create_private(repo)
    ended: JobInfo | None = None
    try:
        revision = hub.commit(repo, operations, "What the job needs")
        job = hub.run_job(
            namespace, name, image=IMAGE,
            command=command(repo, revision, "evaluation"), flavor=flavor, timeout=limit_s,
            env=ENVIRONMENT | (environment or {}), secrets=dict(hub.secrets))
        told(f"The job is {job.url}")
        ended = _followed(hub, namespace, job.id, told, pace)
        return _answer(hub, repo, mark, ended)
    finally:
        if ended is None:
            _cancel(hub, namespace, name, told)
        told(hub.clear(repo) or f"{repo} is deleted.")


def _cancel(hub: UserHub, namespace: str, name: str, told: Callable[[str], None]) -> None:
    """End the job of an evaluation, also one whose start nobody has heard of yet."""
    try:
        if left := hub.find_job(namespace, name):
            hub.cancel(namespace, str(left.id))
    except EngineError as error:
        told(str(error))


def _operations(asked: AskedEvaluation, mark: str) -> "Iterator[Operation]":
    """The commit that the job starts from."""
    from huggingface_hub import CommitOperationAdd

    names, files = _placed(asked.models)
    files |= dict(source_files(with_corpus=asked.data == BUILT_IN)) | dict(data_files(asked.data))
    data = BUILT_IN if asked.data == BUILT_IN else data_place(asked.data)
    arguments = ["--model", names[0], "--split", asked.split, "--json"]
    if names[1:]:
        arguments += ["--against", ",".join(names[1:])]
    if asked.per_query:
        arguments.append("--per-query")
    request = {"mark": mark, "data": data, "arguments": arguments}
    yield CommitOperationAdd(f"{REQUEST}/{ASKED}", json.dumps(request).encode())
    for place, what in sorted(files.items()):
        yield CommitOperationAdd(place, what if isinstance(what, bytes) else str(what))


def _placed(models: tuple[str, ...]) -> tuple[list[str], dict[str, Path | bytes]]:
    """What each model is called in the job, and the files of those that are folders here.

    They keep the names of their folders, which stand in the result: no place of this machine does.
    """
    names: list[str] = []
    files: dict[str, Path | bytes] = {}
    for model in models:
        folder = Path(model)
        if not folder.is_dir():
            names.append(model)
            continue
        name = folder.resolve().name.replace(",", "-") or "model"
        while f"./{name}" in names:
            name += "-2"
        place = f"{MODELS}/{name}"
        if (folder / "run.json").is_file():
            run = Run(folder)
            record = run.record()
            if not run.has_model:
                raise EngineError(f"{folder.name} is {record.status} and holds no model.")
            kept = {key: value for key, value in record.to_json().items() if key not in NOT_SENT}
            files[f"{place}/run.json"] = json.dumps(kept).encode()
            folder, place = run.model, f"{place}/model"
        files |= dict(model_files(folder, place))
        names.append(f"./{name}")
    return names, files


def _followed(
    hub: UserHub, namespace: str, job: str, told: Callable[[str], None], pace: JobPace
) -> "JobInfo":
    """Listen until a job has ended, however often contact is lost; how it ended."""
    lost, stage, heard = 0, "", 0
    while True:
        try:
            now = hub.job(namespace, job)
            if now.status.stage != stage:
                stage = str(now.status.stage)
                told(f"The job is {stage.lower()}.")
            if stage in ENDED:
                return now
            if stage == WAITS:
                time.sleep(pace.look)
                continue
            for number, line in enumerate(hub.log(namespace, job), 1):
                lost = 0
                if number > heard:  # the log is told from its start each time
                    heard = number
                    told(hub.hide_tokens(line)[:1000])
            time.sleep(pace.retry)
        except LostContactError:
            lost += 1
            if lost > TRIES:
                raise
            time.sleep(min(pace.retry_most, pace.retry * 2 ** lost))


def _answer(hub: UserHub, repo: str, mark: str, job: "JobInfo") -> dict[str, Any]:
    """What a job left; EngineError if that is no answer."""
    place = f"{result_place(mark)}/{ANSWER}"
    revision, names = hub.files(repo)
    if place not in names:
        raise EngineError(f"{without_result(hub, job)}: see what it said above, or {job.url}.")
    with tempfile.TemporaryDirectory() as folder:
        hub.download(repo, revision, [place], Path(folder))
        file = Path(folder) / place
        if file.stat().st_size > LARGEST:
            raise EngineError(f"The answer of the job is larger than {LARGEST:,} bytes.")
        try:
            found = json.loads(file.read_text("utf-8"))
        except (ValueError, RecursionError):
            found = None
    if not isinstance(found, dict):
        raise EngineError("What the job left is no evaluation.")
    if "error" in found:
        raise EngineError(plain(hub.hide_tokens(str(found["error"])), 1000))
    return found


# --- inside the job


def main(folder: str, repo: str) -> int:
    """Run what was fetched into `folder`, leave its answer.

    Gives its exit status.
    """
    from huggingface_hub import CommitOperationAdd

    there = Path(folder).resolve()
    asked = json.loads((there / REQUEST / ASKED).read_text("utf-8"))
    models = there / MODELS
    models.mkdir(parents=True, exist_ok=True)
    data = asked["data"] if asked["data"] == BUILT_IN else str(there / asked["data"])
    done = subprocess.run(
        [sys.executable, "-m", "train", "evaluate", "--data", data, *asked["arguments"]],
        cwd=models,  # so that they have here the names under which they were sent
        stdout=subprocess.PIPE, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(there / SOURCE), "TANDEM_HOME": str(there / "home")})
    lines = done.stdout.strip().splitlines()
    if not lines:
        return done.returncode or 1
    hub = UserHub(os.environ["HF_TOKEN"], os.environ.get("HF_ENDPOINT"))
    place = f"{result_place(asked['mark'])}/{ANSWER}"
    answer = CommitOperationAdd(place, lines[-1].encode())
    persistently(lambda: hub.commit(repo, [answer], "Figures"))
    return done.returncode
