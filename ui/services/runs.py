"""Actions on runs, for page and programs: authorised, then done."""

import contextlib
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from corpus.check.power import ASSUMED_SD, POWER_FACTOR
from corpus.load import load_corpus
from corpus.records import Corpus
from retrieval.evaluation import Evidence
from retrieval.fast.load import forget_fast
from retrieval.metrics import PRIMARY
from retrieval.models import EMBEDDED_MODEL, split_revision
from train.engines import EngineError, Flavor
from train.engines.jobs import JobsEngine
from train.engines.jobs.pricing import estimated_cost, guessed_seconds
from train.engines.offers import Offer, automatic, offers
from train.engines.zerogpu import ZeroGpuEngine
from train.fit.fit import check_trainable
from train.folds.cost import offer
from train.folds.cut import check_folds
from train.recipe import RecipeError, named_recipe
from train.report.card_metadata import is_repo_id
from train.run.compare import RunRow, beside, table
from train.run.lock import holder
from train.run.record import Run, RunError, damaged_runs, known_run, list_runs
from train.run.schema import as_json
from train.run.spec import RunSpec
from ui.auth import RefusedError, Visitor

from .app import Services
from .estimate import ModelCheck
from .load_upload import is_own
from .model_pair import ModelPair
from .run_state import RunState, damaged_state, recorded_state, run_state
from .uploads import UploadError

MOST_WAITING = 3
"""Runs that one visitor may have queued or running at a time."""
MOST_ALIKE = 19
"""Other runs in one table: each takes a test of its own."""
MOST_CORPORA = 4


@dataclass(frozen=True)
class TrainForm:
    """A fine-tune as a form or program wants it.

    Nothing of it is checked yet.
    """

    data: str = ""
    recipe: str = "tandem"
    base: str = EMBEDDED_MODEL
    values: Mapping[str, str] = field(default_factory=dict)
    engine: str = "auto"
    flavor: str = ""
    seed: int = 42
    query_prompt: str | None = None
    passage_prompt: str | None = None
    folds: int = 0


