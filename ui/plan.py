"""What will happen before it is started: pairs, steps, time, memory, cost.

The time is measured, in a process of its own that trains a few real batches on this machine; it is
kept, so that looking again costs nothing.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retrieval.encoder import EMBEDDED_MODEL
from train.engines.local import NICENESS, environment, spare_cores
from train.request import Request

HOUSE = Path(__file__).resolve().parents[1]
MEASURE_WITHIN = 120
"""Seconds that measuring may take; a large model on a slow machine needs most of them."""
MOST_KEPT = 64


class PlanError(ValueError):
    """What is asked for cannot be estimated: the message says why."""


@dataclass
class Planner:
    """Estimates of runs on this machine, one measured at a time.

    command: what measures a request, printing one JSON object.
    """

    home: Path
    command: Callable[[Request], Sequence[str]] = lambda request: estimate_command(request)
    _kept: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def known(self, request: Request) -> dict[str, Any] | None:
        """An estimate that was measured before."""
        return self._kept.get(plan_key(request))

    def plan(self, request: Request, token: str | None = None) -> dict[str, Any]:
        """What `python -m train estimate` says of a request; takes some seconds. PlanError.

        token: of whoever asks, to fetch the base model with.
        """
        key = plan_key(request)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._measured(request, token)
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]

    def _measured(self, request: Request, token: str | None) -> dict[str, Any]:
        measuring = subprocess.Popen(
            self.command(request), cwd=HOUSE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
            env=environment(request, token) | {"TANDEM_HOME": str(self.home.resolve()),
                              "OMP_NUM_THREADS": str(spare_cores()),
                              "TOKENIZERS_PARALLELISM": "false"},
        )
        with contextlib.suppress(OSError):  # whoever asks a question goes first
            os.setpriority(os.PRIO_PROCESS, measuring.pid, NICENESS)
        try:
            printed, logged = measuring.communicate(timeout=MEASURE_WITHIN)
        except subprocess.TimeoutExpired:
            measuring.kill()
            measuring.communicate()
            raise PlanError(f"A few steps took more than {MEASURE_WITHIN} s on this machine: it "
                            "is too slow for this model.") from None
        try:
            said: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
        except (ValueError, IndexError):
            lines = logged.strip().splitlines()
            raise PlanError(f"It could not be estimated: {lines[-1][:300] if lines else '?'}"
                            ) from None
        if "error" in said:
            raise PlanError(str(said["error"]))
        return said


def estimate_command(request: Request) -> Sequence[str]:
    """The command line that estimates a request."""
    settings = [f"{name}={'none' if value is None else value}"
                for name, value in asdict(request.recipe).items() if name != "name"]
    base = request.base if request.revision is None else f"{request.base}@{request.revision}"
    return [sys.executable, "-m", "train", "estimate", f"--data={request.data}",
            f"--base={base or EMBEDDED_MODEL}", "--recipe", request.recipe.name,
            *(part for setting in settings for part in ("--set", setting)), "--json"]


def plan_key(request: Request) -> str:
    """What an estimate depends on."""
    return json.dumps([request.data, request.base, request.revision, asdict(request.recipe)],
                      sort_keys=True)
