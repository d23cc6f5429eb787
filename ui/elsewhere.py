"""What a run cost elsewhere: measured in a process of its own, so that the page stays quick."""

import contextlib
import json
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
from train.engines.local import spare_cores
from train.plots import Bar, forest
from train.record import Run

HOUSE = Path(__file__).resolve().parents[1]
WITHIN = 1800
"""Seconds that measuring may take: two models encode some hundred passages."""
NICENESS = 10


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
            child = subprocess.Popen(
                self.command(run), cwd=HOUSE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL, text=True,
                env=os.environ | {"TANDEM_HOME": str(self.home.resolve()),
                                  "OMP_NUM_THREADS": str(spare_cores()),
                                  "TOKENIZERS_PARALLELISM": "false"},
            )
            with contextlib.suppress(OSError, AttributeError):  # where there are no priorities
                os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
            try:
                out, said = child.communicate(timeout=WITHIN)
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()
                raise ElsewhereError(f"Measuring took more than {WITHIN // 60} minutes and was "
                                     "ended.") from None
        return _answer(out, said)


def _answer(out: str, said: str) -> Mapping[str, Any]:
    try:
        found: Mapping[str, Any] = json.loads(out.strip().splitlines()[-1])
    except (ValueError, IndexError):
        lines = said.strip().splitlines()
        raise ElsewhereError(f"It could not be measured: {lines[-1][:300] if lines else '?'}"
                             ) from None
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
            "a general collection that neither was trained on here.")
    return (
        f'<div class="t t-board"><h3>Elsewhere</h3><p class="t-say" data-mood="{bars[0].way}">'
        f"{escape(str(found['verdict']))}</p>"
        f'<div class="t-charts">{forest("Differences on other domains", bars, said)}</div></div>'
    )


def _way(gap: Mapping[str, float]) -> str:
    if gap.get("p_holm", gap["p"]) >= 0.05:
        return ""
    return WAYS["better"] if gap["low"] > 0 else WAYS["worse"] if gap["high"] < 0 else ""
