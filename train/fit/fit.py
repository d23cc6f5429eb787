"""A training run from baseline to the test split."""

import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from corpus.records import Corpus, CorpusError
from corpus.split import untrainable
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.evaluation import Judged, means
from retrieval.index import Index
from retrieval.metrics import PRIMARY
from retrieval.models import AskedPrompts, load_encoder, probe
from retrieval.prompts import Side
from train.recipe import Recipe
from train.run.events import (
    DoneEvent,
    EvalEvent,
    Event,
    LogEvent,
    LossEvent,
    PausedEvent,
    PhaseEvent,
    StartedEvent,
    StepEvent,
)
from train.run.process import this_process
from train.run.record import Run, RunError

from .card_facts import facts, optimizer_facts
from .checkpoints import Checkpoints
from .distributed import Team, order_for
from .errors import is_out_of_memory
from .gradient import score_scale
from .loop import Loop
from .loss import loss_on
from .machine import device_name, memory_used, most_memory
from .model import TrainingError, check_fits
from .progress import Measure, Pace
from .result import (
    Spent,
    described,
    ending,
    make_model,
    prompted_best,
    write_beginning,
    write_result,
)
from .stopping import PauseRequestedError, Stop, StopRequestedError

MEMORY_EVERY = 5.0
"""Seconds between two looks at the memory."""
ENDINGS = ("finished", "patience", "stop", "time limit", "loss")
"""Why a run ended: `ended_by` in its record. A loss that is no number ended one by `loss`."""


def fit(
    recipe: Recipe,
    corpus: Corpus,
    run: Run,
    base: str,
    *,
    revision: str | None = None,
    prompts: AskedPrompts | None = None,
    seed: int = 42,
    cache: Path | None = None,
    resume: bool = False,
    stop: Stop | None = None,
    max_minutes: float | None = None,
    team: Team = Team(),  # noqa: B008 - frozen: a team of one
    goes_on: bool = False,
) -> Iterator[Event]:
    """Fine-tune a base model into a run directory.

    Yields events. The base model is measured first, then trained and measured on dev after each
    epoch; the checkpoint the recipe keeps is measured on test once, against the base, on the same
    queries. When `stop` is asked, `max_minutes` are over, or the loss is no number any more, the
    best checkpoint so far becomes the result. When `stop` says to pause, the state is kept, the
    last event is `paused` and the run stays `running`. In a team of processes this is the main one;
    the others `follow`. The Hub is asked with the token of this process' environment: an engine
    that fits for somebody else puts theirs there. prompts: instead of the base's own. goes_on:
    the run is not done with this: it stays `running` when the model is. Raises
    CorpusError, ModelError, RecipeError, TrainingError or OSError; the caller records them.
    """
    check_trainable(corpus)
    yield from _Fit(
        recipe, corpus, run, base, revision, prompts or {}, seed, cache, resume, stop or Stop(),
        max_minutes, team, goes_on,
    ).events()


def check_trainable(corpus: Corpus) -> None:
    """Refuse a corpus without pairs in one of its splits."""
    if why := untrainable(corpus):
        raise CorpusError(why)


