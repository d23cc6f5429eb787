"""What a job needs: one commit, and its command.

The commit goes to a private repository. The job runs this very source: some hundred kB, uploaded
beside the data, so that a Tandem with changes of one's own trains with them and nothing has to be
published anywhere first. The libraries are those of requirements.txt, installed there by uv.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from corpus.importing.manifest import ABOUT
from corpus.load import BUILT_IN
from corpus.readers.folder import files_in, layout_of
from corpus.readers.registry import IN_FOLDERS
from corpus.records import CorpusError
from train.engines import EngineError
from train.run.record import Run, RunRecord
from train.run.spec import RunSpec, spec_of

from .protocol import RESULT_KEYS
from .result import is_safe

if TYPE_CHECKING:
    from .hub import Operation

ROOT = Path(__file__).resolve().parents[3]
SOURCE, REQUEST = "tandem", "request"
ROOMS = ("hub", "corpus", "retrieval", "train")
CODE = (".py", ".j2", ".css")
"""Of the rooms: their code, and the templates that card and report are written with."""
NOT_THERE = ("gradio",)
"""Requirements of the page alone."""
IMAGE = "ghcr.io/astral-sh/uv:python3.12-bookworm"
"""The Hub's own default for scripts: Debian with Python and uv; torch brings CUDA's libraries."""
START = """\
import os, sys
from huggingface_hub import snapshot_download
folder = snapshot_download(sys.argv[1], revision=sys.argv[2], token=os.environ["HF_TOKEN"],
                           local_dir="tandem-job")
sys.path.insert(0, os.path.join(folder, "tandem"))
from train.engines.jobs.{main} import main
sys.exit(main(folder, sys.argv[1]))
"""
"""All that a job is told: fetch the commit, and run what is in it."""


def repository(namespace: str, run: Run) -> str:
    """Where a run's files are kept on the Hub."""
    return f"{namespace}/tandem-run-{run.id}"


def command(repo: str, revision: str, main: str = "worker") -> list[str]:
    """The command of a job that starts from a commit.

    main: the module whose `main` it runs.
    """
    libraries = [part for line in requirements() for part in ("--with", line)]
    start = START.format(main=main)
    return ["uv", "run", "--no-project", *libraries, "python", "-c", start, repo, revision]


def requirements() -> list[str]:
    """What training needs of requirements.txt, each with its pin."""
    lines = (line.partition("#")[0].strip()
             for line in (ROOT / "requirements.txt").read_text("utf-8").splitlines())
    return [line for line in lines
            if line and re.split(r"[\[<>=~! ]", line)[0] not in NOT_THERE]


def check_bundle(run: Run) -> RunSpec:
    """What a run was asked to do.

    EngineError if a file that the job needs is not there.
    """
    request = spec_of(run)
    for _ in data_files(request.data):
        pass
    for _ in _base(request.base):
        pass
    return request


def bundle(run: Run, mark: str) -> "list[Operation]":
    """The files of a job as operations of one commit.

    mark: what its log lines start with.
    """
    from huggingface_hub import CommitOperationAdd

    request = check_bundle(run)
    files = dict(source_files(with_corpus=request.data == BUILT_IN))
    files |= data_files(request.data)
    files |= _base(request.base)
    record = json.dumps({"mark": mark, "record": _record(run, request).to_json()}, indent=1)
    return [
        CommitOperationAdd(f"{REQUEST}/job.json", record.encode()),
        *(CommitOperationAdd(name, str(path)) for name, path in sorted(files.items())),
    ]


def _record(run: Run, request: RunSpec) -> RunRecord:
    """The run's record as the job begins with it: queued, nothing of who asks or of this machine.

    Places of data and base are relative to the commit.
    """
    record = run.record()
    base, data = record.base_model, record.data
    if Path(request.base).exists():
        base = base.changed(name=_base_place(request.base))
    if request.data != BUILT_IN:
        data = data.changed(source=data_place(request.data))
    kept = {key: value for key, value in record.to_json().items()
            if key not in (*RESULT_KEYS, "owner", "note", "process", "published")}
    return RunRecord.from_json(kept | {"status": "queued"}).changed(
        base_model=base, data=data, engine={"name": "local", "flavor": None})


def source_files(with_corpus: bool) -> Iterator[tuple[str, Path]]:
    """This source, and where it goes."""
    for room in ROOMS:
        for path in (ROOT / room).rglob("*"):
            code = path.suffix in CODE
            data = with_corpus and path.is_relative_to(ROOT / "corpus" / BUILT_IN)
            if path.is_file() and (code or data) and "__pycache__" not in path.parts:
                yield f"{SOURCE}/{path.relative_to(ROOT).as_posix()}", path


def data_files(source: str) -> Iterator[tuple[str, Path]]:
    """The data; of a folder only what Tandem reads."""
    if source == BUILT_IN:
        return
    path, place = Path(source), data_place(source)
    if path.is_file():
        yield place, path
        return
    for name in _files_read(path):
        yield f"{place}/{name}", path / name


def _files_read(folder: Path) -> list[str]:
    """The files of a folder that reading it reads, under their own names.

    In BEIR layout, whatever its judgements are called and though they are packed; or files of
    pairs; and about.json, which says how the data is split.
    """
    try:
        layout = layout_of(files_in(folder), folder.name, IN_FOLDERS)
    except CorpusError as error:
        raise EngineError(str(error)) from error
    found = [*layout.beir.values(), *(name for names in layout.tables.values() for name in names)]
    if not found:
        raise EngineError(f"The data of this run is not at {folder.name} any more: start a new "
                          "run.")
    return [*found, *([ABOUT] if (folder / ABOUT).is_file() else [])]


def model_files(folder: Path, place: str) -> Iterator[tuple[str, Path]]:
    """The files of a model's folder, and where they go."""
    files = [path for path in sorted(folder.rglob("*"))
             if path.is_file() and is_safe(path.relative_to(folder).as_posix())]
    if not any(path.suffix == ".safetensors" for path in files):
        raise EngineError(f"The model {folder.name} has no weights in safetensors: Tandem sends no "
                          "others to a job.")
    for path in files:
        yield f"{place}/{path.relative_to(folder).as_posix()}", path


def _base(base: str) -> Iterator[tuple[str, Path]]:
    """The base model if it is a folder here; one of the Hub is fetched by the job."""
    if Path(base).is_dir():
        yield from model_files(Path(base), _base_place(base))


def data_place(source: str) -> str:
    """Where data of this machine goes."""
    return f"{REQUEST}/data/{Path(source).name}"


def _base_place(base: str) -> str:
    return f"{REQUEST}/base/{Path(base).name}"
