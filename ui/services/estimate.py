"""What will happen before it is started.

Pairs, steps, time, memory, cost. The time is measured, in a process of its own that trains a few
real batches on this machine; it is kept, so that looking again costs nothing.
"""

import json
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from retrieval.models import EMBEDDED_MODEL, check_prompts
from train.engines.local import environment
from train.run.spec import RunSpec

from .process import answer_of, said_as

MEASURE_WITHIN = 120
"""Seconds that measuring may take; a large model on a slow machine needs most of them."""
MOST_KEPT = 64


class PlanError(ValueError):
    """What is asked for cannot be estimated.

    The message says why.
    """


@dataclass
class Planner:
    """Estimates of runs here, measured one at a time.

    command: what measures a request, printing one JSON object. max_model: bytes of weights of a
    model that a visitor names, None for any.
    """

    home: Path
    command: Callable[[RunSpec], Sequence[str]] = lambda request: estimate_command(request)
    max_model: int | None = None
    _kept: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def known(self, request: RunSpec) -> dict[str, Any] | None:
        """An estimate that was measured before."""
        return self._kept.get(plan_key(request))

    def plan(self, request: RunSpec, token: str | None = None) -> dict[str, Any]:
        """What `python -m train estimate` says of a request.

        Takes some seconds. PlanError. token: of whoever asks, to fetch the base model with.
        """
        key = plan_key(request)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._measured(request, token)
                if len(self._kept) > MOST_KEPT:
                    self._kept.popitem(last=False)
            return self._kept[key]

    def _measured(self, request: RunSpec, token: str | None) -> dict[str, Any]:
        command = [*self.command(request), *_size_limit(request, self.max_model)]
        with said_as(PlanError, f"A few steps took more than {MEASURE_WITHIN} s on this machine: "
                     "it is too slow for this model.", "It could not be estimated"):
            said = answer_of(command, self.home, environment(request, token), MEASURE_WITHIN)
        if "error" in said:
            raise PlanError(str(said["error"]))
        return said


TRY_WITHIN = 120
"""Seconds that fetching a base model and trying it may take."""
MOST_TRIED = 2_500_000_000
"""Bytes of weights that are fetched here to try a model that a Job is to train."""


@dataclass
class ModelCheck:
    """Checks base models here, each in a process.

    Those that were tried are known. command: what tries one, printing one JSON object. max_model:
    as for the `Planner`.
    """

    home: Path
    command: Callable[[RunSpec], Sequence[str]] = lambda request: model_command(request)
    max_model: int | None = None
    _good: OrderedDict[str, None] = field(default_factory=OrderedDict)

    def check(self, request: RunSpec, token: str | None = None) -> None:
        """Have the base of a request encode two texts.

        Unless it did before; PlanError. token: of whoever asks, to fetch the model with. The
        embedded one is known by its hash.
        """
        key = json.dumps([request.owner, request.base, request.revision, dict(request.prompts)])
        if key in self._good or (request.base == EMBEDDED_MODEL and request.revision is None):
            check_prompts(request.prompts)
            return
        command = [*self.command(request), *_size_limit(request, self.max_model)]
        with said_as(PlanError, f"{request.base} could not be fetched and tried within "
                     f"{TRY_WITHIN} s: what was fetched is kept, so try again, or take a smaller "
                     "model.", f"{request.base} could not be tried"):
            said = answer_of(command, self.home, environment(request, token), TRY_WITHIN)
        if "error" in said:
            raise PlanError(str(said["error"]))
        self._good[key] = None
        if len(self._good) > MOST_KEPT:
            self._good.popitem(last=False)


def model_command(request: RunSpec) -> Sequence[str]:
    """The command that tries a request's base model."""
    prompts = [f"--{side}-prompt={text}" for side, text in request.prompts.items()
               if text is not None]
    most = [f"--most-bytes={MOST_TRIED}"] if request.engine == "jobs" else []
    return [sys.executable, "-m", "train", "model", f"--base={_base(request)}", *prompts, *most,
            "--json"]


def _size_limit(request: RunSpec, most: int | None) -> list[str]:
    """The argument that refuses large models of visitors; on their own machines they may."""
    is_limited = most is not None and request.owner is not None and request.engine != "jobs"
    return [f"--refuse-over={most}"] if is_limited else []


def is_here(request: RunSpec, opening_base: str) -> bool:
    """Whether an estimate of a request fetches nothing.

    On this machine it may; for another only with a base that is here anyhow.
    """
    return request.engine == "local" or _base(request) in (EMBEDDED_MODEL, opening_base)


def _base(request: RunSpec) -> str:
    return request.base if request.revision is None else f"{request.base}@{request.revision}"


def estimate_command(request: RunSpec) -> Sequence[str]:
    """The command line that estimates a request."""
    settings = [f"{name}={'none' if value is None else value}"
                for name, value in asdict(request.recipe).items() if name != "name"]
    return [sys.executable, "-m", "train", "estimate", f"--data={request.data}",
            f"--base={_base(request) or EMBEDDED_MODEL}", "--recipe", request.recipe.name,
            *(part for setting in settings for part in ("--set", setting)), "--json"]


def plan_key(request: RunSpec) -> str:
    """What an estimate depends on."""
    return json.dumps([request.data, request.base, request.revision, asdict(request.recipe)],
                      sort_keys=True)
