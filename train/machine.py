"""What this machine has and a run takes of it: device, memory, processor time, room on disk."""

import errno
import os
import resource
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

SPARE = 8 << 20
"""Bytes left free on a disk: what the record and the log need to say how the run ended."""


def device_name(device: "torch.device") -> str:
    """A device as people know it: `cuda:0 NVIDIA H100`, `cpu, 2 threads`."""
    import torch

    if device.type == "cuda":
        return f"cuda:{device.index or 0} {torch.cuda.get_device_name(device)}"
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu, {threads} {'thread' if threads == 1 else 'threads'}"
    return str(device)


def memory_used(device: "torch.device | None" = None) -> dict[str, int | None]:
    """Bytes this process takes now, and the most it took of its GPU; None without a GPU."""
    gpu = None
    if device is not None and device.type == "cuda":
        import torch

        gpu = int(torch.cuda.max_memory_allocated(device))
    return {"process": _resident(), "gpu": gpu}


def most_memory() -> int:
    """The most bytes that this process has taken: of its GPU where it has one in use."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    return _most_resident()


def _most_resident() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def cpu_seconds() -> float:
    """Processor time this process has taken, all threads together."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def check_room(folder: Path, size: int) -> None:
    """Refuse to write so many bytes where they do not fit; OSError as the disk itself raises it."""
    free = shutil.disk_usage(folder).free
    if free < size + SPARE:
        raise OSError(errno.ENOSPC, f"{size / 1e6:,.0f} MB are needed and {free / 1e6:,.0f} MB are "
                                    "free", str(folder))


def _resident() -> int:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return _most_resident()
    return pages * os.sysconf("SC_PAGE_SIZE")
