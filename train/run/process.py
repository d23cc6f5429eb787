"""The process that fits into a run directory.

Which it is, and whether it is still there.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from .schema import JsonObject


@dataclass(frozen=True, kw_only=True)
class Process(JsonObject):
    """A process, told from later ones with its number.

    started: ticks since boot, None where there is no /proc. boot: which start of the machine.
    """

    pid: int
    started: str | None = None
    boot: str | None = None

    @property
    def is_alive(self) -> bool:
        """Whether it is still there."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        if self.boot not in (None, _boot()):  # the machine was restarted since
            return False
        return _process_start(self.pid) == self.started


def this_process() -> Process:
    """The process that asks."""
    return Process.from_json(
        {"pid": os.getpid(), "started": _process_start(os.getpid()), "boot": _boot()})


def _process_start(pid: int) -> str | None:
    """When a process started, in ticks since boot (proc(5)); None where there is no /proc."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()
    return None if state == "Z" else rest[18]


def _boot() -> str | None:
    """Which start of the machine this is; None where it does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None
