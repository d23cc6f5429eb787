"""What a fine-tune gains: BM25, base, and recipes over seeds, on one data set's test split.

    python -m bench.quality --data porsche --recipes seed tandem --seeds 1 2 3 --out FILE.json

Each run is a process of its own on one thread; two at a time, so CPU seconds are the measure of
cost, not wall time. Per-query figures are averaged over seeds before the interval is taken.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from corpus.read import load_corpus
from corpus.records import Corpus
from retrieval.encoder import EMBEDDED_MODEL, load_encoder
from retrieval.evidence import judge
from retrieval.index import build_index
from retrieval.lexical import build_lexical_index
from retrieval.metrics import METRICS, PRIMARY
from retrieval.resampling import paired_differences

HOUSE = Path(__file__).resolve().parents[1]
Table = np.ndarray[Any, np.dtype[np.float64]]


def main() -> None:
    """Run what was asked for, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="porsche")
    parser.add_argument("--recipes", nargs="+", default=["seed", "tandem", "quick"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--set", action="append", default=[], help="for every recipe")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()

    corpus = load_corpus(options.data)
    sides = baselines(corpus)
    jobs = [(recipe, seed) for recipe in options.recipes for seed in options.seeds]
    with tempfile.TemporaryDirectory() as home, ThreadPoolExecutor(options.parallel) as pool:
        done = list(pool.map(lambda job: one_run(options, home, *job), jobs))
    result: dict[str, Any] = {"data": corpus.name, "fingerprint": corpus.fingerprint,
                              "test_queries": len(corpus.qrels["test"]), "rows": {}}
    base = sides["base"]
    for name, table in sides.items():
        result["rows"][name] = row(base, table)
    for recipe in options.recipes:
        runs = [run for (name, _), run in zip(jobs, done, strict=True) if name == recipe]
        result["rows"][recipe] = row(base, np.mean([run["table"] for run in runs], axis=0)) | {
            "seeds": [float(run["table"][:, METRICS.index(PRIMARY)].mean()) for run in runs],
            "cpu_seconds": [run["cpu_seconds"] for run in runs],
        }
    options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    show(result)


def baselines(corpus: Corpus) -> dict[str, Table]:
    """Per-query metrics of BM25 and of the base model: (queries, metrics)."""
    base = build_index(load_encoder(EMBEDDED_MODEL), corpus)
    return {
        name: np.array([[q.metrics[m] for m in METRICS] for _, q in sorted(
            judge(side, corpus, "test").items())])
        for name, side in (("bm25", build_lexical_index(corpus)), ("base", base))
    }


def one_run(options: argparse.Namespace, home: str, recipe: str, seed: int) -> dict[str, Any]:
    """Fit once; the tuned side's per-query metrics and what it cost."""
    folder = Path(home) / f"{recipe}-{seed}"
    command = [sys.executable, "-m", "train", "fit", "--data", options.data, "--recipe", recipe,
               "--seed", str(seed), "--out", str(folder), "--json"]
    command += [part for value in options.set for part in ("--set", value)]
    env = os.environ | {"OMP_NUM_THREADS": "1", "TANDEM_HOME": home}
    done = subprocess.run(command, cwd=HOUSE, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{recipe} with seed {seed} failed: {done.stderr[-1000:]}")
    rows = [json.loads(line) for line in (folder / "per_query.jsonl").read_text().splitlines()]
    test = sorted((r for r in rows if r["split"] == "test"), key=lambda r: str(r["query_id"]))
    table = np.array([[r["tuned"]["metrics"][m] for m in METRICS] for r in test])
    printed = json.loads(done.stdout)
    print(f"{recipe} seed {seed}: {table[:, METRICS.index(PRIMARY)].mean():.4f} in "
          f"{printed['cpu_seconds']:.0f} CPU s", file=sys.stderr)
    return {"table": table, "cpu_seconds": printed["cpu_seconds"]}


def row(base: Table, table: Table) -> dict[str, Any]:
    """One side against the base."""
    gap = paired_differences(base, table)[PRIMARY]
    return {"metrics": dict(zip(METRICS, table.mean(axis=0).tolist(), strict=True)),
            "difference": gap.as_json()}


def show(result: dict[str, Any]) -> None:
    """The table, as Markdown."""
    print(f"{result['data']}, {result['test_queries']} test queries\n")
    print("| side | ndcg@10 | by seed | over base, 95 % interval | p | CPU s |")
    print("|---|---|---|---|---|---|")
    for name, side in result["rows"].items():
        gap = side["difference"]
        seeds = " ".join(f"{value:.3f}" for value in side.get("seeds", []))
        cost = " ".join(f"{value:.0f}" for value in side.get("cpu_seconds", []))
        print(f"| {name} | {side['metrics'][PRIMARY]:.3f} | {seeds} | {gap['value']:+.3f} "
              f"({gap['low']:+.3f} to {gap['high']:+.3f}) | {gap['p']:.4f} | {cost} |")


if __name__ == "__main__":
    main()
