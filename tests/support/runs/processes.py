"""Processes on this machine that train together, forked from one that has all imported."""

import multiprocessing
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

from support.runs import children  # noqa: F401 - tells the server of forks what to import

_context = multiprocessing.get_context("forkserver")
SECONDS = 300


class Members:
    """One process for each rank, all running a function."""

    def __init__(self, function: Callable, *arguments, logs: Path, size: int = 2) -> None:
        """Start them. logs: a folder for what each prints, as `0.log`, `1.log`."""
        logs.mkdir(parents=True, exist_ok=True)
        self.logs = [logs / f"{rank}.log" for rank in range(size)]
        self.processes = [
            _context.Process(target=_main, args=(function, arguments, environment, str(log)))
            for environment, log in zip(environments(size), self.logs, strict=True)
        ]
        for process in self.processes:
            process.start()

    def wait(self, seconds: float = SECONDS) -> list[int]:
        """The exit statuses, in order of rank."""
        end = time.monotonic() + seconds
        for process in self.processes:
            process.join(max(0.1, end - time.monotonic()))
        late = [process.exitcode is None for process in self.processes]
        for process in self.processes:
            process.kill()
        assert not any(late), f"still at work after {seconds} s: {self.said}"
        return [process.exitcode for process in self.processes]

    @property
    def said(self) -> list[str]:
        return [log.read_text("utf-8") if log.exists() else "" for log in self.logs]


def environments(size: int) -> list[dict[str, str]]:
    """What tells each process of a new team its rank and where the others are."""
    port = _free_port()
    return [
        {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size),
         "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        for rank in range(size)
    ]


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _main(function, arguments, environment: dict[str, str], log: str) -> None:
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
    os.environ |= environment
    import torch

    torch.set_num_threads(1)
    sys.exit(function(*arguments))


def fit(home: str, *arguments: str) -> int:
    """What each member of a run does: `python -m train …`."""
    os.environ["TANDEM_HOME"] = home
    from train.__main__ import main

    return main(arguments)
