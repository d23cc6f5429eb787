"""What the page shows: the corpus, the two models, and the run that makes the second one.

Everything slow happens in one background thread; the page asks how far it is.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from corpus.read import load_corpus
from corpus.records import Corpus
from retrieval.compare import Comparison, compare
from retrieval.encoder import load_encoder, split_revision
from retrieval.evidence import Evidence, judge
from retrieval.index import Index, build_index
from retrieval.inputs import check_dim
from retrieval.lexical import LexicalIndex, build_lexical_index
from train.engines.local import LocalEngine
from train.recipe import first_start_recipe
from train.record import ACTIVE, USABLE, Run, RunError, list_runs, mark_interrupted
from train.request import Request, placed
from train.settings import Settings

from .progress import Progress, progress_of

log = logging.getLogger("tandem")

WATCH_EVERY = 0.5
"""Seconds between two looks at a run."""


class NotReadyError(ValueError):
    """What was asked for is not there yet: the message says what is being waited for."""


@dataclass
class Showcase:
    """The two sides over one corpus. Start it with `open`; read it from any thread."""

    settings: Settings
    engine: LocalEngine
    corpus: Corpus | None = None
    base: Index | None = None
    tuned: Index | None = None
    evidence: Evidence | None = None
    run: Run | None = None
    version: int = 0
    _progress: Progress = field(default_factory=lambda: Progress("loading", "Starting"))
    _truncated: dict[tuple[str, int], Index] = field(default_factory=dict)
    _lexical: LexicalIndex | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _worker: threading.Thread | None = None

    def open(self) -> None:
        """Load the sides, and train the second one if nobody has; returns at once."""
        self._work(self._open)

    @property
    def progress(self) -> Progress:
        """How far things are, now."""
        return replace(self._progress, version=self.version)

    def compare(
        self, query: object, k: object = 5, truncate_dim: object = None, lexical: bool = False
    ) -> Comparison:
        """One question through both sides, with vectors of `truncate_dim` where it is given."""
        if self.corpus is None or self.base is None:
            if self._progress.kind == "failed":
                raise ValueError(self._progress.text)
            raise NotReadyError("The base model is still being loaded: try again in a few seconds.")
        dim = check_dim(truncate_dim)
        return compare(
            query,
            self.corpus,
            self._at(self.base, dim),
            None if self.tuned is None else self._at(self.tuned, dim),
            k,
            self.lexical() if lexical else None,
        )

    def lexical(self) -> LexicalIndex:
        """BM25 over the corpus, built when it is first asked for."""
        with self._lock:
            if self._lexical is None and self.corpus is not None:
                self._lexical = build_lexical_index(self.corpus)
        if self._lexical is None:
            raise NotReadyError("The corpus is still being read: try again in a few seconds.")
        return self._lexical

    def start(self) -> None:
        """Train again, or go on with a run that was interrupted."""
        if self._worker and self._worker.is_alive():
            raise NotReadyError("It is at work already: wait until it is done, or stop it.")
        self._work(self._train)

    def stop(self) -> None:
        """Stop the run that is shown; its best checkpoint so far becomes the result."""
        if self.run is None or not self.engine.stop(self.run):
            raise NotReadyError("No fine-tune is running, so there is none to stop.")
        self._progress = replace(self._progress, text="Stopping", left_s=None)

    def _work(self, what: Callable[[], None]) -> None:
        def safely() -> None:
            try:
                what()
            except (ValueError, OSError) as error:
                log.warning("%s", error)
                self._progress = Progress("failed", str(error))
            except Exception as error:
                # The page must never wait for a thread that is gone.
                log.exception("The page could not be made ready")
                self._progress = Progress("failed", f"Something unforeseen went wrong: {error}")

        self._worker = threading.Thread(target=safely, daemon=True, name="showcase")
        self._worker.start()

    def _open(self) -> None:
        self._progress = Progress("loading", "Reading the corpus")
        self.corpus = load_corpus(self.settings.data)
        self._progress = Progress("loading", "Loading the base model")
        self.base = self._index(self.settings.base_model, "Base")
        self.version += 1
        if self.settings.tuned_model:
            self._show_model(self.settings.tuned_model)
            return
        run = self._run_of_this_pair()
        if run and run.has_model and run.record()["status"] in USABLE:
            self._show_run(run)
        elif run and run.record()["status"] in ACTIVE:
            self._watch(run)
        elif self.settings.train == "off":
            self._progress = Progress("off", "There is no fine-tuned model", "Training is switched "
                                      "off here (TANDEM_TRAIN). Set TANDEM_TUNED_MODEL to a model.")
        elif run and run.record()["status"] in ("failed", "stopped"):
            self._progress = Progress("failed", f"The last fine-tune ended: {_error(run)}")
        else:
            self._train(run)

    def _index(self, model: str, side: str) -> Index:
        encoder = load_encoder(model)
        start = time.monotonic()

        def report(done: int, total: int) -> None:
            left = (time.monotonic() - start) / done * (total - done)
            self._progress = Progress(
                "loading", f"{side} is reading the corpus", f"{done:,} of {total:,} passages",
                share=done / total, left_s=left,
            )

        return build_index(encoder, self._require_corpus(), self.settings.cache, report)

    def _require_corpus(self) -> Corpus:
        if self.corpus is None:
            raise NotReadyError("The corpus could not be read.")
        return self.corpus

    def _run_of_this_pair(self) -> Run | None:
        """The newest run of this base on this corpus, one with a model first."""
        corpus, (base, _) = self._require_corpus(), split_revision(self.settings.base_model)
        runs = [
            run
            for run in list_runs(self.settings.runs)
            if run.record().get("fingerprints", {}).get("corpus") in (None, corpus.fingerprint)
            and run.record().get("base_model", {"name": base})["name"] in (base, placed(base))
        ]
        for run in runs:
            mark_interrupted(run)
        active = [run for run in runs if run.record()["status"] in ACTIVE]
        usable = [run for run in runs if run.record()["status"] in USABLE and run.has_model]
        return next(iter(active or usable or runs), None)

    def _train(self, run: Run | None = None) -> None:
        """Start or resume a run of this base on this corpus, and show it when it is done."""
        run = run or self._run_of_this_pair()
        resume = run is not None and run.record()["status"] == "interrupted"
        if run is None or not resume:
            recipe = first_start_recipe(
                self.settings.recipe, len(self._require_corpus().pairs("train")))
            base, revision = split_revision(self.settings.base_model)
            run = Request(self.settings.data, base, revision, recipe).create(self.settings.runs)
        self.engine.start(run)
        self._watch(run)

    def _watch(self, run: Run) -> None:
        self.run = run
        while True:
            mark_interrupted(run)
            record = run.record()
            if record["status"] not in ACTIVE:
                break
            if self._progress.text != "Stopping":
                self._progress = progress_of(record, run.events())
            time.sleep(WATCH_EVERY)
        if run.has_model and record["status"] in USABLE:
            self._show_run(run)
        else:
            self._progress = Progress("failed", f"The fine-tune ended: {_error(run)}")

    def _show_run(self, run: Run) -> None:
        self.run = run
        tuned = self._index(str(run.model), "Fine-tuned")
        evidence = Evidence.from_rows(run.per_query(), "test", len(tuned.ids))
        self._show(tuned, evidence, _described(run.record()))

    def _show_model(self, model: str) -> None:
        folder = Path(model)
        if (folder / "run.json").is_file():
            run = Run(folder)
            if not run.has_model:
                raise RunError(f"TANDEM_TUNED_MODEL: {model} is {run.record()['status']} and "
                               "holds no model.")
            if run.record().get("fingerprints", {}).get("corpus") == self._require_corpus(
            ).fingerprint and run.record()["base_model"]["name"] == self.settings.base_model:
                self._show_run(run)
                return
            model = str(run.model)
        tuned = self._index(model, "Fine-tuned")
        self._show(tuned, None, f"Fine-tuned model: {model}")
        self.evidence = self._measure(tuned)
        self.version += 1

    def _show(self, tuned: Index, evidence: Evidence | None, text: str) -> None:
        self.tuned, self.evidence = tuned, evidence
        self._truncated.clear()
        self.version += 1
        self._progress = Progress("ready", text)

    def _measure(self, tuned: Index) -> Evidence | None:
        corpus = self._require_corpus()
        if self.base is None or not corpus.qrels.get("test"):
            return None
        return Evidence("test", len(corpus.passages), judge(self.base, corpus, "test"),
                        judge(tuned, corpus, "test"))

    def _at(self, index: Index, dim: int | None) -> Index:
        if dim is None or dim == index.encoder.dim:
            return index
        key = (index.encoder.fingerprint, dim)
        if key not in self._truncated:
            if len(self._truncated) > 32:  # somebody tries every number
                self._truncated.clear()
            self._truncated[key] = index.truncated(dim)
        return self._truncated[key]


def _described(record: dict[str, Any]) -> str:
    recipe, pairs = record["recipe"], record["splits"]["train"]["pairs"]
    epochs = f"{recipe['epochs']} {'epoch' if recipe['epochs'] == 1 else 'epochs'}"
    stopped = "stopped early, " if record["status"] == "stopped" else ""
    return (f"Fine-tuned on {pairs:,} pairs, {epochs} of recipe {recipe['name']} ({stopped}"
            f"{_minutes(record['seconds'])})")


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


def _error(run: Run) -> str:
    record = run.record()
    return record.get("error") or f"it is {record['status']}."
