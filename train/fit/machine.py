"""Device, memory, processor time and disk that training takes."""

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
    """The device's name: `cuda:0 NVIDIA H100`, `cpu, 2 threads`."""
    import torch

    if device.type == "cuda":
        return f"cuda:{device.index or 0} {torch.cuda.get_device_name(device)}"
    if device.type == "cpu":
        threads = torch.get_num_threads()
        return f"cpu, {threads} {'thread' if threads == 1 else 'threads'}"
    return str(device)


def memory_used(device: "torch.device") -> dict[str, int]:
    """Bytes of memory that this process takes now.

    `process_memory`, and `memory`, what limits a batch. That is the most it took of its GPU, or,
    without one, the same.
    """
    resident = _resident()
    if device.type != "cuda":
        return {"memory": resident, "process_memory": resident}
    import torch

    return {"memory": int(torch.cuda.max_memory_allocated(device)), "process_memory": resident}


def most_memory() -> int:
    """The most bytes of memory that training took.

    Of the GPU where one is in use.
    """
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    return _most_resident()


def settle(path: Path) -> None:
    """Flush a file, or a folder's files, to the disk.

    A power cut harms none of them then.
    """
    for file in path.rglob("*") if path.is_dir() else (path,):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())


def _most_resident() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def cpu_seconds() -> float:
    """Processor time this process has taken, all threads together."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def check_room(folder: Path, size: int) -> None:
    """Refuse to write more bytes than the disk has.

    OSError as the disk itself raises it.
    """
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
