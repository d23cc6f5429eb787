"""What the page shows.

The pair it opens with, and those of the runs that visitors choose. Everything slow about the
opening pair happens in one background thread; the page asks how far it is. What else somebody
chooses to see is in `chosen`.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from corpus.load import load_corpus
from corpus.records import Corpus
from corpus.split import leaked_queries
from hub.progress import Progress, drained
from retrieval.compare import Comparison
from retrieval.encoder import Encoder
from retrieval.evaluation import Evidence, evaluate
from retrieval.fast.load import ServedEncoder, load_served, texts_to_try
from retrieval.index import Index, build_index
from retrieval.models import split_revision
from train.engines.queue import Queue
from train.recipe import first_start_recipe
from train.run.files import sentence_of
from train.run.record import Run, RunError, list_runs
from train.run.spec import RunSpec, placed
from train.settings import Settings

from .load_run import DamagedModelError, is_on, is_opening_base, loaded_pair
from .model_pair import ModelPair
from .pair_cache import NotReadyError, PairCache
from .progress import OpeningState, progress_of
from .worker import Stage

log = logging.getLogger("tandem")

WATCH_EVERY = 0.5
"""Seconds between two looks at a run."""


@dataclass
class OpeningPair:
    """The pair of models that the page opens with.

    And those that visitors choose. Start it with `open`. restore: fetches the runs that are kept
    elsewhere, telling what it does, before it is decided whether to train.
    """

    settings: Settings
    queue: Queue
    restore: Callable[[Callable[[str], None]], object] | None = None
    corpus: Corpus | None = None
    pair: ModelPair | None = None
    run: Run | None = None
    version: int = 0
    damaged: set[str] = field(default_factory=set)
    _state: OpeningState = field(default_factory=lambda: OpeningState("loading", "Starting"))
    pairs: PairCache = field(init=False)
    _worker: threading.Thread | None = None

    def __post_init__(self) -> None:
        """Those that are chosen need the opening pair, once it is there."""
        self.pairs = PairCache(self.settings, self._opened_or_not, self._loaded)

    def open(self) -> None:
        """Load both sides, and train the second if missing.

        Returns at once.
        """
        self._work(self._open)

    @property
    def state(self) -> OpeningState:
        """How far things are, now."""
        return replace(self._state, version=self.version)

    @property
    def evidence(self) -> Evidence | None:
        """What is known of the opening pair."""
        return self.pair.evidence if self.pair else None

    @property
    def opening_run(self) -> str:
        """The run whose models the page opens with.

        Its id; empty where none made them.
        """
        return self.pair.run_id if self.pair else ""

    def pair_of(self, run_id: str = "") -> ModelPair:
        """The opening pair, or the pair of a run.

        That of a run is begun to be loaded. NotReadyError while it is not there, RunError or
        ModelError with a sentence.
        """
        if run_id and not self.is_opening(run_id):
            return self.pairs.pair(run_id, partial(self.pairs.begin_run, run_id))
        pair = self._opened_or_not()
        if pair is None:
            raise NotReadyError(
                "The base model is still being loaded: try again in a few seconds.")
        return pair

    def is_opening(self, run_id: str) -> bool:
        """Whether a run is the opening pair's, or none."""
        return not run_id or bool(self.pair and self.pair.run_id == run_id)

    def compare(
        self, query: object, k: object = 5, truncate_dim: object = None, lexical: bool = False,
        run_id: str = "",
    ) -> Comparison:
        """One question through both sides of a pair."""
        return self.pair_of(run_id).compare(query, k, truncate_dim, lexical)

    def _work(self, what: Callable[[], None]) -> None:
        def safely() -> None:
            try:
                what()
            except (ValueError, OSError) as error:
                said = sentence_of(error)
                log.warning("%s", said)
                self._state = OpeningState("failed", said)
            except Exception as error:
                # The page must never wait for a thread that is gone.
                log.exception("The page could not be made ready")
                self._state = OpeningState(
                    "failed", f"Something unforeseen went wrong: {type(error).__name__}")

        self._worker = threading.Thread(target=safely, daemon=True, name="showcase")
        self._worker.start()

    def _open(self) -> None:
        self._state = OpeningState("loading", "Reading the corpus")
        corpus = self.corpus = load_corpus(self.settings.data)
        self._state = OpeningState("loading", "Loading the base model")
        base = self._index(self._loaded(self.settings.base_model), corpus, "Base")
        self._show(ModelPair(corpus, base))
        self._add_tuned(corpus)
        self._learn()
        while self._state.kind == "failed" and not self.queue.is_closed:
            self._watch_for_another(corpus)
            self._learn()

    def _add_tuned(self, corpus: Corpus) -> None:
        """Show the fine-tuned side: the one there is, or the one that is trained now."""
        if self.settings.tuned_model:
            self._show_model(self.settings.tuned_model)
            return
        if self.restore is not None:
            self.restore(self._tell)
        run = self._run_of_this_pair(corpus)
        if run and run.has_model and run.record().is_usable:
            try:
                self._show_run(run)
            except DamagedModelError as error:  # the one before it, or another is trained
                log.warning("%s", error)
                self.damaged.add(run.id)
                self._add_tuned(corpus)
        elif run and run.record().is_active:
            self._watch(run)
        elif self.settings.train == "off":
            self._state = OpeningState(
                "off", "There is no fine-tuned model",
                "Training is switched off here (TANDEM_TRAIN). Set TANDEM_TUNED_MODEL to a model.")
        elif run and run.record().status in ("failed", "stopped"):
            self.run = run
            self._state = OpeningState("failed", f"The last fine-tune ended: {_error(run)}",
                                       "The Fine-tune tab has a new try.")
        else:
            self._train(run, corpus)

    def _tell(self, text: str) -> None:
        self._state = OpeningState("loading", text)

    def _loaded(self, model: str, *revision: str | None, **how: Any) -> ServedEncoder:
        """A model that answers questions: on ZeroGPU this process only seems to have a GPU."""
        if self.settings.zero_gpu:
            how["device"] = "cpu"
        return load_served(model, *revision, cache=self.settings.cache,
                           texts=texts_to_try(self.corpus) if self.corpus else (), **how)

    def _index(self, encoder: Encoder, corpus: Corpus, side: str) -> Index:
        start = time.monotonic()

        def tell(at: Progress) -> None:
            self._state = _reading(f"{side} is reading the corpus",
                                   at.after(time.monotonic() - start))

        return build_index(encoder, corpus, self.settings.cache, tell, sentences=True)

    def _run_of_this_pair(self, corpus: Corpus) -> Run | None:
        """The owner's newest run of this base on this corpus, one with a model first."""
        runs = [run for run in list_runs(self.settings.runs)
                if run.id not in self.damaged and self._is_of_this_pair(run, corpus)]
        for run in runs:
            self.queue.look_at(run)
        active = [run for run in runs if run.record().is_active]
        usable = [run for run in runs if run.record().is_usable and run.has_model]
        return next(iter(active or usable or runs), None)

    def _is_of_this_pair(self, run: Run, corpus: Corpus) -> bool:
        record = run.record()
        same_data = (
            is_on(record, corpus) if record.fingerprints.corpus
            else record.data.source in (None, placed(self.settings.data))
        )
        base = record.base_model
        same_base = not base.name or is_opening_base(base, self.settings)
        return same_data and same_base and record.owner is None

    def _train(self, run: Run | None, corpus: Corpus) -> None:
        """Start or resume a run of this pair, and show it when it is done."""
        if run is not None and run.record().status == "interrupted":
            self.queue.resume(run)
        else:
            recipe = first_start_recipe(self.settings.recipe, len(corpus.pairs("train")))
            run = self.queue.submit(RunSpec(
                self.settings.data, *split_revision(self.settings.base_model), recipe=recipe))
        self._watch(run)

    def _watch(self, run: Run) -> None:
        self.run = run
        self._state = progress_of(run.record(), run.events())
        self.version += 1  # the empty column says what becomes of it
        self._learn()  # meanwhile
        while (record := run.record()).is_active:
            self._state = progress_of(record, run.events())
            time.sleep(WATCH_EVERY)
        if run.has_model and record.is_usable:
            self._show_run(run)
            return
        self._state = OpeningState("failed", f"The fine-tune ended: {_error(run)}",
                                   "The Fine-tune tab can start it again.")
        self.version += 1

    def _watch_for_another(self, corpus: Corpus) -> None:
        """Show what comes of this pair yet: the run resumed, or a new one."""
        while not self.queue.is_closed:
            time.sleep(WATCH_EVERY)
            run = self._run_of_this_pair(corpus)
            if run is None:
                continue
            record = run.record()
            if record.is_active or (record.is_usable and run.has_model):
                self._watch(run)
                return

    def _show_run(self, run: Run) -> None:
        self.run = run
        def tell(stage: Stage) -> None:
            self._state = _reading(stage.text, stage.progress)

        self._show(drained(loaded_pair(run, self._opened(), self._loaded, self.settings), tell))

    def _show_model(self, model: str) -> None:
        folder, pair = Path(model), self._opened()
        if (folder / "run.json").is_file():
            run = Run(folder)
            if not run.has_model:
                raise RunError(f"TANDEM_TUNED_MODEL: {model} is {run.record().status} and "
                               "holds no model.")
            if self._is_of_this_pair(run, pair.corpus):
                self._show_run(run)
                return
            model = str(run.model)
        tuned = self._index(self._loaded(model), pair.corpus, "Fine-tuned")
        about = f"Fine-tuned model: {self.settings.tuned_model}"
        self._show(pair.with_tuned(tuned, None, about))
        if pair.corpus.qrels.get("test"):
            self._show(pair.with_tuned(tuned, _measured(pair, tuned), about))

    def _show(self, pair: ModelPair) -> None:
        self.pair = pair
        self.version += 1
        if pair.tuned is not None:
            self._state = OpeningState("ready", pair.about)

    def _learn(self) -> None:
        """Learn which questions the corpus answers; the page does without where that fails."""
        try:
            self._opened().learn_what_is_answered(self.settings.cache)
        except (ValueError, OSError) as error:
            log.warning("Weak matches are not told: %s", error)

    def _opened_or_not(self) -> ModelPair | None:
        """The opening pair, None while there is none; ValueError where none will come."""
        if self.pair is None and self._state.kind == "failed":
            raise ValueError(self._state.text)
        return self.pair

    def _opened(self) -> ModelPair:
        if self.pair is None:
            raise NotReadyError("The base model is not there yet.")
        return self.pair


def _reading(text: str, at: Progress) -> OpeningState:
    return OpeningState("loading", text, f"{at.done:,} of {at.total:,} passages", at)


def _measured(pair: ModelPair, tuned: Index) -> Evidence:
    return Evidence("test", len(pair.corpus.passages), evaluate(pair.base, pair.corpus, "test"),
                    evaluate(tuned, pair.corpus, "test"),
                    leaked=leaked_queries(pair.corpus, "test") or None)


def _error(run: Run) -> str:
    record = run.record()
    return record.error or f"it is {record.status}."
