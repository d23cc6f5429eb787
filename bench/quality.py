"""What a fine-tune gains and costs, by recipe.

BM25, base, and recipes over seeds, on several data sets.

    python -m bench.quality --data porsche FOLDER FOLDER@128 --recipes seed tandem quick \
        --seeds 1 2 3 --elsewhere BEIR_FOLDER --out FILE.json

A data set is what `python -m train fit` takes, with the tokens a text is cut to behind an @ (make
fixed ones with `python -m bench.subsets`). Each run is a process of its own on one thread, some at
a time, so CPU seconds are the measure of cost, not wall time. Base is encoded before the runs, as
the app does when it starts: what that took stands by itself. Per-query figures are averaged over
seeds before an interval is taken. The first recipe is the one that the others are held against.
With `--elsewhere`, the models of the first seed are measured on a corpus they know nothing of.
Finished runs are kept in `--runs`, and a second call goes on from there. A run that was cut off
leaves a folder without result.json: it is removed and begun again.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from corpus.load import load_corpus
from corpus.records import Corpus
from retrieval.bm25 import build_lexical_index
from retrieval.evaluation import evaluate
from retrieval.index import Searcher, build_index
from retrieval.metrics import METRICS, PRIMARY
from retrieval.models import EMBEDDED_MODEL, load_encoder
from retrieval.statistics import paired_differences

from .folds import of_folds, show_folds
from .ratios import gain_ratio

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE_TOKENS = 128
"""What passages of another domain are cut to, for base and tuned alike: it bounds the time."""
AT = METRICS.index(PRIMARY)
Table = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Data:
    """A data set, and the tokens its texts keep."""

    place: str
    tokens: int | None

    @classmethod
    def parsed(cls, text: str) -> "Data":
        """`PLACE` or `PLACE@TOKENS`."""
        place, _, tokens = text.partition("@")
        return cls(place, int(tokens) if tokens else None)

    @property
    def name(self) -> str:
        """What the table calls it."""
        return Path(self.place).name + (f"@{self.tokens}" if self.tokens else "")


def main() -> None:
    """Run what was asked for, print tables, write JSON."""
    options = _options()
    if options.folds:
        found = of_folds(options, ROOT) | {"cpu": cpu_model()}
        options.out.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        show_folds(found)
        return
    data = [Data.parsed(text) for text in options.data]
    result: dict[str, Any] = {"cpu": cpu_model(), "started": time.strftime("%FT%TZ", time.gmtime()),
                              "first": options.recipes[0], "data": []}
    for one in data:
        result["data"].append(of_data(one, options))
        options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
        show(result["data"][-1], options.recipes[0])


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", default=["porsche"])
    parser.add_argument("--recipes", nargs="+", default=["seed", "tandem", "quick"])
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--folds", type=int, help="cross-validate and pool: see bench/folds.py")
    parser.add_argument("--set", action="append", default=[], help="for every recipe")
    parser.add_argument("--elsewhere", type=Path, help="a BEIR folder of another domain")
    parser.add_argument("--parallel", type=int, default=2)
    parser.add_argument("--runs", type=Path, default=ROOT / ".tandem" / "bench",
                        help="folder of the runs; remove it to measure afresh")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


def of_data(data: Data, options: argparse.Namespace) -> dict[str, Any]:
    """All recipes and seeds on one data set."""
    home = options.runs / data.name
    home.mkdir(parents=True, exist_ok=True)
    corpus = load_corpus(data.place)
    sides, baseline_seconds = baselines(corpus, data, home)
    jobs = [(recipe, seed) for seed in options.seeds for recipe in options.recipes]
    with ThreadPoolExecutor(options.parallel) as pool:
        done = list(pool.map(lambda job: one_run(data, options, home, *job), jobs))
    runs = {name: [run for (recipe, _), run in zip(jobs, done, strict=True) if recipe == name]
            for name in options.recipes}
    base = sides["base"]
    rows = {name: row(base, table) for name, table in sides.items()}
    first = runs[options.recipes[0]]
    for name, of_recipe in runs.items():
        rows[name] = row(base, mean_table(of_recipe)) | {
            "seeds": [float(run["table"][:, AT].mean()) for run in of_recipe],
            "cpu_seconds": [run["cpu_seconds"] for run in of_recipe],
            "steps": of_recipe[0]["steps"],
        } | against(base, first, of_recipe)
    result = {"data": data.name, "fingerprint": corpus.fingerprint,
              "passages": len(corpus.passages), "train_pairs": len(corpus.pairs("train")),
              "test_queries": len(corpus.qrels["test"]),
              "baseline_cpu_seconds": baseline_seconds, "rows": rows}
    if options.elsewhere:
        models = {name: home / f"{name}-{options.seeds[0]}" / "model" for name in options.recipes}
        result["elsewhere"] = retention(options.elsewhere, models, options.runs)
    return result


def baselines(corpus: Corpus, data: Data, home: Path) -> tuple[dict[str, Table], float]:
    """Metrics of BM25 and base per query, and base's cost.

    (queries, metrics).
    """
    encoder = load_encoder(EMBEDDED_MODEL).cut_at(data.tokens)
    start = time.process_time()
    base = build_index(encoder, corpus, home / "cache")
    seconds = time.process_time() - start
    return {name: table_of(side, corpus)
            for name, side in (("bm25", build_lexical_index(corpus)), ("base", base))}, seconds


def table_of(side: Searcher, corpus: Corpus) -> Table:
    """Metrics per test query, in the order of ids.

    (queries, metrics).
    """
    judged = sorted(evaluate(side, corpus, "test").items())
    return np.array([[query.metrics[name] for name in METRICS] for _, query in judged])


def one_run(
    data: Data, options: argparse.Namespace, home: Path, recipe: str, seed: int
) -> dict[str, Any]:
    """Fit once, or read what was fitted.

    The tuned side's per-query metrics and what it cost.
    """
    folder = home / f"{recipe}-{seed}"
    if not (folder / "result.json").exists():
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, "-m", "train", "fit", "--data", data.place, "--recipe", recipe,
                   "--seed", str(seed), "--out", str(folder), "--json"]
        cut = [f"max_seq_length={data.tokens}"] if data.tokens else []
        command += [part for value in cut + options.set for part in ("--set", value)]
        env = os.environ | {"OMP_NUM_THREADS": "1", "TANDEM_HOME": str(home)}
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True,
                              check=False)
        if done.returncode:
            sys.exit(f"{recipe} with seed {seed} failed: {done.stderr[-1000:]}")
        (folder / "result.json").write_text(done.stdout, "utf-8")
    rows = [json.loads(line) for line in (folder / "per_query.jsonl").read_text().splitlines()]
    test = sorted((r for r in rows if r["split"] == "test"), key=lambda r: str(r["query_id"]))
    table = np.array([[r["tuned"]["metrics"][m] for m in METRICS] for r in test])
    printed = json.loads((folder / "result.json").read_text("utf-8"))
    print(f"{data.name} {recipe} seed {seed}: {table[:, AT].mean():.4f} in "
          f"{printed['cpu_seconds']:.0f} CPU s", file=sys.stderr, flush=True)
    return {"table": table, "cpu_seconds": printed["cpu_seconds"], "steps": printed["steps"]}


def row(base: Table, table: Table) -> dict[str, Any]:
    """One side against the base."""
    gap = paired_differences(base, table)[PRIMARY]
    return {"metrics": dict(zip(METRICS, table.mean(axis=0).tolist(), strict=True)),
            "difference": gap.as_json()}


def against(base: Table, first: list[dict[str, Any]], runs: list[dict[str, Any]]) -> dict[str, Any]:
    """A recipe against the first one.

    Difference, share of its gain, share of its cost.
    """
    one, other = mean_table(first), mean_table(runs)
    shares = [run["cpu_seconds"] / its["cpu_seconds"]
              for run, its in zip(runs, first, strict=True)]
    costs = [np.mean([run["cpu_seconds"] for run in side]) for side in (runs, first)]
    return {"against_first": paired_differences(one, other)[PRIMARY].as_json(),
            "gain_ratio": gain_ratio(base[:, AT], one[:, AT], other[:, AT]),
            "cost_ratio": {"value": float(costs[0] / costs[1]), "low": min(shares),
                           "high": max(shares)}}


def mean_table(runs: list[dict[str, Any]]) -> Table:
    """Per-query metrics, averaged over seeds."""
    return np.asarray(np.mean([run["table"] for run in runs], axis=0))


def retention(folder: Path, models: dict[str, Path], cache: Path) -> dict[str, Any]:
    """What each model lost on a corpus of another domain.

    Every query of it judged.
    """
    corpus = load_corpus(folder, on_bad_row=lambda fault: None)  # Cranfield has an empty text
    everything = {q: grades for qrels in corpus.qrels.values() for q, grades in qrels.items()}
    corpus = replace(corpus, qrels={"test": everything})
    tables: dict[str, Table] = {}
    for name, model in [("base", EMBEDDED_MODEL), *models.items()]:
        encoder = load_encoder(str(model)).cut_at(ELSEWHERE_TOKENS)
        tables[name] = table_of(build_index(encoder, corpus, cache / "elsewhere"), corpus)
    return {"data": corpus.name, "queries": len(everything), "tokens": ELSEWHERE_TOKENS, "rows": {
        name: row(tables["base"], table) for name, table in tables.items()}}


def cpu_model() -> str:
    """What processor this is, for the reader of the figures."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {name.strip(): value.strip() for name, value in fields.items()}
    flags = [flag for flag in ("avx512f", "avx512_bf16", "amx_bf16")
             if flag in named.get("flags", "").split()]
    return f"{named.get('model name', 'unknown')}, {os.cpu_count()} cores, {' '.join(flags)}"


