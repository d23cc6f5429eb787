"""Engines that can be chosen, and which `auto` takes.

And why not the others.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from train.engines import ENGINES

TITLES = {name: kind.title for name, kind in ENGINES.items()}
ASK_WITHIN = 10
"""Seconds for the driver's own tool to answer."""


@dataclass(frozen=True)
class Offer:
    """An engine as somebody may choose it.

    refusal: why they cannot; empty when they can.
    """

    engine: str
    title: str
    about: str
    refusal: str = ""


def offers(
    engines: Mapping[str, object], why_not: Callable[[str], str], wanted: str = "auto"
) -> list[Offer]:
    """Every engine there is, those that can be chosen first.

    why_not: says for an engine's name why somebody may not use it. wanted: TANDEM_ENGINE; anything
    but `auto` leaves that one engine.
    """
    found = [
        Offer(name, kind.title, kind.about.format(device=local_device()), why_not(name))
        for name, kind in ENGINES.items()
        if name in engines and wanted in ("auto", name)
    ]
    return sorted(found, key=lambda offer: bool(offer.refusal))


def automatic(found: list[Offer]) -> tuple[str | None, str]:
    """The engine `auto` takes, and why.

    A GPU that costs nothing before one that does. None when there is none that can be taken.
    """
    free = {offer.engine: offer for offer in found if not offer.refusal}
    if "zerogpu" in free:
        return "zerogpu", "the Space has ZeroGPU, and your quota covers it"
    if "local" in free:
        return "local", f"it has {local_device()} and costs nothing"
    if "jobs" in free:
        return "jobs", "this Space’s machine is its owner’s, and Jobs are open to you"
    return None, next((offer.refusal for offer in found), "There is no engine here.")


@cache
def local_device() -> str:
    """This machine's GPUs by name, or its cores.

    Asked without loading torch.
    """
    gpus = _gpus()
    if gpus:
        return gpus[0] if len(gpus) == 1 else f"{len(gpus)} × {gpus[0]}"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{cores or 1} CPU {'core' if cores == 1 else 'cores'}"


def _gpus() -> list[str]:
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return []
    try:
        told = subprocess.run([tool, "--query-gpu=name", "--format=csv,noheader"],
                              capture_output=True, text=True, timeout=ASK_WITHIN, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in told.stdout.splitlines() if line.strip()]
