"""The machines of Hugging Face Jobs and their prices.

And how long one may be had.
"""

import re
from typing import TYPE_CHECKING

from hub.client import Hub
from train.engines import Flavor
from train.run.parts import RecordedEstimate

from .hub import answer

if TYPE_CHECKING:
    from huggingface_hub import JobHardwareInfo

UNITS = {"second": 3600, "minute": 60, "hour": 1}
INSTALL_SECONDS = 240.0
"""What fetching libraries and the base model takes before training starts, and is paid for."""
FASTER = (4.0, 60.0)
"""How many times faster than this machine a GPU of Jobs may be, at least and at most."""
SHORTEST_RUN = 30.0
"""Seconds that loading, measuring and saving take on the fastest machine."""
MARGIN = 3.0
"""How many times the longest estimated time a job may take: an estimate is not a promise."""
SHORTEST_S, LONGEST_S = 30 * 60, 6 * 3600
"""The Hub's own limit for a job, and ours when nothing is known of a run."""


def flavors(endpoint: str | None, token: str | None) -> list[Flavor]:
    """The machines of Jobs, the cheapest first.

    As the Hub lists them; EngineError.
    """
    listed = answer("listing the machines of Jobs", Hub.of(token, endpoint),
                    lambda api: api.list_jobs_hardware())
    found = [_flavor(machine) for machine in listed]
    return sorted(found, key=lambda flavor: (flavor.usd_per_hour or 0.0, flavor.name))


def estimated_cost(
    seconds: tuple[float, float], flavor: Flavor
) -> tuple[float, float] | None:
    """What a run of so many seconds costs in USD.

    Least and most; None without a price. With what installing takes, which is paid too.
    """
    if flavor.usd_per_hour is None:
        return None
    low, high = ((each + INSTALL_SECONDS) / 3600 * flavor.usd_per_hour for each in seconds)
    return low, high


def guessed_seconds(here: tuple[float, float]) -> tuple[float, float]:
    """Seconds on a machine of Jobs, guessed from here.

    At least and at most. A guess: nobody knows how much faster a GPU is that nothing was timed on.
    """
    low, high = here
    return max(SHORTEST_RUN, low / FASTER[1]), max(2 * SHORTEST_RUN, high / FASTER[0])


def time_limit(estimate: RecordedEstimate | None, max_minutes: float | None) -> int:
    """Seconds after which the Hub ends a job.

    Well above its estimate, never above the limit. The Hub's own limit of half an hour would end a
    long run without its result.
    """
    limit: float = LONGEST_S
    if estimate is not None and len(estimate.seconds) > 1:
        limit = MARGIN * estimate.seconds[1] + INSTALL_SECONDS
    limit = max(limit, SHORTEST_S)
    if max_minutes is not None:  # training is held to it by `fit`; this is for what it cannot end
        limit = min(limit, 60 * max_minutes + INSTALL_SECONDS)
    return int(limit)


def _flavor(machine: "JobHardwareInfo") -> Flavor:
    gpu, hours = machine.accelerator, UNITS.get(machine.unit_label.rstrip("s"))
    price = None if hours is None else round(machine.unit_cost_usd * hours, 6)
    return Flavor(
        machine.name,
        machine.pretty_name,
        usd_per_hour=price,
        gpus=int(_number(gpu.quantity) or 1) if gpu and gpu.type == "gpu" else 0,
        memory_gb=_number(gpu.vram if gpu else machine.ram),
    )


def _number(text: object) -> float | None:
    found = re.search(r"\d+(?:\.\d+)?", str(text))
    return float(found[0]) if found else None
