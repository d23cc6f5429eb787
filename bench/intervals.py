"""Coverage of 95 % intervals, simulated on a run's gaps.

    python -m bench.intervals RUN_DIR --out bench/intervals.json

A run's per-query differences in ndcg@10 (dev and test together) stand for the population, so its
mean is the truth. From it 2,000 sets of 10 to 200 queries are drawn, each query alone, or in groups
that share an answer, with the sizes that groups have in the run. Held against each other: what
Tandem shows, and the plain percentile bootstrap over queries.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from retrieval.evaluation import Evidence
from retrieval.statistics import LEVEL, bootstrap_intervals
from train.run.record import Run

QUERIES = (10, 20, 50, 100, 200)
ROUNDS, SAMPLES = 20, 100
"""Rounds with group sizes of their own, and sets of queries in each."""
Gaps = NDArray[np.float64]


def main() -> None:
    """Simulate both cases, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    by_group = groups_of(Run(options.run))
    gaps = np.concatenate(by_group)
    result = {"run": options.run.name, "queries": len(gaps), "groups": len(by_group),
              "mean": round(float(gaps.mean()), 4), "samples": ROUNDS * SAMPLES, "coverage": []}
    print(f"{len(gaps)} queries in {len(by_group)} groups, mean {gaps.mean():+.4f}")
    print("queries  case     shown  percentile")
    for queries in QUERIES:
        for case, pool in (("alone", [gap[None] for gap in gaps]), ("grouped", by_group)):
            row = {"queries": queries, "case": case, **coverage(pool, queries)}
            result["coverage"].append(row)
            print(f"{queries:7}  {case:7}  {row['shown']:.3f}  {row['percentile']:.3f}", flush=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def coverage(pool: list[Gaps], queries: int) -> dict[str, float]:
    """Share of query sets whose intervals hold the truth.

    Shown and plain.
    """
    truth = float(np.concatenate(pool).mean())
    rng = np.random.default_rng(queries)
    held: dict[str, list[NDArray[np.bool_]]] = {"shown": [], "percentile": []}
    for _ in range(ROUNDS):
        drawn, groups = sample(pool, queries, rng)
        for name, (low, high) in (("shown", bootstrap_intervals(drawn, rng, groups)),
                                  ("percentile", percentile(drawn, rng))):
            held[name].append((low <= truth) & (truth <= high))
    return {name: round(float(np.mean(found)), 3) for name, found in held.items()}


def groups_of(run: Run) -> list[Gaps]:
    """Differences of dev and test queries, by shared answers.

    A run's, group by group.
    """
    found: list[Gaps] = []
    for split in ("dev", "test"):
        evidence = Evidence.from_rows(run.per_query(), split, 0)
        gaps = np.array([evidence.gaps[query_id] for query_id in evidence.base])
        found += [gaps[evidence.groups == group] for group in np.unique(evidence.groups)]
    return found


def sample(
    pool: list[Gaps], queries: int, rng: np.random.Generator
) -> tuple[Gaps, NDArray[np.intp]]:
    """So many queries in groups, SAMPLES times.

    (queries, samples), and each one's group. All of a round have groups of the same sizes; which
    groups they are differs.
    """
    by_size: dict[int, list[Gaps]] = {}
    for group in pool:
        by_size.setdefault(len(group), []).append(group)
    rows: list[Gaps] = []
    groups: list[int] = []
    while len(groups) < queries:
        alike = np.stack(by_size[len(pool[rng.integers(len(pool))])])
        chosen = alike[rng.integers(len(alike), size=SAMPLES)].T
        rows.append(chosen)
        groups += [len(rows) - 1] * len(chosen)
    return np.concatenate(rows), np.array(groups)


def percentile(gaps: Gaps, rng: np.random.Generator) -> tuple[Gaps, Gaps]:
    """The plain percentile bootstrap interval over queries, each alone."""
    means = np.stack([gaps[rng.integers(0, len(gaps), len(gaps))].mean(axis=0)
                      for _ in range(2_000)])
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


if __name__ == "__main__":
    main()