@dataclass(frozen=True)
class RunService:
    """The acts, each for a visitor.

    Every refusal is a ValueError with a sentence.
    """

    services: Services
    models: ModelCheck | None = None
    _corpora: OrderedDict[str, Corpus] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def offers(self, visitor: Visitor) -> list[Offer]:
        """The engines as this visitor may choose them."""
        return offers(self.services.queue.engines,
                      lambda engine: self.services.auth.why_not(visitor, engine),
                      self.services.settings.engine)

    def corpus(self, source: str, seed: int = 42) -> Corpus:
        """The data of a run, read once."""
        opening = self.services.opening.corpus
        if opening is not None and source == self.services.settings.data:
            return opening
        key = f"{seed} {source}"
        with self._lock:
            if key not in self._corpora:
                self._corpora[key] = load_corpus(source, seed)
                if len(self._corpora) > MOST_CORPORA:
                    self._corpora.popitem(last=False)
            return self._corpora[key]

    def counts(self, request: RunSpec) -> dict[str, Any]:
        """What can be said of a run without measuring anything."""
        corpus, recipe = self.corpus(request.data, request.seed), request.recipe
        check_trainable(corpus)
        pairs = len(corpus.pairs("train"))
        return {"pairs": pairs, "passages": len(corpus.passages),
                "steps": recipe.epochs * math.ceil(pairs / recipe.batch_size)}

    def flavors(
        self, visitor: Visitor, engine: str
    ) -> tuple[list[tuple[str, str]], str | None]:
        """The machines of an engine as choices.

        And the usual one: the cheapest with a GPU. None where there is nothing to choose.
        EngineError when the Hub does not say.
        """
        found = self._flavors(visitor, engine)
        with_gpu = [flavor for flavor in found if flavor.gpus] or found
        return ([(_machine(flavor), flavor.name) for flavor in found],
                with_gpu[0].name if with_gpu else None)

    def _flavors(self, visitor: Visitor, name: str) -> list[Flavor]:
        engine = self.services.queue.engines.get(name)
        if not isinstance(engine, JobsEngine) or visitor.token is None:
            return []
        return engine.flavors(visitor.token)

    def quota_note(self, visitor: Visitor, engine: str) -> str:
        """A visitor's ZeroGPU quota in a sentence.

        Empty for other engines, and where the Hub does not say.
        """
        found = self.services.queue.engines.get(engine)
        quota = found.quota(visitor.token) if isinstance(found, ZeroGpuEngine) else None
        return quota.sentence if quota else ""

    def priced(
        self, visitor: Visitor, request: RunSpec, measured: Mapping[str, Any]
    ) -> tuple[Mapping[str, Any], str]:
        """An estimate of this machine, priced for another.

        Where the run goes, and its cost.
        """
        flavors = {flavor.name: flavor for flavor in self._flavors(visitor, request.engine)}
        flavor = flavors.get(request.flavor or "")
        if request.engine == "zerogpu" and "seconds" in measured:
            low, high = guessed_seconds((measured["seconds"]["low"], measured["seconds"]["high"]))
            return (dict(measured) | {"seconds": {"low": low, "high": high}},
                    "your ZeroGPU quota; the time is a guess from this machine’s speed")
        if flavor is None or flavor.usd_per_hour is None:
            return measured, ""
        if "seconds" not in measured:
            return measured, f"${flavor.usd_per_hour:.2f} an hour"
        seconds = measured["seconds"]
        low, high = guessed_seconds((seconds["low"], seconds["high"]))
        cost = estimated_cost((low, high), flavor) or (0.0, 0.0)
        return (dict(measured) | {"seconds": {"low": low, "high": high}},
                f"${cost[0]:.2f} to ${cost[1]:.2f}, a guess from this machine’s speed")

    def request(self, visitor: Visitor, asked: TrainForm) -> RunSpec:
        """A wish, checked.

        What the run will be asked to do.
        """
        recipe = named_recipe(asked.recipe or "tandem").with_values(
            {name: text for name, text in asked.values.items() if text.strip()})
        source = self.source(visitor, asked.data)
        if isinstance(asked.seed, bool) or not isinstance(asked.seed, int) \
                or not 0 <= asked.seed < 2**31:
            raise RecipeError(f"seed must be a whole number from 0 to 2147483647, not "
                              f"{asked.seed!r:.60}.")
        base, revision = self.base(visitor, asked.base.strip() or EMBEDDED_MODEL)
        engine = self._engine(visitor, asked.engine)
        return RunSpec(source, base, revision, recipe, asked.seed, visitor.key,
                       engine, asked.flavor or None,
                       data_name=self.services.uploads.title(asked.data),
                       query_prompt=asked.query_prompt, passage_prompt=asked.passage_prompt,
                       folds=self._folds(asked.folds, engine, source, asked.seed))

    def _folds(self, folds: int, engine: str, source: str, seed: int) -> int | None:
        """The folds that were asked for, if the data and the engine have them; None for none."""
        if not folds:
            return None
        if engine != "local":
            raise EngineError("A cross-validation runs on this machine only: choose it, or train "
                              "without.")
        return check_folds(folds, self.corpus(source, seed))

    def fold_offer(self, request: RunSpec, folds: int) -> str:
        """Why to cross-validate, where a test split shows little.

        Empty where it can. What the data check found of the spread is used, where there is one.
        """
        corpus = self.corpus(request.data, request.seed)
        report = self.services.uploads.report(request.data)
        test = len(corpus.qrels.get("test", {}))
        shown = report.get("detectable_difference")
        sd = ASSUMED_SD if not shown or not test else float(shown) * math.sqrt(test) / POWER_FACTOR
        try:
            check_folds(folds, corpus)
        except ValueError:  # there is nothing to offer
            return ""
        return offer(corpus, sd, folds)

    def base(self, visitor: Visitor, named: str) -> tuple[str, str | None]:
        """A base model as somebody named it, and its revision.

        Folders of this machine are for its owner alone: RefusedError.
        """
        base, revision = split_revision(named)
        known = split_revision(self.services.settings.base_model)
        is_folder = Path(base).exists() or not is_repo_id(base)
        if (base, revision) != known and is_folder and not visitor.is_owner:
            raise RefusedError(f"The base model must be a Hub id, owner/name, not {named!r:.80}.")
        return base, revision

    def _engine(self, visitor: Visitor, engine: str) -> str:
        """The engine that was named, if it is offered here, or the one that `auto` takes."""
        offered = self.offers(visitor)
        if engine not in ("", "auto"):
            if engine not in {offer.engine for offer in offered}:
                raise EngineError(f"There is no engine {engine!r:.40} here: take one of auto, "
                                  f"{', '.join(offer.engine for offer in offered)}.")
            return engine
        chosen, why = automatic(offered)
        if chosen is None:
            raise RefusedError(why)
        return chosen

    def start(self, visitor: Visitor, asked: TrainForm) -> Run:
        """Queue a new run."""
        request = self.request(visitor, asked)
        self.services.auth.check_start(visitor, request.engine)
        if not visitor.is_owner and visitor.key is None:
            raise RefusedError("Reload the page first: your browser has not been given a mark to "
                               "know your runs by.")
        mine = [run for run in list_runs(self.services.settings.runs)
                if run.record().is_active and run.record().owner == visitor.key]
        if not visitor.is_owner and len(mine) >= MOST_WAITING:
            raise RefusedError(f"You have {len(mine)} runs waiting or running already: wait until "
                               "one is done, or stop one.")
        engine = self.services.queue.engines.get(request.engine)
        if isinstance(engine, JobsEngine):  # nothing is queued that the Hub will refuse
            engine.check(visitor.token, request.flavor)
        pairs = self.counts(request)["pairs"]
        most = self.services.settings.max_pairs
        if most is not None and pairs > most:
            raise RefusedError(f"There are {pairs:,} training pairs; at most {most:,} are trained "
                               "on here (TANDEM_MAX_PAIRS).")
        models = self.models or ModelCheck(self.services.settings.home,
                                           max_model=self.services.settings.max_model)
        models.check(request, visitor.token)
        return self.services.queue.submit(request, visitor.token)

    def run(self, visitor: Visitor, run_id: str) -> Run:
        """A run by its id, if this visitor sees it."""
        run = known_run(self.services.settings.runs, run_id)
        if not self.sees(visitor, run):
            raise RunError(f"There is no run {run_id!r:.80}: it may have been deleted.")
        return run

    def sees(self, visitor: Visitor, run: Run) -> bool:
        """Whether a run may be shown.

        Runs on data that a visitor brought are that visitor's.
        """
        source = run.record().data.source or ""
        return visitor.owns(run) or not self.services.uploads.is_upload(source)

    def source(self, visitor: Visitor, data: str) -> str:
        """Where named data is, if this visitor uses it.

        UploadError if they may not.
        """
        return self.services.uploads.source(data, visitor)

    def pair(self, visitor: Visitor, shown: str, wait: float = 0.0) -> ModelPair:
        """The pair of a run or data for this visitor.

        Of neither, the opening pair. Begins to make it ready where it is not, and waits so many
        seconds for it. NotReadyError, or another ValueError with a sentence.
        """
        opening, begin = self.services.opening, self.seen(visitor, shown)
        if opening.is_opening(shown):
            return opening.pair_of()
        return opening.pairs.pair(shown, begin, wait)

    def seen(self, visitor: Visitor, shown: str) -> Callable[[], None]:
        """What makes a selection ready that this visitor may see.

        ValueError if they may not.
        """
        chosen = self.services.opening.pairs
        if not is_own(shown):
            if shown:
                self.run(visitor, shown)
            return partial(chosen.begin_run, shown)
        try:
            source = self.source(visitor, shown)
        except UploadError:
            chosen.sweep()  # its time may be over
            raise
        title = self.services.uploads.title(shown) or shown
        return partial(chosen.begin_data, shown, source, title, visitor.key)

    def runs(self, visitor: Visitor) -> list[Run]:
        """The runs this visitor may see, the newest first."""
        seen: list[Run] = []
        for run in list_runs(self.services.settings.runs):
            with contextlib.suppress(RunError):  # deleted just now
                seen += [run] if self.sees(visitor, run) else []
        return seen

    def listed(self, visitor: Visitor) -> list[RunState]:
        """The records of runs this visitor sees, newest first."""
        states: list[RunState] = []
        for run in self.runs(visitor):
            with contextlib.suppress(RunError):
                states.append(recorded_state(run))
        if visitor.is_owner:  # nobody knows whose a damaged one is
            damaged = damaged_runs(self.services.settings.runs)
            states += [damaged_state(run, said) for run, said in damaged]
        return sorted(states, key=lambda state: state.id, reverse=True)

    def newest(self, visitor: Visitor) -> Run | None:
        """The run for somebody who has chosen none.

        An active one, their own before another's.
        """
        runs = self.runs(visitor)
        active = [run for run in runs if run.record().is_active]
        own = [run for run in active if run.record().owner == visitor.key]
        return next(iter(own or active or runs), None)

    def state(self, run: Run) -> RunState:
        """What there is to see of a run now."""
        queued = run.record().status == "queued"
        return run_state(run, self.services.queue.place(run) if queued else 0)

    def stop(self, visitor: Visitor, run_id: str) -> Run:
        """Stop a run.

        Its best checkpoint so far becomes the result.
        """
        run = self.own(visitor, run_id)
        self.services.queue.stop(run, visitor.token)
        return run

    def resume(self, visitor: Visitor, run_id: str) -> Run:
        """Queue a run again that ended early."""
        run = self.own(visitor, run_id)
        self.services.auth.check_start(visitor, run.record().engine_name)
        return self.services.queue.resume(run, visitor.token)

    def delete(self, visitor: Visitor, run_id: str) -> None:
        """Remove a run and everything in it."""
        run = self._damaged(visitor, run_id)
        if run is not None:
            if holder(run) is not None:
                raise RunError(f"A process is at work in {run.id}: stop it first, then delete it.")
            run.delete()
            return
        run = self.own(visitor, run_id)
        if self.services.opening.opening_run == run.id:
            raise RefusedError(f"{run.id} is what Compare opens with: it is kept until the next "
                               "start.")
        weights = run.record().fingerprints.tuned
        self.services.queue.delete(run)
        self.services.opening.pairs.forget(run.id)
        forget_fast(self.services.settings.cache, weights)

    def _damaged(self, visitor: Visitor, run_id: str) -> Run | None:
        """A run whose record cannot be read, for the owner of this Tandem alone."""
        found = damaged_runs(self.services.settings.runs) if visitor.is_owner else []
        return next((run for run, _ in found if run.id == run_id), None)

    def beside(self, visitor: Visitor, left: str, right: str) -> Evidence:
        """Two runs on the same test questions.

        The left one stands as base, the right as tuned. ValueError when they were not measured on
        the same questions.
        """
        return beside(self.run(visitor, left), self.run(visitor, right))

    def alike(self, visitor: Visitor, run_id: str) -> list[RunRow]:
        """A run in a table with its like.

        The others that were measured on the same test questions.
        """
        first, others = self.run(visitor, run_id), []
        for run in self.runs(visitor):
            with contextlib.suppress(ValueError):  # measured on something else, or not at all
                if run.id != first.id and beside(first, run):
                    others.append(run)
        return table([first, *others[:MOST_ALIKE]])

    def status(self, visitor: Visitor, run_id: str) -> dict[str, Any]:
        """A run in figures, for programs.

        Its record, how far it is, and its curves.
        """
        run = self.run(visitor, run_id) if run_id else self.newest(visitor)
        if run is None:
            return {"run": None, "status": None}
        state, record = self.state(run), run.record()
        return {
            "run": run.id, "status": state.status, "place": state.place, "phase": state.phase,
            "step": state.step, "steps": state.steps, "share": state.share,
            "left_s": state.left_s, "loss": [list(point) for point in state.loss],
            f"dev_{PRIMARY}": [list(point) for point in state.dev],
            "seconds": state.seconds, "error": state.error or None,
            "metrics": as_json(record.metrics) or None,
            "published": [named_files(entry) for entry in as_json(record.published)],
        }

    def own(self, visitor: Visitor, run_id: str) -> Run:
        """A run by its id, if this visitor owns it."""
        run = self.run(visitor, run_id)
        self.services.auth.check_owns(visitor, run)
        return run


def named_files(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A publication for programs: a file's path is its `name`.

    gradio_client takes whatever has a `path` for a file to fetch.
    """
    return dict(entry) | {"files": [
        {"name": file["path"]} | {key: value for key, value in file.items() if key != "path"}
        for file in entry.get("files") or ()]}


def _machine(flavor: Flavor) -> str:
    """A machine of an engine, with its price, for a list to choose from."""
    parts = [flavor.title or flavor.name]
    if flavor.usd_per_hour is not None:
        parts.append(f"${flavor.usd_per_hour:.2f} an hour")
    return " – ".join(parts)
