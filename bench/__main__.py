"""Run all benchmarks of speed, or some: `python -m bench [PART ...]`.

Each part runs in a process of its own, prints its tables, writes `bench/results/PART.json` and
replaces its section of `bench/RESULTS.md`. `make bench` runs all; `--quality` adds the fine-tunes
over seeds, which take hours; a part that needs a GPU says so where there is none.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from retrieval.fast.load import has_cuda

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"
PARTS = {
    "question": ["bench.speed.question"],
    "indexing": ["bench.speed.indexing"],
    "search": ["bench.speed.search"],
    "load": ["bench.speed.load"],
    "start": ["bench.speed.start"],
    "evidence": ["bench.speed.evidence_speed"],
    "check": ["bench.check_speed"],
    "growth": ["bench.speed.growth"],
    "fuzz": ["bench.fuzz", "--seconds", "60"],
    "gpu": ["bench.gpu_scale"],
    "quality": ["bench.quality"],
}
NEEDS_GPU, TAKES_HOURS = ("gpu",), ("quality",)


def main() -> int:
    """Run the parts that were asked for; 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--quality", action="store_true", help="fine-tunes over seeds too: hours")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    hours = () if options.quality else TAKES_HOURS
    asked = options.parts or [name for name in PARTS if name not in hours]
    RESULTS.mkdir(exist_ok=True)
    failed = [name for name in asked if not ran(name)]
    for name in failed:
        sys.stderr.write(f"{name} failed.\n")
    return 1 if failed else 0


def ran(name: str) -> bool:
    """Run one part; whether it went well."""
    if name in NEEDS_GPU and not has_cuda():
        sys.stdout.write(f"## {name}\n\nLeft out: it needs a GPU, and this machine has none.\n")
        return True
    command = [sys.executable, "-m", *PARTS[name], "--out", str(RESULTS / f"{name}.json")]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | {"BENCH_RESULTS": "1"}, check=False)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
