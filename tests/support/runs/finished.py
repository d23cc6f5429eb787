"""A finished run without a fit: its record, made from judged queries, and a tiny model."""

import json
from dataclasses import asdict
from pathlib import Path

from corpus.records import Corpus
from corpus.split import leaked_queries
from retrieval.evaluation import Evidence, evaluate
from retrieval.index import build_index
from train.fit.card_facts import facts
from train.recipe import Recipe
from train.run.record import Run, create_run

SIZES = {"train": 24, "dev": 22, "test": 23}


def questions() -> Corpus:
    """Sixty passages with a question each, enough for twenty test queries."""
    from corpus.records import Passage, Query

    parts = [f"part{i}" for i in range(sum(SIZES.values()))]
    passages = tuple(Passage(f"p{i:02}", f"The {part} of the car weighs {i} kg | a `lot`.",
                             f"Weight: {part}") for i, part in enumerate(parts))
    queries = {f"q{i:02}": Query(f"q{i:02}", f"How heavy is the {part}?")
               for i, part in enumerate(parts)}
    qrels, start = {}, 0
    for split, size in SIZES.items():
        qrels[split] = {f"q{i:02}": {f"p{i:02}": 1} for i in range(start, start + size)}
        start += size
    return Corpus("car_parts", passages, queries, qrels)


def record_of(corpus: Corpus, base, tuned, **changes):
    """What `fit` would have recorded, from what two encoders find."""
    judged = {side: {split: evaluate(build_index(encoder, corpus), corpus, split)
                     for split in ("dev", "test")}
              for side, encoder in (("base", base), ("tuned", tuned))}
    sides = {split: Evidence(split, len(corpus.passages), judged["base"][split],
                             judged["tuned"][split], leaked=leaked_queries(corpus, split))
             for split in ("dev", "test")}
    metrics = {split: side.as_json() for split, side in sides.items()}
    rows = [row for side in sides.values() for row in side.as_rows()]
    record = {
        "schema": 1, "status": "done", "created": "2026-01-02T03:04:05+00:00", "owner": "visitor",
        "process": None, "error": None, "recipe": asdict(Recipe(epochs=2)), "seed": 42,
        "base_model": {"name": "owner/base", "revision": "a" * 40, "parameters": 22713216,
                       "dim": 384, "full_dim": 384, "max_seq_length": 256, "fingerprint": "b" * 64,
                       "license": "apache-2.0", "language": ["en"], "similarity": "cosine",
                       "stored_prompts": {"query": "question: "},
                       "architecture": "SentenceTransformer(\n  (0): Transformer(...)\n)"},
        "data": {"name": corpus.name, "passages": len(corpus.passages),
                 "source": f"/srv/uploads/visitor/{corpus.name}.jsonl", **facts(corpus)},
        "splits": {split: {"queries": len(qrels), "pairs": len(corpus.pairs(split))}
                   for split, qrels in corpus.qrels.items()},
        "fingerprints": {"corpus": corpus.fingerprint, "base": "b" * 64, "tuned": "c" * 64,
                         "splits": corpus.split_fingerprints},
        "versions": {"python": "3.11.2", "torch": "2.13.0"}, "published": [],
        "device": "cpu", "precision": "fp32", "steps": 6, "steps_done": 6,
        "seconds": 93.4, "cpu_seconds": 90.0, "metrics": metrics,
        "history": [{"epoch": 0, "step": 0, "ndcg@10": 0.5},
                    {"epoch": 1, "step": 3, "ndcg@10": 0.6125, "loss": 0.4321},
                    {"epoch": 2, "step": 6, "ndcg@10": 0.6098, "loss": 0.1234}],
        "log": [{"step": 2, "loss": 0.5187}, {"step": 4, "loss": 0.2076}],
        "optimizer": {"name": "AdamW", "betas": [0.9, 0.999], "eps": 1e-08},
        "tandem": {"version": "0.1.0", "url": "https://example.org/tandem"}, "loads_with": "5.1",
    } | changes
    return json.loads(json.dumps(record)), rows


def finished_run(runs: Path, model: Path, corpus: Corpus, base, tuned, **changes) -> Run:
    """A run directory as a fit leaves it. model: the folder of the tuned model, copied."""
    import shutil

    record, rows = record_of(corpus, base, tuned, **changes)
    run = create_run(runs, corpus.name)
    run.update(**record)
    run.write_per_query(rows)
    shutil.copytree(model, run.model)
    return run
