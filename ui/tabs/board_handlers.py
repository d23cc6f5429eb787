"""What the Scoreboard measures on demand, and exports."""

import contextlib
import os
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import gradio as gr

from hub.progress import Progress
from train.report.evidence_html import dims_picture
from train.report.findings import Findings, facts_of
from train.report.write import write_report
from train.run.files import sentence_of
from train.run.record import Run
from train.run.schema import as_json
from ui.html import elements, upload
from ui.html.retention import retention
from ui.html.words import without_code
from ui.services.app import Services
from ui.services.board.measuring import Measuring
from ui.services.board.retention import RetentionService
from ui.services.model_pair import ModelPair
from ui.services.process import CancelledError
from ui.services.runs import RunService

ELSEWHERE = "Both models answer questions about other things"
NO_STOP: dict[str, Any] = gr.update(visible=False)
"""Of the button that stops measuring, when it has ended."""
Result = TypeVar("Result")
MOST_REPORTS = 20
"""Reports kept among the machine's temporary files: Gradio makes copies of its own."""


def pair_seen(service: RunService, request: gr.Request, nonce: str, run: str) -> ModelPair:
    """The pair of a run that the viewer may see.

    Or the opening one.
    """
    return service.pair(service.services.auth.looks(request, nonce), run)


def trained_dims(run: Run | None) -> list[int]:
    """The dimensions a run trained for, beside all of them."""
    recipe = run.record().recipe if run else None
    found = [recipe.truncate_dim, *recipe.matryoshka_dims] if recipe else []
    return [dim for dim in found if dim]


def run_of(services: Services, pair: ModelPair) -> Run | None:
    """The run that made a pair's fine-tuned model.

    None where none did.
    """
    if not pair.run_id:
        return None
    run = Run(services.settings.runs / pair.run_id)
    opening = services.opening.run
    if not (run.folder / "run.json").is_file() and opening and opening.id == pair.run_id:
        run = opening  # TANDEM_TUNED_MODEL may name a run directory anywhere
    return run if (run.folder / "run.json").is_file() else None


def show_dims(service: RunService) -> Callable[..., str]:
    """Quality against truncate_dim, of the chosen pair."""
    def dims(
        request: gr.Request, run: str, nonce: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> str:
        try:
            pair = pair_seen(service, request, nonce, run)
            trained = trained_dims(run_of(service.services, pair))
            rows = pair.by_dim(trained, lambda at: progress(
                (at.done, at.total), desc="Measuring", unit="lengths"))
        except ValueError as error:
            return elements.error(str(error))
        return f'<div class="t t-board">{dims_picture(rows, trained)}</div>'

    return dims


def measure_elsewhere(
    service: RunService, worker: RetentionService
) -> Callable[..., Iterator[Any]]:
    """Measure the retention of the chosen pair.

    For who may act on the run.
    """
    def measure(request: gr.Request, run_id: str, nonce: str) -> Iterator[Any]:
        try:
            run, pair = owned(service, request, run_id, nonce)
            found = yield from told(
                worker.measure(run), ELSEWHERE,
                lambda html: (gr.Button(interactive=False), html, gr.Button(visible=True)))
            yield gr.Button(visible=False), retention(found, pair.evidence), NO_STOP
        except (ValueError, OSError) as error:
            yield gr.Button(interactive=True), ended(error), NO_STOP

    return measure


def owned(
    service: RunService, request: gr.Request, run_id: str, nonce: str
) -> tuple[Run, ModelPair]:
    """The shown run and its pair, for its owner.

    ValueError with a sentence otherwise.
    """
    auth = service.services.auth
    visitor = auth.visitor(request, nonce)
    pair = service.pair(visitor, run_id)
    run = run_of(service.services, pair)
    if run is None:
        raise ValueError("There is no run behind this fine-tuned model: it was given as it is.")
    auth.check_owns(visitor, run)
    return run, pair


def stop_measuring(service: RunService, measuring: Measuring) -> Callable[..., None]:
    """End what is being measured of the shown run."""
    def stop(request: gr.Request, run_id: str, nonce: str) -> None:
        with contextlib.suppress(ValueError):  # then nothing of theirs is being measured
            measuring.stop(owned(service, request, run_id, nonce)[0])

    return stop


def told(
    steps: Generator[Progress | None, None, Result], what: str, drawn: Callable[[str], Any]
) -> Generator[Any, None, Result]:
    """Show how far something is; returns what came of it.

    what: is done, where the steps do not say. drawn: the outputs that show some HTML.
    """
    before = ""
    while True:
        try:
            html = upload.progress(next(steps), what)
        except StopIteration as finished:
            result: Result = finished.value
            return result
        if html != before:
            before = html
            yield drawn(html)


def ended(error: Exception) -> str:
    """How something without a result ended: stopped, or failed."""
    if isinstance(error, CancelledError):
        return elements.sentence("This was stopped, and nothing of it is kept.")
    return elements.error(sentence_of(error))


def findings(services: Services, pair: ModelPair, against: str) -> Findings:
    """What a report of a pair is made of.

    ValueError where nothing was measured.
    """
    evidence = pair.evidence_against(against)
    if evidence is None or pair.tuned is None:
        raise ValueError("Nothing is measured yet: there is no fine-tuned model.")
    run = run_of(services, pair)
    record = run.record() if run else None
    facts = facts_of(run) if run else _bare_facts(pair)
    if against != "Base":
        facts = facts | {"In place of Base": against}
    history = as_json(record.history) if record else ()
    retention = record.retention.to_json() if record and record.retention else None
    return Findings(evidence, facts, pair.corpus.queries, history, retention, pair.known_dims)


def _bare_facts(pair: ModelPair) -> dict[str, str]:
    tuned = pair.tuned
    return {
        "Base": Path(pair.base.name).name if Path(pair.base.name).is_absolute() else pair.base.name,
        "Base fingerprint": pair.base.encoder.fingerprint,
        "Fine-tuned fingerprint": tuned.encoder.fingerprint if tuned else "",
        "Data": pair.corpus.name,
        "Data fingerprint": pair.corpus.fingerprint,
        "Test split fingerprint": pair.corpus.split_fingerprints.get("test", ""),
    }


def give_report(service: RunService, ending: str) -> Callable[..., Any]:
    """Write the chosen pair's report for the download button."""
    def give(request: gr.Request, run_id: str, nonce: str, against: str) -> Any:
        try:
            pair = pair_seen(service, request, nonce, run_id)
            place = report_place(pair.run_id or pair.corpus.name, ending)
            write_report(findings(service.services, pair, against), place)
        except (ValueError, OSError) as error:
            raise gr.Error(without_code(sentence_of(error)), print_exception=False) from error
        return gr.DownloadButton(f"Save {place.name}", value=str(place), visible=True), place.name

    return give


def report_place(name: str, ending: str) -> Path:
    """A new temporary file for a download."""
    folder = Path(tempfile.gettempdir()) / f"tandem-reports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    kept = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)
    for old in kept[: max(0, len(kept) - MOST_REPORTS + 1)]:
        old.unlink(missing_ok=True)
    slug = "".join(mark if mark.isascii() and mark.isalnum() else "-" for mark in name)[:60]
    return folder / f"tandem-{slug}-{time.time_ns() // 10**6 % 10**8:08}{ending}"
