"""State of the opening pair, and durations in words."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from hub.progress import Progress
from retrieval.metrics import PRIMARY
from train.run.events import EvalEvent, Event, PhaseEvent, latest, latest_pace, of_kind, since_load
from train.run.record import RunRecord

SHARES = 1000
"""Parts of a run that its share is counted in: events round it to as many."""


@dataclass(frozen=True)
class OpeningState:
    """How far the page's two models are.

    kind: `loading`, `waiting`, `training`, `ready`, `failed`, `off`. curve: ndcg@10 on dev as
    (epoch, value), the base at epoch 0. version: changes whenever what Compare and Scoreboard show
    has changed.
    """

    kind: str
    text: str
    detail: str = ""
    progress: Progress = Progress()
    curve: tuple[tuple[int, float], ...] = ()
    version: int = 0


def progress_of(record: RunRecord, events: Sequence[Event]) -> OpeningState:
    """A run in words and figures, from its directory.

    Its record and events alone.
    """
    if record.status == "queued" or not events:
        return OpeningState("training", "Starting the fine-tune", progress=Progress(0, SHARES))
    phase = latest(events, PhaseEvent)
    curve = tuple((event.epoch, event.metrics[PRIMARY]) for event in of_kind(events, EvalEvent)
                  if PRIMARY in event.metrics)
    at = latest_pace(since_load(events))
    steps, left = record.steps, None
    if at and at.left_s is not None:
        left = max(0.0, at.left_s - (time.time() - at.time))
    text = {
        "load": "Fine-tuning: loading the model",
        "baseline": "Fine-tuning: measuring Base first",
        "train": "Fine-tuning",
        "evaluate": "Fine-tuning: measuring this epoch",
        "test": "Fine-tuning: measuring the result",
    }.get(phase.phase if phase else "load", "Fine-tuning")
    detail = f"step {at.step if at else 0:,} of {steps:,}" if steps else ""
    of_run = Progress(round(SHARES * (at.share or 0)) if at else 0, SHARES, left_s=left)
    return OpeningState("training", text, detail, of_run, curve)


def time_left(seconds: float) -> str:
    """The time left, no more exactly than known."""
    if seconds < 5:
        return "a few seconds left"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s left"
    return f"about {seconds / 60:.0f} min left"


def duration(seconds: float) -> str:
    """A duration, as short as it can be said."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
