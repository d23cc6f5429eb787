"""How fast the statistics are.

10,000 queries, 10,000 resamples, 15 metrics, and the plain way.

    python -m bench.speed.evidence_speed --out bench/speed/evidence_speed.json

The plain way draws the queries of each resample and averages their rows, one resample at a time;
a hundred of those are timed and the rest reckoned.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from retrieval.metrics import METRICS
from retrieval.statistics import RESAMPLES, paired_differences

QUERIES, TIMED = 10_000, 100


def main() -> None:
    """Time both, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    base, tuned = rng.choice([0, 0.3, 0.5, 1], (2, QUERIES, len(METRICS)))
    before = time.process_time()
    ours = min(timed(lambda: paired_differences(base, tuned)) for _ in range(options.repeats))
    cpu = (time.process_time() - before) / options.repeats
    plain = timed(lambda: plain_way(tuned - base, rng)) * RESAMPLES / TIMED
    result = {"queries": QUERIES, "resamples": RESAMPLES, "metrics": len(METRICS),
              "seconds": round(ours, 2), "cpu_seconds": round(cpu, 2),
              "plain_seconds": round(plain, 1),
              "ratio": round(plain / ours, 1), "cores": os.cpu_count(),
              "load": round(os.getloadavg()[0], 1)}
    options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    for name, value in result.items():
        print(f"{name:14} {value}")


def plain_way(gaps: np.ndarray, rng: np.random.Generator) -> None:
    """The statistics as a textbook has them, a hundred times."""
    for _ in range(TIMED):
        gaps[rng.integers(0, len(gaps), len(gaps))].mean(axis=0)
        (gaps * rng.choice([-1, 1], (len(gaps), 1))).sum(axis=0)


def timed(what: Callable[[], object]) -> float:
    """Seconds of wall time that a call takes."""
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
