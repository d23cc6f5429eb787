"""How long until the first answer, and how much memory then.

    python -m bench.speed.start [--rounds 7] [--out FILE.json]

`python app.py` with the built-in corpus, on an empty home and on one that it had before, against
what no Gradio app can do without: a process that imports gradio and ends. All in turn.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from ..report import Part, finish, table
from .load import App
from .paired import LEAST, load
from .question import ROOT, asked, model_folder

QUESTION = "does the boxster have a frunk"
PATIENCE = 900.0
WAYS = ("import gradio", "page, empty home", "answer, empty home", "page, prepared home",
        "answer, prepared home", "both models, prepared home")


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=LEAST)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    memory: dict[str, list[float]] = {"empty home": [], "prepared home": []}
    cpu: dict[str, list[float]] = {"empty home": [], "prepared home": []}
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        tuned = model_folder(None, Path(folder))
        prepared = Path(folder) / "prepared"
        started(prepared, tuned)  # it makes what the next start finds
        for number in range(options.rounds):
            seconds[WAYS[0]].append(imported())
            for home, name in ((Path(folder) / f"empty-{number}", "empty home"),
                               (prepared, "prepared home")):
                found = started(home, tuned if name == "prepared home" else None)
                for what in ("page", "answer", "both models"):
                    if f"{what}, {name}" in seconds:
                        seconds[f"{what}, {name}"].append(found[what])
                memory[name].append(found["memory_mb"])
                cpu[name].append(found["cpu_s"])
    first = statistics.median(seconds[WAYS[0]])
    result: dict[str, Any] = {
        "load": load(), "rounds": options.rounds,
        "ways": {way: {"median_s": statistics.median(times), "least_s": min(times),
                       "times_gradio": statistics.median(times) / first}
                 for way, times in seconds.items()},
        "memory_mb": {name: max(found) for name, found in memory.items()},
        "cpu_s": {name: statistics.median(found) for name, found in cpu.items()}}
    finish(Part("start", "From the start to the first answer", shown(result), result), options.out)


def imported() -> float:
    """Seconds of a process that imports gradio."""
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", "import gradio"], check=True, env=os.environ | {
        "GRADIO_ANALYTICS_ENABLED": "False"})
    return time.monotonic() - start


def started(home: Path, tuned: Path | None) -> dict[str, float]:
    """Seconds from the process's start to the page, to Base, to both."""
    start = time.monotonic()
    app = App(ROOT, home, tuned)
    found: dict[str, float] = {}
    try:
        with httpx.Client(base_url=app.address, timeout=60) as client:
            while "both models" not in found:
                if time.monotonic() - start > PATIENCE:
                    raise SystemExit("The app does not answer.")
                try:
                    if "page" not in found and client.get("/info").status_code < 500:
                        found["page"] = time.monotonic() - start
                    answer = asked(client, QUESTION)
                except httpx.HTTPError:
                    time.sleep(0.05)
                    continue
                if answer:
                    if "answer" not in found:
                        found |= {"answer": time.monotonic() - start, "cpu_s": app.cpu_s()}
                    if answer["tuned"] or tuned is None:
                        found["both models"] = time.monotonic() - start
                else:
                    time.sleep(0.05)
        found["memory_mb"] = app.memory_mb()
    finally:
        app.stop()
    return found


def shown(result: dict[str, Any]) -> str:
    """The tables, as Markdown."""
    rows = [[way, f"{found['median_s']:.1f}", f"{found['least_s']:.1f}",
             f"{found['times_gradio']:.2f}"] for way, found in result["ways"].items()]
    memory = ", ".join(f"{name} {value:.0f} MB" for name, value in result["memory_mb"].items())
    cpu = ", ".join(f"{name} {value:.1f} s" for name, value in result["cpu_s"].items())
    return "\n\n".join([
        f"{result['rounds']} rounds, load {result['load']:.1f}. Resident memory after the first "
        f"answer: {memory}. Processor time until then: {cpu}.",
        table(["until", "median s", "least s", "times that of importing gradio"], rows)])


if __name__ == "__main__":
    main()
