"""A run as the page shows it.

From its record and its events, and nothing else.
"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retrieval.metrics import PRIMARY
from train.run.events import (
    ErrorEvent,
    EvalEvent,
    Event,
    LogEvent,
    LossEvent,
    PhaseEvent,
    StepEvent,
    latest,
    latest_pace,
    of_kind,
    since_load,
)
from train.run.record import ACTIVE, USABLE, Run, RunRecord

PHASES = {
    "install": "installing libraries",
    "load": "loading the model",
    "baseline": "measuring Base first",
    "mine": "looking for hard negatives",
    "train": "training",
    "evaluate": "measuring on questions kept out of training",
    "test": "measuring the result on test",
    "folds": "cross-validating: other models are tested on all questions",
    "upload": "sending the data",
    "download": "fetching the result",
}
MOST_LOG = 8
"""Lines of the log that are shown."""
LOST_AFTER = 120.0
"""Seconds without a word from a running run before the page says so."""


@dataclass(frozen=True)
class RunState:
    """What there is to see of a run now.

    loss: (step, training loss). dev: (epoch, ndcg@10), the base at epoch 0. share: of the whole, 0
    to 1. place: how many runs go before it while it waits. silent_s: seconds since its last word.
    """

    id: str
    status: str
    data: str
    base: str
    recipe: str
    engine: str
    owner: str | None
    created: str
    place: int = 0
    phase: str = ""
    step: int = 0
    steps: int = 0
    epochs: int = 0
    share: float | None = None
    left_s: float | None = None
    silent_s: float = 0.0
    loss: tuple[tuple[float, float], ...] = ()
    dev: tuple[tuple[float, float], ...] = ()
    examples_per_second: float | None = None
    memory: float | None = None
    device: str = ""
    seconds: float | None = None
    error: str = ""
    note: str = ""
    flavor: str = ""
    log: tuple[str, ...] = ()
    verdict: str = ""
    mood: str = ""
    test: tuple[float, float] | None = None
    prompts: str = ""
    has_model: bool = False

    @property
    def active(self) -> bool:
        """Whether it waits or runs."""
        return self.status in ACTIVE

    @property
    def usable(self) -> bool:
        """Whether a run has a model to show and publish."""
        return self.has_model and self.status in USABLE


def run_state(run: Run, place: int = 0) -> RunState:
    """Read a run.

    RunError when it is gone or cannot be read.
    """
    return _with_events(recorded_state(run, place), run.events())


def damaged_state(run: Run, said: str) -> RunState:
    """A run whose record cannot be read. said: why."""
    return RunState(run.id, "damaged", "", "", "", "", None, "", error=said)


def recorded_state(run: Run, place: int = 0) -> RunState:
    """What the record alone says.

    Enough for a list, which must not read the events of all runs.
    """
    record = run.record()
    return RunState(
        id=run.id,
        status=record.status,
        data=record.data.name,
        base=record.base_model.name,
        recipe=record.recipe_name,
        engine=record.engine_name,
        owner=record.owner,
        created=record.created,
        place=place,
        steps=record.steps,
        epochs=record.epochs,
        device=record.device,
        seconds=record.seconds,
        error=record.error or "",
        note=record.note or "",
        flavor=(record.engine and record.engine.flavor) or "",
        has_model=run.has_model,
        prompts=prompts_said(record),
        **_outcome(record),
    )


def _with_events(state: RunState, events: Sequence[Event]) -> RunState:
    if not events:
        return state
    now = since_load(events)
    at, step = latest_pace(now), latest(now, StepEvent)
    phase, left = latest(events, PhaseEvent), at.left_s if at else None
    since = max(0.0, time.time() - events[-1].time)
    return replace(
        state,
        phase=PHASES.get(phase.phase, phase.phase) if phase else "",
        step=at.step if at else 0,
        share=at.share if at else None,
        left_s=None if left is None else max(0.0, left - since),
        silent_s=since,
        loss=_points((event.step, event.loss) for event in of_kind(events, LossEvent)),
        dev=_points((event.epoch, event.metrics[PRIMARY]) for event in of_kind(events, EvalEvent)
                    if PRIMARY in event.metrics),
        examples_per_second=step.examples_per_second if step else None,
        memory=next((event.memory for event in reversed(events)
                     if isinstance(event, StepEvent) and event.memory), None),
        log=tuple(event.text[:500] for event in events
                  if isinstance(event, LogEvent | ErrorEvent))[-MOST_LOG:],
    )


def _points(found: Iterable[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """Points by x; of two with the same x the later one (a resumed run)."""
    return tuple(sorted((x, y) for x, y in dict(found).items()
                        if math.isfinite(x) and math.isfinite(y)))


def prompts_said(record: RunRecord) -> str:
    """With or without its prompts.

    How each side did better on dev, and was measured.
    """
    sides = {"Base": "base", "Fine-tuned": "tuned"}
    return ", ".join(
        f"{name} {'with' if record.prompts[side].used else 'without'}"
        for name, side in sides.items() if side in record.prompts
    )


def _outcome(record: RunRecord) -> dict[str, Any]:
    """What the test split said, once it was measured."""
    test = record.test
    if test is None:
        return {}
    clear = not test.verdict.startswith("No clear")
    return {
        "verdict": test.verdict,
        "mood": ("up" if test.difference[PRIMARY].value > 0 else "down") if clear else "",
        "test": (test.base[PRIMARY], test.tuned[PRIMARY]),
    }

