"""Spoil good files at random and bring them.

Each must be converted, or refused with a sentence.

    python -m bench.fuzz --seconds 240 --seed 1 --out bench/fuzz.json

Each case runs in a forked child with bounded memory and time. A failure is any exception but
CorpusError, a crash, a time-out, too much memory, a file left behind, or a converted folder that
cannot be loaded; its input is kept in --failures, to be run alone: `--only FILE`.
"""

import argparse
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus.importing.convert import convert
from corpus.importing.preview import look
from corpus.load import load_corpus
from corpus.readers.rows import ReadLimits
from corpus.records import CorpusError

from .mutations import good_files, mutated

LIMITS = ReadLimits(rows=5_000, bytes=20_000_000, characters=20_000, columns=200)
CONVERTED, REFUSED, MEMORY, BROKEN, UNSAID = 0, 10, 11, 12, 13
ENDS = {CONVERTED: "converted", REFUSED: "refused", MEMORY: "memory", BROKEN: "exception",
        UNSAID: "no sentence"}


@dataclass
class Case:
    """How one file ended.

    A key of ENDS' values, `crash`, `time-out` or `files left`.
    """

    end: str
    seconds: float
    megabytes: float
    said: str = ""


@dataclass
class Row:
    """What came of the files of one format."""

    ends: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    largest: float = 0.0


def main() -> None:
    """Run for so many seconds.

    Print a table and write the figures.
    """
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--failures", type=Path, default=Path(".tandem/fuzz"))
    parser.add_argument("--only", type=Path, help="run this one file, here and without bounds")
    parser.add_argument("--memory", type=int, default=2_000, help="MB for a case")
    parser.add_argument("--timeout", type=float, default=20, help="seconds for a case")
    options = parser.parse_args()
    if options.only:
        with tempfile.TemporaryDirectory() as folder:
            sys.exit(bring(options.only, Path(folder) / "out"))
    files = good_files()
    others = [data for made in files.values() for _, data in made]
    for made in files.values():  # here, so that no child loads a library of its own
        for suffix, data in made:
            bring_good(data, suffix)
    rows, number, failed = {name: Row() for name in files}, 0, []
    start = time.monotonic()
    while time.monotonic() - start < options.seconds:
        number += 1
        rng = random.Random(f"{options.seed} {number}")
        kind = rng.choice(list(files))
        suffix, data = rng.choice(files[kind])
        data = mutated(rng, data, others)
        case = run(data, suffix, options.memory, options.timeout)
        row = rows[kind]
        row.ends[case.end] += 1
        row.slowest, row.largest = max(row.slowest, case.seconds), max(row.largest, case.megabytes)
        if case.end not in ("converted", "refused"):
            options.failures.mkdir(parents=True, exist_ok=True)
            kept = options.failures / f"{options.seed}-{number}{suffix}"
            kept.write_bytes(data)
            failed.append({"file": kept.name, "end": case.end, "said": case.said})
            print(f"{kept}: {case.end}: {case.said}", file=sys.stderr)
    report(options, rows, number, failed, time.monotonic() - start)
    sys.exit(bool(failed))


def bring_good(data: bytes, suffix: str) -> None:
    """Convert a good file, which must work."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"in{suffix}"
        path.write_bytes(data)
        if bring(path, Path(folder) / "out") != CONVERTED:
            raise SystemExit(f"A good {suffix} file was not converted.")


def run(data: bytes, suffix: str, memory: int, timeout: float) -> Case:
    """Read one file in a child, and see what remains."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        path = folder / f"in{suffix}"
        path.write_bytes(data)
        start = time.monotonic()
        child = os.fork()
        if child == 0:
            _in_child(path, folder, memory)
        status, usage = _waited(child, timeout)
        case = Case("time-out", time.monotonic() - start, usage.ru_maxrss / 1024)
        if status is not None:
            said = folder / "said"
            case.said = said.read_text("utf-8", "replace")[-600:] if said.exists() else ""
            case.end = (f"crash (signal {os.WTERMSIG(status)})" if os.WIFSIGNALED(status)
                        else ENDS.get(os.WEXITSTATUS(status), "crash"))
        there = {place.name for place in folder.iterdir()} - {path.name, "said", "temporary"}
        left = [place.name for place in (folder / "temporary").glob("*")]
        allowed = {"out"} if case.end == "converted" else set()
        if case.end in ("converted", "refused") and (there != allowed or left):
            case.end, case.said = "files left", str(sorted(there | set(left)))
        return case
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def bring(path: Path, out: Path) -> int:
    """Look at, convert and load one file; one of ENDS."""
    try:
        json.dumps(look(path, LIMITS).as_json()).encode()
        json.dumps(convert(path, out, None, LIMITS)).encode()
    except CorpusError as error:
        said = str(error)
        print(said.encode("utf-8", "replace").decode(), file=sys.stderr)
        # What can be shown: one line of a bearable length, with no trace of a program.
        fine = said.isprintable() and 10 < len(said) < 1_500 and "Traceback" not in said
        return REFUSED if fine else UNSAID
    except MemoryError:
        return MEMORY
    load_corpus(out)
    return CONVERTED


def _in_child(path: Path, folder: Path, memory: int) -> None:
    """Bring the file and end; nothing of this process goes on in the parent's code."""
    status = BROKEN
    try:
        resource.setrlimit(resource.RLIMIT_AS, (memory << 20, memory << 20))
        (folder / "temporary").mkdir()
        tempfile.tempdir = str(folder / "temporary")
        with (folder / "said").open("w", encoding="utf-8") as said:
            os.dup2(said.fileno(), 2)
            os.dup2(said.fileno(), 1)
            try:
                status = bring(path, folder / "out")
            except BaseException:
                traceback.print_exc(file=said)
            sys.stderr.flush()
    finally:
        os._exit(status)


def _waited(child: int, timeout: float) -> tuple[int | None, resource.struct_rusage]:
    """The status of a child; None when it took too long and was killed."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        done, status, usage = os.wait4(child, os.WNOHANG)
        if done:
            return status, usage
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    return None, os.wait4(child, 0)[2]


def report(
    options: argparse.Namespace, rows: dict[str, Row], cases: int, failed: list[dict[str, Any]],
    seconds: float,
) -> None:
    """Print a Markdown table; write the figures as JSON."""
    print("| format | cases | converted | refused | failures | slowest s | most MB |")
    print("|---|---|---|---|---|---|---|")
    for name, row in rows.items():
        good = row.ends["converted"] + row.ends["refused"]
        print(f"| {name} | {row.ends.total()} | {row.ends['converted']} | {row.ends['refused']} | "
              f"{row.ends.total() - good} | {row.slowest:.2f} | {row.largest:.0f} |")
    print(f"\n{cases:,} cases in {seconds:.0f} s, {len(failed)} failures (seed {options.seed}).")
    if options.out:
        options.out.write_text(json.dumps({
            "seed": options.seed, "seconds": round(seconds), "cases": cases,
            "memory_mb": options.memory, "timeout_seconds": options.timeout,
            "formats": {name: {"cases": row.ends.total(), "ends": dict(row.ends),
                               "slowest_seconds": round(row.slowest, 2),
                               "most_mb": round(row.largest)} for name, row in rows.items()},
            "failures": failed}, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
