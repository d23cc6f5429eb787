"""The protocol over folds, without a fit."""

import json

import numpy as np
import pytest

from bench.folds import FoldJob, Variant, fold_folders, measured, pooled
from corpus.load import load_corpus
from retrieval.metrics import METRICS
from support.runs.finished import questions


def test_a_variant_has_a_name_a_recipe_and_values():
    assert Variant.parsed("seed") == Variant("seed", "seed")
    assert Variant.parsed("plain=tandem:mask=false,scale=30") == Variant(
        "plain", "tandem", ("mask=false", "scale=30"))


def test_folds_are_written_once_and_read_as_they_were_cut(tmp_path, monkeypatch):
    monkeypatch.setattr("bench.folds.load_corpus", lambda place: questions())
    corpus, folders = fold_folders("any", tmp_path / "set", 3)
    tested = [q for folder in folders for q in load_corpus(folder).qrels["test"]]
    assert sorted(tested) == sorted(q for qrels in corpus.qrels.values() for q in qrels)
    marks = [folder.stat().st_mtime_ns for folder in folders]
    assert [f.stat().st_mtime_ns for f in fold_folders("any", tmp_path / "set", 3)[1]] == marks


def row(query, base, tuned):
    return {"split": "test", "query_id": query, "leaked": False} | {
        side: {"ranks": {f"p-{query[:-1]}": 1}, "metrics": dict.fromkeys(METRICS, value)}
        for side, value in (("base", base), ("tuned", tuned))}


def test_the_pool_has_each_question_of_the_folds_that_all_variants_have(tmp_path):
    variants = [Variant("a", "seed"), Variant("b", "tandem")]
    jobs, found = [], {}
    for number in range(3):
        for variant, gain in zip(variants, (0.1, 0.3), strict=True):
            job = FoldJob(variant, number, tmp_path, None, tmp_path / f"{variant.name}{number}")
            job.out.mkdir()
            rows = [row(f"{number}{n}{half}", 0.5, 0.5 + gain) for n in range(4) for half in "xy"]
            (job.out / "per_query.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
            jobs.append(job)
            found[job] = {"cpu_seconds": 10.0}
    found[jobs[-1]] = None  # one that failed: its fold counts for nobody
    one = measured(questions(), jobs, found, variants)
    assert (one["folds_done"], one["queries"], max(one["groups"])) == (2, 16, 7)
    assert one["cpu_seconds"] == {"a": 20.0, "b": 20.0}
    pool = pooled([one, one, {"queries": 0, "values": {}, "groups": []}], variants)
    assert pool["queries"] == 32
    assert pool["rows"]["b"]["over_base"]["value"] == pytest.approx(0.3)
    assert pool["rows"]["b"]["over_first"]["value"] == pytest.approx(0.2)
    assert np.isclose(pool["rows"]["a"]["ndcg@10"], 0.6)
