"""What a run cost elsewhere: measured in a process of its own, so that the page stays quick."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from retrieval.metrics import PRIMARY
from train.board import WAYS
from train.plots import Bar, forest
from train.record import Run

from .child import NoAnswerError, answer_of

WITHIN = 1800
"""Seconds that measuring may take: two models encode some hundred passages."""


class ElsewhereError(ValueError):
    """What a run cost elsewhere cannot be measured: the message says why."""


@dataclass
class Elsewhere:
    """Measures one run at a time. command: what does it, printing one JSON object."""

    home: Path
    command: Callable[[Run], Sequence[str]] = lambda run: [
        sys.executable, "-m", "train", "retention", str(run.folder.resolve()), "--json"]
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def measure(self, run: Run) -> Mapping[str, Any]:
        """The retention of a run, from its record or measured now. ElsewhereError."""
        with self._lock:
            known: Mapping[str, Any] | None = run.record().get("retention")
            if known:  # somebody else has waited for it
                return known
            try:
                found = answer_of(self.command(run), self.home, os.environ, WITHIN)
            except subprocess.TimeoutExpired:
                raise ElsewhereError(f"Measuring took more than {WITHIN // 60} minutes and was "
                                     "ended.") from None
            except NoAnswerError as error:
                raise ElsewhereError(f"It could not be measured: {error}") from None
        if "error" in found:
            raise ElsewhereError(str(found["error"]))
        return found


def elsewhere(found: Mapping[str, Any] | None) -> str:
    """The verdict on other domains with its interval; what to do where it is not measured."""
    if not found:
        return (
            '<div class="t"><h3>Elsewhere</h3><p class="t-soft">What fine-tuning cost on questions '
            "of other domains is not measured yet.</p></div>"
        )
    names = (PRIMARY, "accuracy@1", "mrr@10", "map@100")
    gaps = found["difference"]
    bars = [Bar(name, gaps[name]["value"], gaps[name]["low"], gaps[name]["high"], _way(gaps[name]),
                name == PRIMARY) for name in names]
    said = (f"Base {found['base'][PRIMARY]:.3f}, Fine-tuned {found['tuned'][PRIMARY]:.3f} "
            f"{PRIMARY}, on {found['queries']:,} questions over {found['passages']:,} passages of "
            "a general collection that neither was trained on here. It leans towards the embedded "
            "base model (its card says why), so a loss may be overstated.")
    return (
        f'<div class="t t-board"><h3>Elsewhere</h3><p class="t-say" data-mood="{bars[0].way}">'
        f"{escape(str(found['verdict']))}</p>"
        f'<div class="t-charts">{forest("Differences on other domains", bars, said)}</div></div>'
    )


def _way(gap: Mapping[str, float]) -> str:
    if gap.get("p_holm", gap["p"]) >= 0.05:
        return ""
    return WAYS["better"] if gap["low"] > 0 else WAYS["worse"] if gap["high"] < 0 else ""
