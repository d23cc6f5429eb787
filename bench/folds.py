"""Recipes over folds: every question of several sets tested once.

    python -m bench.quality --folds 5 --data porsche sets/bank_faq@64 sets/medquad_1200@128 \
        --recipes seed tandem quick plain=tandem:cross_batch_memory=0,mask=false --out FILE.json

One test split of some hundred questions cannot tell recipes apart. Here each set is cut into folds
as `train fit --folds` cuts it (questions that share an answer stay together), each recipe trains
one model a fold, with the fold's number as its seed, and all questions of all folds, and then of
all sets, are one pool. Intervals are of the pool, with questions that share an answer resampled
together. A variant is `NAME=RECIPE:key=value,key=value`. What is whole in `--runs` is read from
there, so a call that was broken off goes on; folds that are not done are left out and counted.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from corpus.load import load_corpus
from corpus.records import Corpus
from retrieval.evaluation import Evidence
from retrieval.metrics import PRIMARY
from retrieval.statistics import bootstrap_intervals
from train.folds.cut import cut

SEED = 1
"""Of the cut: the same folds for every recipe."""


@dataclass(frozen=True)
class Variant:
    """A recipe with hyperparameters replaced, under a name."""

    name: str
    recipe: str
    values: tuple[str, ...] = ()

    @classmethod
    def parsed(cls, text: str) -> "Variant":
        """`RECIPE`, or `NAME=RECIPE:key=value,key=value`."""
        name, equals, rest = text.partition("=")
        if not equals:
            return cls(text, text)
        recipe, _, values = rest.partition(":")
        return cls(name, recipe, tuple(value for value in values.split(",") if value))


@dataclass(frozen=True)
class FoldJob:
    """One variant on one fold of one set.

    tokens: what its texts are cut to, None for the model's own.
    """

    variant: Variant
    number: int
    data: Path
    tokens: int | None
    out: Path


def fold_folders(place: str, home: Path, folds: int) -> tuple[Corpus, list[Path]]:
    """A set's folds as BEIR folders, written once."""
    corpus, folders = load_corpus(place), []
    for number, fold in enumerate(cut(corpus, folds, SEED)):
        folder = home / f"fold-{folds}-{number}"
        if not (folder / "done").is_file():
            shutil.rmtree(folder, ignore_errors=True)
            write_fold(fold, folder)
        folders.append(folder)
    return corpus, folders


def write_fold(corpus: Corpus, folder: Path) -> None:
    """A corpus in BEIR layout."""
    (folder / "qrels").mkdir(parents=True)
    passages = [{"_id": p.id, "title": p.title, "text": p.text} for p in corpus.passages]
    asked = {query_id for qrels in corpus.qrels.values() for query_id in qrels}
    queries = [{"_id": query_id, "text": corpus.queries[query_id].text}
               for query_id in sorted(asked)]
    for name, rows in (("corpus", passages), ("queries", queries)):
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")
    for split, qrels in corpus.qrels.items():
        lines = [f"{query_id}\t{passage_id}\t{grade}" for query_id, grades in qrels.items()
                 for passage_id, grade in grades.items()]
        (folder / "qrels" / f"{split}.tsv").write_text(
            "\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n", "utf-8")
    (folder / "done").touch()


def run_fold(job: FoldJob, root: Path) -> dict[str, Any] | None:
    """Fit once, or read what was fitted; None where it failed.

    Its printed answer, whose per-query rows are in its folder.
    """
    done = job.out / "result.json"
    if not done.is_file():
        shutil.rmtree(job.out, ignore_errors=True)
        values = [*job.variant.values, *([f"max_seq_length={job.tokens}"] if job.tokens else [])]
        command = [sys.executable, "-m", "train", "fit", "--data", str(job.data), "--recipe",
                   job.variant.recipe, "--seed", str(job.number + 1), "--out", str(job.out),
                   "--json", *(part for value in values for part in ("--set", value))]
        env = os.environ | {"OMP_NUM_THREADS": "1", "TANDEM_HOME": str(job.data.parent)}
        ended = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True,
                               check=False)
        if ended.returncode:
            print(f"{job.out}: {ended.stderr[-500:]}", file=sys.stderr, flush=True)
            return None
        shutil.rmtree(job.out / "model", ignore_errors=True)  # its figures are what it is for
        done.write_text(ended.stdout, "utf-8")
    printed: dict[str, Any] = json.loads(done.read_text("utf-8"))
    test = printed["metrics"]["test"]
    print(f"{job.data.parent.name} {job.variant.name} fold {job.number}: "
          f"{test['base'][PRIMARY]:.4f} -> {test['tuned'][PRIMARY]:.4f} in "
          f"{printed['cpu_seconds']:.0f} CPU s", file=sys.stderr, flush=True)
    return printed


