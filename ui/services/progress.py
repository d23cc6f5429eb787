"""Progress of the page, and durations in words.

Its progress towards its two models.
"""

import time
from dataclasses import dataclass
from typing import Any

from retrieval.metrics import PRIMARY
from train.run.events import latest, of_kind, since_load
from train.run.record import RunRecord


@dataclass(frozen=True)
class Progress:
    """Progress of the page towards its two models.

    kind: `loading`, `waiting`, `training`, `ready`, `failed`, `off`. share: of the whole, 0 to 1.
    curve: ndcg@10 on dev as (epoch, value), the base at epoch 0. version: changes whenever what
    Compare and Scoreboard show has changed.
    """

    kind: str
    text: str
    detail: str = ""
    share: float | None = None
    left_s: float | None = None
    curve: tuple[tuple[int, float], ...] = ()
    version: int = 0


def progress_of(record: RunRecord, events: list[dict[str, Any]]) -> Progress:
    """A run in words and figures, from its directory.

    Its record and events alone.
    """
    if record.status == "queued" or not events:
        return Progress("training", "Starting the fine-tune", share=0.0)
    phase = latest(events, "phase") or {"phase": "load"}
    curve = tuple(
        (event["epoch"], event["metrics"][PRIMARY]) for event in of_kind(events, "eval")
    )
    at = next((event for event in reversed(since_load(events)) if "share" in event), None)
    steps, left = record.steps, None
    if at and at["left_s"] is not None:
        left = max(0.0, at["left_s"] - (time.time() - at["time"]))
    text = {
        "load": "Fine-tuning: loading the model",
        "baseline": "Fine-tuning: measuring Base first",
        "train": "Fine-tuning",
        "evaluate": "Fine-tuning: measuring this epoch",
        "test": "Fine-tuning: measuring the result",
    }.get(str(phase.get("phase")), "Fine-tuning")
    detail = f"step {at['step'] if at else 0:,} of {steps:,}" if steps else ""
    return Progress("training", text, detail, at["share"] if at else 0.0, left, curve)


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
