"""Cross-validate a run: one model a fold.

The model that ships is trained before this, as usual. Each fold is a run directory below the run,
so that a validation that was broken off goes on with the fold where it was; what a fold leaves is
its record and its figures, not its model.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from corpus.load import load_corpus
from corpus.records import Corpus
from retrieval.evaluation import Evidence
from retrieval.metrics import PRIMARY
from retrieval.statistics import NO_DIFFERENCE
from train.fit.fit import fit
from train.fit.machine import cpu_seconds
from train.fit.stopping import Stop
from train.report.card import model_card
from train.run.events import DoneEvent, ErrorEvent, Event, LogEvent, Paced, PhaseEvent
from train.run.files import write_text
from train.run.process import this_process
from train.run.record import Run, now
from train.run.spec import RunSpec

from .cut import cut

FOLDS, SPLIT = "folds", "fold"


def validate_run(
    run: Run,
    request: RunSpec,
    stop: Stop,
    cache: Path | None = None,
    max_minutes: float | None = None,
    tell: Callable[[Event], None] = lambda event: None,
) -> None:
    """Cross-validate a trained run, writing each event.

    To be called with the run held. An error that nobody foresaw fails the run, and is raised again.
    """
    if run.record().status == "done":
        return
    run.update(status="running", error=None, process=this_process())
    try:
        corpus = load_corpus(request.data, request.seed)
        for event in cross_validate(run, request, corpus, stop, cache, max_minutes):
            run.append(event)
            tell(event)
    except Exception as error:
        run.update(status="failed", error=f"The cross-validation failed: {error}", process=None,
                   finished=now())
        run.append(ErrorEvent(text=str(error), status="failed"))
        raise


def cross_validate(
    run: Run,
    request: RunSpec,
    corpus: Corpus,
    stop: Stop,
    cache: Path | None = None,
    max_minutes: float | None = None,
) -> Iterator[Event]:
    """Train and test the folds of a trained run.

    Yields events. When it is stopped, or a fold fails, the run ends as `stopped` with its model and
    can be resumed; when all are done, its record and card say what was found.
    """
    started, cpu = time.monotonic(), cpu_seconds()
    count = request.folds or 0
    error, done = "", 0
    for number, fold in enumerate(cut(corpus, count, request.seed)):
        left = None if max_minutes is None else max_minutes - (time.monotonic() - started) / 60
        if stop() or (left is not None and left <= 0):
            break
        try:
            yield from _fold(run, request, fold, number, stop, cache, left)
        except (ValueError, OSError) as failed:
            error = f" It failed in fold {number + 1}: {failed}"
            break
        if _of(run, number).record().status != "done":
            break
        done += 1
    record = run.record()
    spent = {"seconds": round((record.seconds or 0) + time.monotonic() - started, 2),
             "cpu_seconds": round((record.cpu_seconds or 0) + cpu_seconds() - cpu, 2),
             "process": None, "finished": now()}
    if done < count:
        run.update(status="stopped", **spent, error=(
            f"The model is whole; its cross-validation ended after {done} of {count} folds, and "
            f"can be resumed.{error}"))
    else:
        _write(run, count, corpus, spent)
    yield DoneEvent(status=run.record().status, ended_by=record.ended_by or "")


def is_trained(run: Run) -> bool:
    """Whether a run trained its model to the end."""
    record = run.record()
    whole = record.ended_by in ("finished", "patience")
    return run.has_model and record.test is not None and whole


def _of(run: Run, number: int) -> Run:
    return Run(run.folder / FOLDS / str(number))


def _fold(
    run: Run, request: RunSpec, corpus: Corpus, number: int, stop: Stop, cache: Path | None,
    max_minutes: float | None,
) -> Iterator[Event]:
    """One fold from where it is to its end."""
    fold = _of(run, number)
    known = (fold.folder / "run.json").is_file()
    if known and fold.record().status == "done":
        return
    if not known:
        fold.folder.mkdir(parents=True, exist_ok=True)
        fold.update(status="queued", created=now(),
                    **replace(request, folds=None).as_record())
    events = fit(request.recipe, corpus, fold, request.base, revision=request.revision,
                 prompts=request.prompts, seed=request.seed, cache=cache, resume=known, stop=stop,
                 max_minutes=max_minutes)
    count = request.folds or 1
    yield LogEvent(text=f"Fold {number + 1} of {count}.")
    yield PhaseEvent(phase=FOLDS, share=round(number / count, 3))
    for event in events:
        if isinstance(event, Paced) and event.share is not None:
            yield PhaseEvent(phase=FOLDS, share=round((number + event.share) / count, 3))
    shutil.rmtree(fold.model, ignore_errors=True)  # its figures are what it was trained for


def _write(run: Run, count: int, corpus: Corpus, spent: dict[str, Any]) -> None:
    """Rows, record and card of a validation whose folds are all done."""
    rows = [row | {"split": SPLIT, "fold": number}
            for number in range(count) for row in _of(run, number).per_query()
            if row["split"] == "test"]
    evidence = Evidence.from_rows(rows, SPLIT, len(corpus.passages))
    run.write_per_query([row for row in run.per_query() if row["split"] != SPLIT] + rows)
    found = evidence.as_json() | {"folds": count, "verdict": verdict(evidence, count)}
    record = run.record().changed(status="done", error=None, cross_validation=found, **spent)
    write_text(run.model / "README.md", model_card(record))
    run.write(record)


def verdict(evidence: Evidence, count: int) -> str:
    """The verdict over all folds, in a sentence."""
    shown = (evidence.unseen or evidence).differences[PRIMARY]
    said = (f"{shown.value:+.3f} {PRIMARY} (95 % interval {shown.low:+.3f} to {shown.high:+.3f}) "
            f"over all {len(evidence.base):,} questions, each asked once of one of {count} models "
            "that never saw its answer")
    return {
        "better": f"Cross-validated, fine-tuning is better: {said}.",
        "worse": f"Cross-validated, fine-tuning is worse: {said}. Keep Base.",
        NO_DIFFERENCE: f"Cross-validated, no clear difference: {said}.",
    }[evidence.outcome]