def of_folds(options: argparse.Namespace, root: Path) -> dict[str, Any]:
    """All variants on all folds of all sets, pooled."""
    variants = [Variant.parsed(text) for text in options.recipes]
    jobs: dict[str, list[FoldJob]] = {}
    corpora = {}
    for text in options.data:
        place, _, tokens = text.partition("@")
        name = f"{Path(place).name}{f'@{tokens}' if tokens else ''}"
        home = options.runs / "folds" / name
        corpora[name], folders = fold_folders(place, home, options.folds)
        jobs[name] = [
            FoldJob(variant, number, folder, int(tokens) if tokens else None,
                    home / f"{variant.name}-{options.folds}-{number}")
            for number, folder in enumerate(folders) for variant in variants]
    # Fold by fold over all sets, so that what is there when time is up can be compared.
    order = sorted((job for of_set in jobs.values() for job in of_set), key=lambda job: job.number)
    with ThreadPoolExecutor(options.parallel) as pool:
        found = dict(zip(order, pool.map(lambda job: run_fold(job, root), order), strict=True))
    sets = {name: measured(corpora[name], of_set, found, variants)
            for name, of_set in jobs.items()}
    return {"folds": options.folds, "sets": sets, "pool": pooled(list(sets.values()), variants)}


def measured(
    corpus: Corpus, jobs: Sequence[FoldJob], found: Mapping[FoldJob, dict[str, Any] | None],
    variants: Sequence[Variant],
) -> dict[str, Any]:
    """One set: gaps of each variant over base, by question.

    Of the folds that every variant has.
    """
    whole = [number for number in sorted({job.number for job in jobs})
             if all(found[job] for job in jobs if job.number == number)]
    sides: dict[str, dict[str, float]] = {}
    cost: dict[str, float] = {}
    groups: list[int] = []
    for variant in variants:
        rows = [json.loads(line) for job in jobs if job.variant == variant and job.number in whole
                for line in (job.out / "per_query.jsonl").read_text("utf-8").splitlines()]
        evidence = Evidence.from_rows(rows, "test", len(corpus.passages)) if whole else None
        if evidence is None:
            continue
        groups = evidence.groups.tolist()
        sides["base"] = {q: one.metrics[PRIMARY] for q, one in evidence.base.items()}
        sides[variant.name] = {q: evidence.tuned[q].metrics[PRIMARY] for q in sides["base"]}
        cost[variant.name] = sum((found[job] or {})["cpu_seconds"] for job in jobs
                                 if job.variant == variant and job.number in whole)
    return {"fingerprint": corpus.fingerprint, "passages": len(corpus.passages),
            "folds_done": len(whole), "queries": len(sides.get("base", {})), "groups": groups,
            "values": {name: list(values.values()) for name, values in sides.items()},
            "cpu_seconds": cost, "rows": table([sides_of(sides, groups)], variants)}


def sides_of(
    sides: Mapping[str, Mapping[str, float]], groups: Sequence[int]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A set's values by side, and the group of each question."""
    return ({name: np.array(list(values.values())) for name, values in sides.items()},
            np.array(groups, int))


def table(
    sets: Sequence[tuple[dict[str, np.ndarray], np.ndarray]], variants: Sequence[Variant]
) -> dict[str, Any]:
    """Each variant against base and against the first, pooled."""
    sets = [(values, groups) for values, groups in sets if values]
    if not sets:
        return {}
    start, numbers = 0, []
    for _, groups in sets:
        numbers.append(groups + start)
        start += int(groups.max()) + 1
    joined = np.concatenate(numbers)

    def gap(one: str, other: str) -> dict[str, float]:
        gaps = np.concatenate([values[other] - values[one] for values, _ in sets])
        low, high = bootstrap_intervals(gaps[:, None], np.random.default_rng(42), joined)
        return {"value": float(gaps.mean()), "low": float(low[0]), "high": float(high[0])}

    names = [variant.name for variant in variants]
    return {name: {PRIMARY: float(np.concatenate([values[name] for values, _ in sets]).mean()),
                   "over_base": gap("base", name), "over_first": gap(names[0], name)}
            for name in names}


def pooled(sets: Sequence[Mapping[str, Any]], variants: Sequence[Variant]) -> dict[str, Any]:
    """All sets as one: each question counts alike."""
    parts = [({name: np.array(values) for name, values in one["values"].items()},
              np.array(one["groups"], int)) for one in sets]
    return {"queries": sum(one["queries"] for one in sets), "rows": table(parts, variants)}


def show_folds(result: Mapping[str, Any]) -> None:
    """The pool and each set, as Markdown."""
    print("\n| data | questions | side | ndcg@10 | over base | over the first | CPU s |"
          "\n|---|---|---|---|---|---|---|")
    for name, one in [*result["sets"].items(), ("pool", result["pool"])]:
        for side, row in one["rows"].items():
            cost = one.get("cpu_seconds", {}).get(side)
            print(f"| {name} | {one['queries']:,} | {side} | {row[PRIMARY]:.3f} "
                  f"| {_range(row['over_base'])} | {_range(row['over_first'])} "
                  f"| {f'{cost:.0f}' if cost else '–'} |")
    short = {name: one["folds_done"] for name, one in result["sets"].items()
             if one["folds_done"] < result["folds"]}
    if short:
        print(f"\nNot all folds are done: {short}.")


def _range(gap: Mapping[str, float]) -> str:
    return f"{gap['value']:+.3f} ({gap['low']:+.3f} to {gap['high']:+.3f})"