@dataclass
class _Fit:
    recipe: Recipe
    corpus: Corpus
    run: Run
    base: str
    revision: str | None
    asked_prompts: AskedPrompts
    seed: int
    cache: Path | None
    resume: bool
    stop: Stop
    max_minutes: float | None
    team: Team
    goes_on: bool
    best: float = float("-inf")
    history: list[dict[str, Any]] = field(default_factory=list)
    spent: Spent = field(default_factory=Spent)
    prompts: dict[str, Any] = field(default_factory=dict)
    judged: dict[str, dict[str, Judged]] = field(default_factory=dict)
    stored: dict[str, str] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    scale: float = 1.0
    loop: Loop | None = None

    def __post_init__(self) -> None:
        self.kept = Checkpoints(self.run)
        self.pace = Pace(self.recipe, len(self.corpus.passages))
        self.measure = Measure(self.corpus, self.pace, self.stop, self._check_time)
        self.looked = time.monotonic() - MEMORY_EVERY

    def events(self) -> Iterator[Event]:
        """The whole run."""
        self.kept.open(self.resume)
        write_beginning(
            self.run, self.recipe, self.corpus, self.base, self.seed, self.resume)
        error: str | None = None
        try:
            base = yield from self._baseline()
            ended_by = yield from self._train(*base)
            self.stop.check_pause()  # what follows is not broken off
        except PauseRequestedError:
            yield self._paused()
            return
        except StopRequestedError as asked:
            ended_by = str(asked) or "stop"
            yield LogEvent(text="Stopping: the best checkpoint so far becomes the result."
                           if self.kept.has_best else "Stopping.")
        except TrainingError as diverged:
            if is_out_of_memory(diverged) or not (self.judged and self.kept.has_best):
                raise
            ended_by, error = "loss", f"{diverged} The best checkpoint before that is the result."
        if not self.judged or not self.kept.has_best:
            yield self._nothing_kept(ended_by)
            return
        yield PhaseEvent(phase="test")
        yield self._finish(ended_by, error)

    def _baseline(self) -> Generator[Event, None, Side]:
        """Load the base and measure it, with its prompts and without; the better way."""
        yield PhaseEvent(phase="load")
        record = self.run.record()
        with self.stop.interrupts():
            encoder = load_encoder(self.base, self.revision, prompts=self.asked_prompts)
            probe(encoder)
            check_fits(encoder.model, self.recipe)
            self.kept.check_room(encoder)
            encoder = encoder.at(self.recipe.truncate_dim).cut_at(self.recipe.max_seq_length)
            about = facts(self.corpus, encoder.model.tokenizer)
        self.stored = {name: text or "" for name, text in encoder.model.prompts.items()}
        self.scale, _ = score_scale(encoder.model, self.recipe)
        self.run.update(
            loss_scale=self.scale,
            base_model=described(record.base_model, encoder),
            data=record.data.changed(**about),
            device=device_name(encoder.model.device))
        yield PhaseEvent(phase="baseline")
        side, choice = yield from self.measure.base(encoder, self.cache)
        if choice:
            self.prompts["base"] = choice
            self.run.update(prompts=self.prompts)
        self.judged = self.measure.judged(side[0], "dev", "test")
        yield self._evaluated(0, 0, self.judged["dev"], side[0])
        return side

    def _train(self, base: Index, encoder: SentenceTransformerEncoder) -> Generator[
        Event, None, str
    ]:
        """Train to the end or until there is no gain; returns how it ended."""
        with self.stop.interrupts(self.team.size == 1):
            loop = self._loop(base, encoder)
        yield StartedEvent(step=loop.step, steps=loop.steps, resumed=loop.step > 0,
                           device=self.run.record().device)
        if loop.step:
            yield LogEvent(text=f"Resumed at step {loop.step} of {loop.steps}.")
        yield PhaseEvent(phase="train", **self._progress(loop))
        while True:
            if loop.epoch > self.history[-1]["epoch"]:  # or a pause came before it was measured
                yield from self._measure(loop, encoder)
            if loop.epoch >= self.recipe.epochs:
                return "finished"
            if self._without_gain():
                return "patience"
            yield from self._train_epoch(loop)

    def _measure(self, loop: Loop, encoder: SentenceTransformerEncoder) -> Iterator[Event]:
        """Measure on dev after an epoch, and keep what the recipe keeps."""
        yield PhaseEvent(phase="evaluate", **self._progress(loop, 0.0))
        index = yield from self.measure.index(
            encoder.in_training(), "evaluate", progress=partial(self._progress, loop))
        dev = self.measure.judged(index, "dev")["dev"]
        yield self._evaluated(loop.epoch, loop.step, dev, index)
        value = means(dev)[PRIMARY]
        if self.recipe.keep == "last" or value > self.best:
            self.best = value
            self.kept.keep_best(encoder, index.vectors)
        self._keep_state(loop)

    def _loop(self, base: Index, encoder: SentenceTransformerEncoder) -> Loop:
        """The loop, where the last state left it."""
        if not encoder.prompted:  # it is trained the way it was measured best
            encoder.model.prompts, encoder.model.default_prompt_name = {}, None
        state = self.kept.state if self.resume and self.kept.state.exists() else None
        order_for(encoder, self.recipe, self.corpus, self.seed, state).give(self.team)
        loop = Loop(encoder.model, self.recipe, self.corpus, self.seed, base, self.team)
        if state:
            kept = self._read(state, loop)
            self.best, self.history, self.losses = kept["best"], kept["history"], kept["losses"]
            self.spent.earlier, self.spent.earlier_cpu = kept["seconds"], kept["cpu_seconds"]
        self.loop = loop
        self.run.update(steps=loop.steps, precision=loop.precision,
                        processes=self.team.size, optimizer=optimizer_facts(loop.optimizer))
        return loop

    def _read(self, state: Path, loop: Loop) -> dict[str, Any]:
        try:
            return loop.load(state)
        except Exception as error:  # whatever reading half a file can raise
            if is_out_of_memory(error):
                raise
            state.unlink()
            raise RunError(
                "What was kept to resume from is damaged and cannot be read "
                f"({type(error).__name__}), perhaps because the machine went down while it was "
                "written. It was removed: resume once more to train from the beginning."
            ) from error

    def _train_epoch(self, loop: Loop) -> Iterator[Event]:
        if loop.step_in_epoch == 0:  # else it goes on where a state was kept, with its losses
            self.losses = []
        losses = self.losses
        every = max(1, loop.steps // 100)
        start, first = time.monotonic(), loop.step
        epoch = loop.train_epoch()
        while True:
            with self.stop.interrupts(self.team.size == 1):
                loss = next(epoch, None)
            if loss is None:
                return
            losses.append(loss)
            self.pace.step_seconds = (time.monotonic() - start) / (loop.step - first)
            if loop.step % every == 0:
                yield LossEvent(step=loop.step, loss=float(np.mean(losses[-every:])))
            if self.pace.due() or loop.step == first + 1:
                yield StepEvent(
                    **self._progress(loop), loss=loss, **self._memory(loop),
                    examples_per_second=self.recipe.batch_size / self.pace.step_seconds)
            if self.kept.due():
                self._keep_state(loop)
            self._check_time()

    def _progress(self, loop: Loop, encoded: float | None = None) -> dict[str, Any]:
        return self.pace.progress(loop.step, loop.steps, loop.epoch, encoded)

    def _memory(self, loop: Loop) -> dict[str, Any]:
        if time.monotonic() - self.looked < MEMORY_EVERY:
            return {}
        self.looked = time.monotonic()
        return memory_used(loop.model.device)

    def _keep_state(self, loop: Loop) -> None:
        self.kept.keep_state(loop, best=self.best, history=self.history, losses=self.losses,
                             seconds=self.spent.seconds, cpu_seconds=self.spent.cpu_seconds)

    def _without_gain(self) -> bool:
        """Whether so many evaluations in a row were no better than the best before them."""
        values = [at[PRIMARY] for at in self.history if at["epoch"]]
        if self.recipe.patience is None or not values:
            return False
        return len(values) - 1 - values.index(max(values)) >= self.recipe.patience

    def _check_time(self) -> None:
        if self.max_minutes is not None and self.spent.here > 60 * self.max_minutes:
            raise StopRequestedError("time limit")

    def _finish(self, ended_by: str, error: str | None) -> Event:
        """Measure the best checkpoint on test, and make it the run's result."""
        status = "done" if ended_by in ("finished", "patience") else "stopped"
        tuned = make_model(self.run, self.kept, self.corpus)
        if base := self.prompts.get("base"):
            # Somebody waits for a stopped run: then passages are not encoded once more.
            if status == "done" or not base["passage"]:
                tuned, self.prompts["tuned"] = prompted_best(
                    self.run, tuned, self.corpus, self.stored, base["used"])
        record = write_result(self.run, self.corpus, self.judged, tuned, self.cache, {
            "history": self.history, "prompts": self.prompts, "error": error,
            "speed": self.pace.speed(), "memory_bytes": most_memory(),
            **self._ending(status, ended_by),
            **({"status": "running", "process": this_process(), "finished": None}
               if self.goes_on and status == "done" else {})})
        if status == "done":
            self.kept.remove()
        test = record.metrics["test"]
        if record.status == "running":
            return LogEvent(text="The model is trained and measured; the folds follow.")
        return DoneEvent(status=status, ended_by=ended_by, ndcg={
            "base": test.base[PRIMARY], "tuned": test.tuned[PRIMARY]})

    def _paused(self) -> Event:
        """Keep the state; the run is still running, though nobody trains."""
        if self.loop is not None:
            self._keep_state(self.loop)
        return PausedEvent(step=self.loop.step if self.loop else 0, measured=len(self.history))

    def _nothing_kept(self, ended_by: str) -> Event:
        self.run.update(
            error="It was stopped before it went on: what was kept before is still there, and it "
            "can be resumed." if self.kept.has_best else
            "It was stopped before its first checkpoint, so there is no model to keep.",
            **self._ending("stopped", ended_by),
        )
        return DoneEvent(status="stopped", ended_by=ended_by)

    def _ending(self, status: str, ended_by: str) -> dict[str, Any]:
        steps = self.loop.step if self.loop else 0
        return ending(self.run, self.spent, status, ended_by, steps)

    def _evaluated(self, epoch: int, step: int, dev: dict[str, Judged], index: Index) -> Event:
        metrics = means(dev)
        with self.stop.interrupts():
            dev_loss = loss_on(index, self.corpus, "dev", self.recipe.batch_size, self.scale)
        at = {"epoch": epoch, "step": step, PRIMARY: metrics[PRIMARY], "dev_loss": dev_loss}
        loss = {"loss": float(np.mean(self.losses))} if self.losses else {}
        self.history.append({key: value for key, value in (at | loss).items() if value is not None})
        return EvalEvent(split="dev", epoch=epoch, step=step, metrics=metrics, loss=dev_loss)
