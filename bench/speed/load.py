"""Many users asking without pause, over HTTP.

    python -m bench.speed.load [--users 100] [--seconds 20] [--before CHECKOUT] [--out FILE.json]

An app in a process of its own, with both models ready; each user asks another question of the
built-in corpus as soon as the last one is answered. With `--before`, the app of another checkout
stands beside it and both are asked in turn, each while the other has nothing to do.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from corpus.load import load_corpus

from ..report import Part, finish, table
from .paired import load, quantile
from .question import ROOT, asked, model_folder, wait_for


@dataclass
class Answers:
    """What users got: seconds of answers, and of refusals."""

    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    memory_mb: float = 0.0

    def as_json(self, seconds: float) -> dict[str, Any]:
        """Throughput, quantiles, refusals and memory."""
        found: dict[str, Any] = {
            "a_second": len(self.answered) / seconds, "answered": len(self.answered),
            "refused": len(self.refused), "memory_mb": self.memory_mb}
        for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            found[f"{name}_s"] = quantile(self.answered, share) if self.answered else None
        if self.refused:
            found["refused_within_s"] = max(self.refused)
        return found


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tuned", help="a run directory or a model; a shaken base if not given")
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20, help="of each turn")
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--before", type=Path, help="a checkout to compare with")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    corpus = load_corpus("porsche")
    questions = [query.text for _, query in sorted(corpus.queries.items())]
    places = {"here": ROOT} | ({"before": options.before} if options.before else {})
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        tuned = model_folder(options.tuned, Path(folder))
        apps = {name: App(place, Path(folder) / name, tuned) for name, place in places.items()}
        got = {name: Answers() for name in apps}
        try:
            for app in apps.values():
                app.wait()
            for _ in range(options.turns):
                for name, app in apps.items():
                    ask(app, got[name], questions, options.users, options.seconds)
        finally:
            for app in apps.values():
                app.stop()
    seconds = options.seconds * options.turns
    result = {"users": options.users, "seconds": seconds, "load": load(),
              "sides": {name: answers.as_json(seconds) for name, answers in got.items()}}
    finish(Part("load", "Many users at once", shown(result), result), options.out)


class App:
    """Tandem in a process of its own."""

    def __init__(self, place: Path, home: Path, tuned: Path | None) -> None:
        """Start it; `wait` waits until both models answer."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        env = os.environ | {"TANDEM_HOME": str(home), "TANDEM_TRAIN": "off", "PORT": str(port),
                            "TANDEM_TUNED_MODEL": str(tuned or "")}
        self.address = f"http://127.0.0.1:{port}/gradio_api"
        self.process = subprocess.Popen([sys.executable, "app.py"], cwd=place, env=env,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def wait(self) -> None:
        """Wait until both models answer."""
        with httpx.Client(base_url=self.address, timeout=60) as client:
            wait_for(client)

    def memory_mb(self) -> float:
        """Resident memory of the process in MB."""
        text = Path(f"/proc/{self.process.pid}/status").read_text("utf-8")
        return int(text.split("VmRSS:")[1].split()[0]) / 1024

    def cpu_s(self) -> float:
        """Processor time of the process in seconds."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text("utf-8").rpartition(")")[2]
        return sum(map(int, text.split()[11:13])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait(30)


def ask(
    app: App, got: Answers, questions: list[str], users: int, seconds: float
) -> None:
    """Have users ask for some seconds, each as soon as it was answered."""
    end = time.monotonic() + seconds
    lock = threading.Lock()

    def user(number: int) -> None:
        with httpx.Client(base_url=app.address, timeout=120) as client:
            place = number
            while time.monotonic() < end:
                start = time.monotonic()
                try:
                    answer = asked(client, questions[place % len(questions)])
                except (httpx.HTTPError, KeyError, ValueError):
                    answer = None
                took = time.monotonic() - start
                with lock:
                    if answer:
                        got.answered.append(took)
                    else:
                        got.refused.append(took)
                if not answer:
                    time.sleep(0.5)
                place += users

    threads = [threading.Thread(target=user, args=(number,)) for number in range(users)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got.memory_mb = max(got.memory_mb, app.memory_mb())


def shown(result: dict[str, Any]) -> str:
    """The tables, as Markdown."""
    def seconds(value: float | None) -> str:
        return "–" if value is None else f"{value:.2f}"

    rows = [[name, f"{side['a_second']:.1f}", seconds(side["p50_s"]), seconds(side["p95_s"]),
             seconds(side["p99_s"]), str(side["refused"]), seconds(side.get("refused_within_s")),
             f"{side['memory_mb']:.0f}"] for name, side in result["sides"].items()]
    return "\n\n".join([
        f"{result['users']} users for {result['seconds']:.0f} s, load {result['load']:.1f}.",
        table(["side", "answers a second", "p50 s", "p95 s", "p99 s", "refused",
               "refused within s", "memory MB"], rows)])


if __name__ == "__main__":
    main()
