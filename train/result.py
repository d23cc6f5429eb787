"""What a run leaves: the model as it should be used, its figures, the questions, the card."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from corpus.records import Corpus
from retrieval.encoder import SentenceTransformerEncoder, fingerprint, load_encoder
from retrieval.evidence import Evidence, Judged, judge
from retrieval.fair import as_other, fairer
from retrieval.index import Index, build_index, store_index

from .card import model_card
from .checkpoints import Checkpoints
from .record import Run, write_json, write_text

MEASURED = ("dev", "test")
SETTINGS = "config_sentence_transformers.json"
"""Where sentence-transformers keeps a model's prompts."""


def make_model(run: Run, kept: Checkpoints, corpus: Corpus) -> Index:
    """The best checkpoint becomes the run's model; its index, of the vectors kept with it."""
    kept.best_as(run.model)
    encoder = load_encoder(str(run.model))
    return Index(encoder, tuple(sorted(corpus.passage)), kept.best_vectors())


def prompted_best(
    run: Run, index: Index, corpus: Corpus, prompts: Mapping[str, str], used: bool
) -> tuple[Index, dict[str, Any]]:
    """The model with or without the base's prompts, as it does better on dev, and the choice.

    The model's folder then stores what it should be used with. prompts: as the base stores them.
    used: whether it was trained with them, so whether the index is with them.
    """
    model = load_encoder(str(run.model)).model
    model.prompts = dict(prompts)
    one = SentenceTransformerEncoder(model, index.name, index.encoder.fingerprint, prompted=used)
    other = one.with_prompts(not used)
    sides = (Index(one, index.ids, index.vectors), one), (
        as_other(Index(one, index.ids, index.vectors), other) or build_index(other, corpus), other)
    (chosen, _), choice = fairer(*sides, corpus)
    if choice["used"] != used:
        path = run.model / SETTINGS
        settings = json.loads(path.read_text("utf-8"))
        settings["prompts"] = dict(prompts) if choice["used"] else {"query": "", "document": ""}
        write_json(path, settings)
    return Index(load_encoder(str(run.model)), chosen.ids, chosen.vectors), choice


def write_result(
    run: Run,
    corpus: Corpus,
    base: Mapping[str, Mapping[str, Judged]],
    tuned: Index,
    cache: Path | None,
    changes: Mapping[str, Any],
) -> dict[str, Any]:
    """Measure the tuned side on dev and test, and write it all down; returns the record.

    base: how the base did, by split. changes: what else the record is to say.
    """
    if cache:  # so that nobody encodes the corpus again
        store_index(tuned, corpus, cache)
    passages = len(corpus.passages)
    sides = {split: Evidence(split, passages, base[split], judge(tuned, corpus, split))
             for split in MEASURED}
    run.write_per_query([
        {"split": split, "query_id": query_id, "base": asdict(side.base[query_id]),
         "tuned": asdict(side.tuned[query_id])}
        for split, side in sides.items()
        for query_id in side.base
    ])
    record = run.record()
    fingerprints = record["fingerprints"] | {
        "base": record["base_model"]["fingerprint"],
        "tuned": fingerprint(run.model),
    }
    metrics = {split: side.as_json() for split, side in sides.items()}
    record = record | {"metrics": metrics, "fingerprints": fingerprints} | dict(changes)
    write_text(run.model / "README.md", model_card(record))
    return run.update(metrics=metrics, fingerprints=fingerprints, **changes)
