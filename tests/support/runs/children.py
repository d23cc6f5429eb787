"""Runs in processes of their own that start in no time: forked from one that has all imported."""

import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["sentence_transformers", "train.fit.fit", "train.__main__"])


class Child:
    """`python -m train …` with one thread, so that the same seed gives the same numbers."""

    def __init__(self, *arguments, home: Path, log: Path | None = None, **patches) -> None:
        """Start it. patches: `module__NAME=value`, what constants of `train.fit` are set to."""
        self.log = log or home / f"child-{time.monotonic_ns()}.log"
        home.mkdir(parents=True, exist_ok=True)
        self.process = _context.Process(
            target=_main, args=([str(a) for a in arguments], str(home), str(self.log), patches))
        self.process.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.process.join(10)

    def stop(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def wait(self, seconds: float = 180) -> int:
        """The exit status."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.process.kill()
            raise AssertionError(f"still at work after {seconds} s: {self.said[-2000:]}")
        return self.process.exitcode

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8") if self.log.exists() else ""


def _main(arguments: list[str], home: str, log: str, patches: dict[str, object]) -> None:
    import importlib

    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(out, 1)
    os.dup2(out, 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
    os.environ["TANDEM_HOME"] = home
    import torch

    torch.set_num_threads(1)
    for name, value in patches.items():
        module, _, attribute = name.rpartition("__")
        setattr(importlib.import_module(f"train.fit.{module}"), attribute, value)
    from train.__main__ import main

    status = main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def wait_for(what, seconds: float = 180, every: float = 0.02) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(every)
