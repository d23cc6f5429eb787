"""What the page shows: the pair it opens with, and those of the runs that visitors choose.

Everything slow about the opening pair happens in one background thread; the page asks how far it
is. The pair of another run is loaded when somebody chooses it, for them alone.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from corpus.read import load_corpus
from corpus.records import Corpus
from retrieval.compare import Comparison
from retrieval.encoder import (
    Encoder,
    SentenceTransformerEncoder,
    load_encoder,
    split_revision,
)
from retrieval.evidence import Evidence, judge
from retrieval.index import Index, build_index
from train.queue import Queue
from train.recipe import first_start_recipe
from train.record import ACTIVE, USABLE, Run, RunError, known_run, list_runs
from train.request import Request, placed
from train.settings import Settings

from .markup import duration
from .pair import Pair
from .progress import Progress, progress_of
from .run_state import prompts_said

log = logging.getLogger("tandem")

WATCH_EVERY = 0.5
"""Seconds between two looks at a run."""
MOST_PAIRS = 3
"""Pairs of chosen runs kept in memory: each holds two models."""


class NotReadyError(ValueError):
    """What was asked for is not there yet: the message says what is being waited for."""


@dataclass
class Showcase:
    """The pair the page opens with, and those that visitors choose. Start it with `open`."""

    settings: Settings
    queue: Queue
    corpus: Corpus | None = None
    pair: Pair | None = None
    run: Run | None = None
    version: int = 0
    _progress: Progress = field(default_factory=lambda: Progress("loading", "Starting"))
    _chosen: OrderedDict[str, Pair] = field(default_factory=OrderedDict)
    _choosing: threading.Lock = field(default_factory=threading.Lock)
    _worker: threading.Thread | None = None

    def open(self) -> None:
        """Load the sides, and train the second one if nobody has; returns at once."""
        self._work(self._open)

    @property
    def progress(self) -> Progress:
        """How far things are, now."""
        return replace(self._progress, version=self.version)

    @property
    def evidence(self) -> Evidence | None:
        """What is known of the opening pair."""
        return self.pair.evidence if self.pair else None

    @property
    def opening_run(self) -> str:
        """The id of the run whose pair the page opens with; empty where none made it."""
        return self.pair.run_id if self.pair else ""

    def pair_of(self, run_id: str = "") -> Pair:
        """The opening pair, or the pair of a finished run.

        Takes seconds where a run is chosen for the first time. NotReadyError, RunError or
        ModelError with a sentence.
        """
        if not run_id or (self.pair and run_id == self.pair.run_id):
            if self.pair is None:
                if self._progress.kind == "failed":
                    raise ValueError(self._progress.text)
                raise NotReadyError(
                    "The base model is still being loaded: try again in a few seconds.")
            return self.pair
        with self._choosing:
            if run_id not in self._chosen:
                self._chosen[run_id] = self._load(known_run(self.settings.runs, run_id))
                while len(self._chosen) > MOST_PAIRS:
                    self._chosen.popitem(last=False)
            self._chosen.move_to_end(run_id)
            return self._chosen[run_id]

    def is_loaded(self, run_id: str) -> bool:
        """Whether the pair of a run can be had without waiting."""
        return not run_id or run_id in self._chosen or bool(
            self.pair and self.pair.run_id == run_id)

    def forget(self, run_id: str) -> None:
        """Let go of the pair of a run that is deleted."""
        self._chosen.pop(run_id, None)

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
        corpus = self.corpus = load_corpus(self.settings.data)
        self._progress = Progress("loading", "Loading the base model")
        base = self._index(self._loaded(self.settings.base_model), corpus, "Base")
        self._show(Pair(corpus, base))
        if self.settings.tuned_model:
            self._show_model(self.settings.tuned_model)
            return
        run = self._run_of_this_pair(corpus)
        if run and run.has_model and run.record()["status"] in USABLE:
            self._show_run(run)
        elif run and run.record()["status"] in ACTIVE:
            self._watch(run)
        elif self.settings.train == "off":
            self._progress = Progress("off", "There is no fine-tuned model", "Training is switched "
                                      "off here (TANDEM_TRAIN). Set TANDEM_TUNED_MODEL to a model.")
        elif run and run.record()["status"] in ("failed", "stopped"):
            self.run = run
            self._progress = Progress("failed", f"The last fine-tune ended: {_error(run)}",
                                      "The Fine-tune tab has a new try.")
        else:
            self._train(run, corpus)

    def _loaded(self, model: str, *revision: str | None, **how: Any) -> SentenceTransformerEncoder:
        """A model that answers questions: on ZeroGPU this process only seems to have a GPU."""
        if self.settings.zero_gpu:
            how["device"] = "cpu"
        return load_encoder(model, *revision, **how)

    def _index(self, encoder: Encoder, corpus: Corpus, side: str) -> Index:
        start = time.monotonic()

        def report(done: int, total: int) -> None:
            left = (time.monotonic() - start) / done * (total - done)
            self._progress = Progress(
                "loading", f"{side} is reading the corpus", f"{done:,} of {total:,} passages",
                share=done / total, left_s=left,
            )

        return build_index(encoder, corpus, self.settings.cache, report)

    def _run_of_this_pair(self, corpus: Corpus) -> Run | None:
        """The owner's newest run of this base on this corpus, one with a model first."""
        runs = [run for run in list_runs(self.settings.runs) if self._is_of_this_pair(run, corpus)]
        for run in runs:
            self.queue.look_at(run)
        active = [run for run in runs if run.record()["status"] in ACTIVE]
        usable = [run for run in runs if run.record()["status"] in USABLE and run.has_model]
        return next(iter(active or usable or runs), None)

    def _is_of_this_pair(self, run: Run, corpus: Corpus) -> bool:
        record = run.record()
        same_data = (
            _is_on(record, corpus) if record.get("fingerprints", {}).get("corpus")
            else record.get("data", {}).get("source") in (None, placed(self.settings.data))
        )
        known = record.get("base_model")
        same_base = known is None or self._is_opening_base(known)
        return same_data and same_base and record.get("owner") is None

    def _is_opening_base(self, known: Mapping[str, Any]) -> bool:
        """Whether the base model of a record is the one the page opens with."""
        name, revision = split_revision(self.settings.base_model)
        return known["name"] == placed(name) and revision in (None, known.get("revision"))

    def _train(self, run: Run | None, corpus: Corpus) -> None:
        """Start or resume a run of this pair, and show it when it is done."""
        if run is not None and run.record()["status"] == "interrupted":
            self.queue.resume(run)
        else:
            recipe = first_start_recipe(self.settings.recipe, len(corpus.pairs("train")))
            run = self.queue.submit(Request(
                self.settings.data, *split_revision(self.settings.base_model), recipe=recipe))
        self._watch(run)

    def _watch(self, run: Run) -> None:
        self.run = run
        while (record := run.record())["status"] in ACTIVE:
            self._progress = progress_of(record, run.events())
            time.sleep(WATCH_EVERY)
        if run.has_model and record["status"] in USABLE:
            self._show_run(run)
        else:
            self._progress = Progress("failed", f"The fine-tune ended: {_error(run)}",
                                      "The Fine-tune tab can start it again.")

    def _show_run(self, run: Run) -> None:
        self.run = run
        self._show(self._load(run))

    def _show_model(self, model: str) -> None:
        folder, pair = Path(model), self._opened()
        if (folder / "run.json").is_file():
            run = Run(folder)
            if not run.has_model:
                raise RunError(f"TANDEM_TUNED_MODEL: {model} is {run.record()['status']} and "
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

    def _show(self, pair: Pair) -> None:
        self.pair = pair
        self.version += 1
        if pair.tuned is not None:
            self._progress = Progress("ready", pair.about)

    def _opened(self) -> Pair:
        if self.pair is None:
            raise NotReadyError("The base model is not there yet.")
        return self.pair

    def _load(self, run: Run) -> Pair:
        """The pair of a run: from what is in memory where it is the same, else from disk."""
        record = run.record()
        if not run.has_model or record["status"] not in USABLE:
            raise RunError(f"{run.id} is {record['status']} and has no model to show.")
        pair, tuned = self._opened(), self._loaded(str(run.model))
        corpus, base = pair.corpus, pair.base
        if not _is_on(record, corpus):
            corpus = load_corpus(record["data"]["source"], record["seed"])
            if not _is_on(record, corpus):
                raise RunError(f"The data of {run.id} has changed since: it cannot be compared on.")
        if how := self._another_base(record):
            base = build_index(how, corpus, self.settings.cache)
        elif corpus is not pair.corpus:
            base = build_index(base.encoder, corpus, self.settings.cache)
        if base.encoder.dim != tuned.dim:
            base = base.truncated(tuned.dim)
        same = corpus is pair.corpus and base is pair.base
        of_base = pair if same else Pair(corpus, base)
        return _of_run(of_base, build_index(tuned, corpus, self.settings.cache), run)


    def _another_base(self, record: Mapping[str, Any]) -> Encoder | None:
        """The base of a run as it was measured there; None where it is the opening one, as it is.

        A visitor's run may name any model: it is asked for in nobody's name.
        """
        base, tokens = record["base_model"], record["recipe"].get("max_seq_length")
        prompted = (record.get("prompts") or {}).get("base", {}).get("used", True)
        if self._is_opening_base(base) and tokens is None and prompted:
            return None
        encoder = self._loaded(base["name"], base.get("revision"),
                               token=None if record.get("owner") is None else False)
        return encoder.cut_at(tokens).with_prompts(prompted)


def _of_run(pair: Pair, tuned: Index, run: Run) -> Pair:
    evidence = Evidence.from_rows(run.per_query(), "test", len(tuned.ids))
    return pair.with_tuned(tuned, evidence, described(run.record()), run.id)


def _is_on(record: dict[str, Any], corpus: Corpus) -> bool:
    """Whether a run learned from these passages, and was measured on these test questions."""
    known = record["fingerprints"]
    measured = (known.get("splits") or {}).get("test")
    return bool(known["corpus"] == corpus.fingerprint
                and measured in (None, corpus.split_fingerprints.get("test")))


def _measured(pair: Pair, tuned: Index) -> Evidence:
    return Evidence("test", len(pair.corpus.passages), judge(pair.base, pair.corpus, "test"),
                    judge(tuned, pair.corpus, "test"))


def described(record: dict[str, Any]) -> str:
    """What made a fine-tuned model, in a line."""
    recipe, pairs = record["recipe"], record["splits"]["train"]["pairs"]
    epochs = f"{recipe['epochs']} {'epoch' if recipe['epochs'] == 1 else 'epochs'}"
    said = prompts_said(record)
    stopped = "stopped early, " if record["status"] == "stopped" else ""
    return (f"Fine-tuned on {pairs:,} pairs, {epochs} of recipe {recipe['name']} ({stopped}"
            f"{duration(record['seconds'])}){f'. Prompts: {said}' if said else ''}")


def _error(run: Run) -> str:
    record = run.record()
    return record.get("error") or f"it is {record['status']}."
