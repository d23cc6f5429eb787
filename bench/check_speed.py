"""How long the data check takes, and how much memory.

100,000 pairs in several shapes.

    python -m bench.check_speed --out bench/check_speed.json
    python -m bench.check_speed --shapes plain boilerplate --pairs 20000 --out FILE.json

Each shape is written as a pair file, always the same for a size, and `python -m corpus check` runs
on it as a process of its own, with `--progress`. Words follow Zipf's law: those of the built-in
corpora by how often they stand there, then compounds of them for the long tail. Questions have
about 15 words, answers 60 to 250.

    plain        some exact repetitions, some near ones, shared answers, conflicting answers
    boilerplate  each answer shares three quarters of its words with all others: no near duplicates
    near         a thousand answers, each in a hundred versions that differ in a word or three
    same_anchor  one question, with an answer of its own in each row
    short        answers of three words: everything resembles something

Goal: under 120 s and 3 GiB on 2 cores. Run it under `taskset -c 0` for one core.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from corpus.load import BUILT_IN, GENERAL, load_corpus
from corpus.text import WORD

ROOT = Path(__file__).resolve().parents[1]
PAIRS = 100_000
VOCABULARY = 60_000
SECONDS, MEGABYTES = 120, 3 * 1024
Draw = Callable[[int], list[str]]
Row = dict[str, str]


def main() -> None:
    """Make each shape, check it, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--assume", action="store_true", help="do not have the base model judged")
    parser.add_argument("--memory", type=int, metavar="MB", help="what the check may take")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    more = ["--assume"] if options.assume else []
    more += ["--memory", str(options.memory)] if options.memory else []
    result: dict[str, Any] = {
        "pairs": options.pairs, "options": more, "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 1), "started": time.strftime("%FT%TZ", time.gmtime()),
        "rows": []}
    with tempfile.TemporaryDirectory() as folder:
        for shape in options.shapes:
            path = Path(folder) / f"{shape}.jsonl"
            write(path, SHAPES[shape](options.pairs, np.random.default_rng(7)))
            result["rows"].append({"shape": shape} | measured(path, more))
            path.unlink()
            print(f"{shape}: {result['rows'][-1]['seconds']:.0f} s", file=sys.stderr, flush=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    show(result)


def measured(path: Path, options: list[str]) -> dict[str, Any]:
    """Time and findings of one data check, in a process."""
    command = [sys.executable, "-m", "corpus", "check", str(path), "--json", "--progress", *options]
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as logged:
        start = time.perf_counter()
        child = subprocess.Popen(command, cwd=ROOT, stdout=printed, stderr=logged)
        peak, ended = 0, 0
        while not ended:
            peak = max(peak, peak_kib(child.pid))
            time.sleep(0.02)
            ended, _, used = os.wait4(child.pid, os.WNOHANG)
        seconds = time.perf_counter() - start
        printed.seek(0)
        logged.seek(0)
        report, log = printed.read().decode(), logged.read().decode()
    if not report:
        sys.exit(f"The check of {path.name} failed: {log[-1000:]}")
    found = {finding["kind"]: finding["count"] for finding in json.loads(report)["findings"]}
    return {"megabytes_of_file": round(path.stat().st_size / 1e6), "seconds": round(seconds, 1),
            "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
            "peak_mib": round(peak / 1024), "progress_lines": log.count('"progress"'),
            "findings": found}


def peak_kib(process: int) -> int:
    """The most memory a process has held so far.

    What `wait4` says counts its parent's too.
    """
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def write(path: Path, rows: Iterator[Row]) -> None:
    """Write rows as JSON lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def vocabulary(rng: np.random.Generator) -> Draw:
    """Draws words by Zipf's law, as texts have them.

    Zipf, Mandelbrot: a word's share falls with its place.
    """
    counted = Counter(
        word.lower() for name in (BUILT_IN, GENERAL) for passage in load_corpus(name).passages
        for word in WORD.findall(passage.text))
    words = [word for word, _ in counted.most_common()]
    made = dict.fromkeys(words)
    while len(made) < VOCABULARY:
        one, other = rng.integers(0, len(words), 2)
        made[words[one] + words[other]] = None
    every = np.array(list(made), object)
    share = 1 / (np.arange(len(every)) + 2.7)
    ends = np.cumsum(share / share.sum())
    return lambda count: list(every[np.searchsorted(ends, rng.random(count)).clip(
        max=len(every) - 1)])


def sentences(words: list[str]) -> str:
    """Words as prose.

    A full stop and a capital about every 14.
    """
    parts = [words[start : start + 14] for start in range(0, len(words), 14)]
    return " ".join(" ".join(part).capitalize() + "." for part in parts)


def question(draw: Draw, rng: np.random.Generator) -> str:
    """About 15 words with a question mark."""
    return " ".join(draw(int(rng.integers(10, 21)))).capitalize() + "?"


def answer(draw: Draw, rng: np.random.Generator) -> str:
    """60 to 250 words."""
    return sentences(draw(int(rng.integers(60, 251))))


def plain(pairs: int, rng: np.random.Generator) -> Iterator[Row]:
    """Pairs as somebody's export has them: most are fine."""
    draw = vocabulary(rng)
    earlier: list[Row] = []
    for row in range(pairs):
        made = {"anchor": question(draw, rng), "positive": answer(draw, rng)}
        chance, old = rng.random(), earlier[int(rng.integers(len(earlier)))] if row else made
        if chance < 0.02:
            made = dict(old)
        elif chance < 0.05:
            made["positive"] = changed(old["positive"], draw, rng)
        elif chance < 0.07:
            made["positive"] = old["positive"]
        elif chance < 0.08:
            made["anchor"] = old["anchor"]
        earlier.append(made)
        yield made


def boilerplate(pairs: int, rng: np.random.Generator) -> Iterator[Row]:
    """Three quarters of each answer are everybody's.

    Jaccard similarities just under 0.6.
    """
    draw = vocabulary(rng)
    shared = draw(110)
    for _ in range(pairs):
        yield {"anchor": question(draw, rng), "positive": sentences(shared[:55] + draw(38)
                                                                    + shared[55:])}


def near(pairs: int, rng: np.random.Generator) -> Iterator[Row]:
    """A thousand moulds, a hundred casts of each."""
    draw = vocabulary(rng)
    moulds = [answer(draw, rng) for _ in range(max(1, pairs // 100))]
    for row in range(pairs):
        yield {"anchor": question(draw, rng),
               "positive": changed(moulds[row % len(moulds)], draw, rng)}


def same_anchor(pairs: int, rng: np.random.Generator) -> Iterator[Row]:
    """One question throughout."""
    draw = vocabulary(rng)
    asked = question(draw, rng)
    for _ in range(pairs):
        yield {"anchor": asked, "positive": answer(draw, rng)}


def short(pairs: int, rng: np.random.Generator) -> Iterator[Row]:
    """Answers of three words from a few."""
    draw = vocabulary(rng)
    few = draw(400)
    for _ in range(pairs):
        yield {"anchor": question(draw, rng),
               "positive": " ".join(few[int(at)] for at in rng.integers(0, len(few), 3))}


def changed(text: str, draw: Draw, rng: np.random.Generator) -> str:
    """The same text with one to three other words."""
    words = text.split()
    for word in draw(int(rng.integers(1, 4))):
        words[int(rng.integers(len(words)))] = word
    return " ".join(words)


SHAPES: dict[str, Callable[[int, np.random.Generator], Iterator[Row]]] = {
    "plain": plain, "boilerplate": boilerplate, "near": near, "same_anchor": same_anchor,
    "short": short}


def show(result: dict[str, Any]) -> None:
    """The table, as Markdown."""
    print(f"{result['pairs']:,} pairs, {result['cores']} cores, load {result['load']}; goal: "
          f"{SECONDS} s and {MEGABYTES:,} MiB\n")
    print("| shape | file, MB | wall s | CPU s | peak MiB | within | found |\n"
          "|---|---|---|---|---|---|---|")
    for row in result["rows"]:
        within = row["seconds"] < SECONDS and row["peak_mib"] < MEGABYTES
        found = ", ".join(f"{kind} {count:,}" for kind, count in row["findings"].items())
        print(f"| {row['shape']} | {row['megabytes_of_file']} | {row['seconds']} "
              f"| {row['cpu_seconds']} | {row['peak_mib']:,} | {'yes' if within else 'NO'} "
              f"| {found} |")


if __name__ == "__main__":
    main()
