"""A run as the page shows it.

From its record and its events, and nothing else.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retrieval.metrics import PRIMARY
from train.run.events import latest, of_kind, since_load
from train.run.record import ACTIVE, USABLE, Run, RunRecord

Event = Mapping[str, Any]

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
    now = since_load(list(events))
    at = next((event for event in reversed(now) if "share" in event), {})
    step = latest(now, "step") or {}
    phase = latest(events, "phase") or {}
    left = at.get("left_s")
    since = max(0.0, time.time() - _number(events[-1].get("time")))
    return replace(
        state,
        phase=PHASES.get(str(phase.get("phase")), str(phase.get("phase", ""))),
        step=int(_number(at.get("step"))),
        share=at.get("share"),
        left_s=None if left is None else max(0.0, _number(left) - since),
        silent_s=since,
        loss=_points(events, "loss", "step", lambda event: event.get("loss")),
        dev=_points(events, "eval", "epoch",
                    lambda event: (event.get("metrics") or {}).get(PRIMARY)),
        examples_per_second=step.get("examples_per_second"),
        memory=next((event["memory"] for event in reversed(events) if event.get("memory")), None),
        log=tuple(str(event.get("text", ""))[:500] for event in events
                  if event.get("type") in ("log", "error"))[-MOST_LOG:],
    )


def _points(
    events: Sequence[Event], kind: str, x_name: str, y: Any
) -> tuple[tuple[float, float], ...]:
    """What events of a kind say, by x; of two with the same x the later one (a resumed run)."""
    found = {
        _number(event.get(x_name)): _number(y(event))
        for event in of_kind(events, kind)
        if y(event) is not None
    }
    return tuple(sorted((x, value) for x, value in found.items()
                        if math.isfinite(x) and math.isfinite(value)))


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


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