def show(result: dict[str, Any], first: str) -> None:
    """The tables of one data set, as Markdown."""
    print(f"\n{result['data']}: {result['train_pairs']} training pairs, {result['test_queries']} "
          f"test queries, {result['passages']} passages; encoding for base took "
          f"{result['baseline_cpu_seconds']:.0f} CPU s\n")
    print(f"| side | ndcg@10 | by seed | over base | gain, times that of `{first}` | CPU s by seed "
          f"| times `{first}` |\n|---|---|---|---|---|---|---|")
    for name, side in result["rows"].items():
        seeds = " · ".join(f"{value:.3f}" for value in side.get("seeds", []))
        cost = " · ".join(f"{value:.0f}" for value in side.get("cpu_seconds", []))
        gain, share = side.get("gain_ratio"), side.get("cost_ratio")
        print(f"| {name} | {side['metrics'][PRIMARY]:.3f} | {seeds} | {_range(side['difference'])} "
              f"| {_range(gain, '.2f') if gain else '–'} | {cost} "
              f"| {_range(share, '.2f') if share else '–'} |")
    if elsewhere := result.get("elsewhere"):
        lost = ", ".join(f"{name} {_range(side['difference'])}"
                         for name, side in elsewhere["rows"].items() if name != "base")
        print(f"\n{elsewhere['data']}, {elsewhere['queries']} queries, over base: {lost}")


def _range(figure: dict[str, float], form: str = "+.3f") -> str:
    return (f"{figure['value']:{form}} ({figure['low']:{form}} to {figure['high']:{form}})")


if __name__ == "__main__":
    main()
