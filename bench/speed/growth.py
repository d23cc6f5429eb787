"""How time and memory grow with the data.

Check, fine-tune, evaluation and report at 1,000, 10,000 and 100,000 pairs, each with a passage of
its own.

    python -m bench.speed.growth [--pairs 1000 10000 100000] --out FILE.json

Each step is the command a user would type, in a process of its own: its processor time and its
most memory, with those of the processes it waits for. The model is a random one of 2 layers, so
that what a model costs a text (bench.speed.indexing has that) does not hide what is ours. Texts
are random words: nothing here says how good anything gets.
"""

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.gpu_scale import TINY, made_model, synthetic_corpus
from bench.report import Part, finish, table

ROOT = Path(__file__).resolve().parents[2]
STEPS = {
    "check": ["corpus", "check", "{data}", "--json"],
    "fit, one epoch": ["train", "fit", "--data", "{data}", "--base", "{model}", "--set",
                       "epochs=1", "--out", "{run}", "--json"],
    "evaluate": ["train", "evaluate", "--model", "{run}", "--data", "{data}", "--json"],
    "report": ["train", "report", "{run}", "--out", "{report}"],
}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: the most memory of a child begins with what its parent holds.
        making = multiprocessing.get_context("spawn").Process(
            target=prepare, args=(options.pairs, folder))
        making.start()
        making.join()
        if making.exitcode:
            sys.exit("The model and the pairs could not be made.")
        for pairs in options.pairs:
            rows += measured(pairs, folder)
    finish(Part("growth", "More data", text(rows), {"rows": rows}), options.out)


def prepare(sizes: Sequence[int], folder: Path) -> None:
    """Make the model and the pairs."""
    made_model(TINY, folder / "model")
    for pairs in sizes:
        write_pairs(pairs, folder / f"{pairs}.jsonl")


def measured(pairs: int, folder: Path) -> list[dict[str, Any]]:
    """All steps at one size."""
    places = {"data": folder / f"{pairs}.jsonl", "model": folder / "model" / "saved",
              "run": folder / f"run-{pairs}", "report": folder / f"{pairs}.html"}
    rows = []
    for step, arguments in STEPS.items():
        rows.append({"pairs": pairs, "step": step,
                     **spent([part.format(**places) for part in arguments], folder)})
        sys.stderr.write(f"{rows[-1]}\n")
    return rows


def write_pairs(pairs: int, file: Path) -> None:
    """Pairs of random words, no passage twice."""
    corpus = synthetic_corpus(replace(TINY, pairs={"train": pairs, "dev": 0, "test": 0}))
    with file.open("w", encoding="utf-8") as lines:
        for passage, query in zip(corpus.passages, corpus.queries.values(), strict=True):
            lines.write(json.dumps({"anchor": query.text, "positive": passage.text}) + "\n")


def spent(arguments: Sequence[str], home: Path) -> dict[str, float]:
    """What a command takes: CPU seconds and its most MB."""
    child = subprocess.Popen(
        [sys.executable, "-m", *arguments], cwd=ROOT, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE, env=os.environ | {"TANDEM_HOME": str(home), "OMP_NUM_THREADS": "1"})
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    # A check whose data has faults ends with 1: its work is done all the same.
    if child.returncode and arguments[0] != "corpus":
        sys.exit(f"{' '.join(arguments)} failed: {said.decode()[-1000:]}")
    return {"cpu_seconds": used.ru_utime + used.ru_stime, "megabytes": used.ru_maxrss / 1024}


def text(rows: Sequence[dict[str, Any]]) -> str:
    """What RESULTS.md shows.

    The last column is how many times as much the largest takes as the one before it.
    """
    sizes = sorted({row["pairs"] for row in rows})
    lines = []
    for step in STEPS:
        by_size = {row["pairs"]: row for row in rows if row["step"] == step}
        times = [by_size[size]["cpu_seconds"] for size in sizes]
        lines.append([step, *(f"{time:.1f} · {by_size[size]['megabytes']:,.0f}"
                              for size, time in zip(sizes, times, strict=True)),
                      f"{times[-1] / times[-2]:.1f}" if len(times) > 1 else "–"])
    return ("CPU seconds · most MB, on one thread, a model of 2 layers with random weights, pairs "
            f"of random words; load {os.getloadavg()[0]:.1f}.\n\n"
            + table(["step", *(f"{size:,} pairs" for size in sizes),
                     "CPU s, largest over the one before"], lines))


if __name__ == "__main__":
    main()
