"""The result of a run: model, metrics, and record.

The model is the best checkpoint, used with the prompts that serve it best; the figures are those of
dev and test, query by query. The record says with what the run began, what it took, how it ended.
"""

import importlib.metadata
import json
import platform
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

from corpus.records import Corpus
from corpus.split import leaked_queries
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.evaluation import Evidence, Judged, evaluate
from retrieval.fast.load import make_fast
from retrieval.index import Index, build_index, store_index
from retrieval.models import fingerprint, load_encoder
from retrieval.prompts import as_other, fairer
from train import VERSION
from train.recipe import Recipe
from train.report.card import model_card
from train.run.files import write_json, write_text
from train.run.parts import RecordedModel
from train.run.process import this_process
from train.run.record import Run, RunRecord, now
from train.run.saved_model import write_for_older
from train.settings import Settings

from .card_facts import base_facts, loss_log
from .checkpoints import Checkpoints
from .machine import cpu_seconds

LIBRARIES = ("sentence-transformers", "transformers", "torch", "accelerate", "datasets",
             "tokenizers", "numpy", "huggingface-hub")
"""Whose versions the record keeps."""
MEASURED = ("dev", "test")
SETTINGS = "config_sentence_transformers.json"
"""Where sentence-transformers keeps a model's prompts."""


@dataclass
class Spent:
    """Seconds a run has taken, by clocks nobody sets back.

    earlier, earlier_cpu: seconds up to the state it was resumed from.
    """

    earlier: float = 0.0
    earlier_cpu: float = 0.0
    _start: float = field(default_factory=time.monotonic)
    _start_cpu: float = field(default_factory=cpu_seconds)

    @property
    def here(self) -> float:
        """Seconds since this process took the run up."""
        return time.monotonic() - self._start

    @property
    def seconds(self) -> float:
        """Seconds the run has taken."""
        return self.earlier + self.here

    @property
    def cpu_seconds(self) -> float:
        """Processor time the run has taken."""
        return self.earlier_cpu + cpu_seconds() - self._start_cpu


def write_beginning(
    run: Run, recipe: Recipe, corpus: Corpus, base: str, seed: int, resume: bool
) -> None:
    """Record that a run is at work, and with what."""
    record = run.record()
    run.update(
        status="running",
        error=None,
        note=None,
        ended_by=None,
        started=(record.started if resume else None) or now(),
        process=this_process(),
        recipe=asdict(recipe),
        seed=seed,
        base_model=record.base_model.changed(name=base),
        data=record.data.changed(name=record.data.name or corpus.name,
                                 passages=len(corpus.passages)),
        splits={
            split: {"queries": len(qrels), "pairs": len(corpus.pairs(split))}
            for split, qrels in corpus.qrels.items()
        },
        published=record.published,
        fingerprints={"corpus": corpus.fingerprint, "splits": corpus.split_fingerprints},
        versions={"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in LIBRARIES},
        tandem={"version": VERSION, "url": Settings.from_env().source},
    )


def described(known: RecordedModel, encoder: SentenceTransformerEncoder) -> RecordedModel:
    """A base model as the record says it, once loaded."""
    return known.changed(
        name=encoder.name,
        revision=encoder.revision,
        fingerprint=encoder.weights_fingerprint,
        dim=encoder.dim,
        max_seq_length=0 if (longest := encoder.model.max_seq_length) == inf else longest,
        parameters=sum(p.numel() for p in encoder.model.parameters()),
        **base_facts(encoder.model),
    )


def make_model(run: Run, kept: Checkpoints, corpus: Corpus) -> Index:
    """Make the best checkpoint the run's model; its index.

    The vectors are those kept with it.
    """
    kept.best_as(run.model)
    run.update(loads_with=write_for_older(run.model, run.record().base_model.max_seq_length))
    encoder = load_encoder(str(run.model))
    return Index(encoder, tuple(sorted(corpus.passage)), kept.best_vectors())


def prompted_best(
    run: Run, index: Index, corpus: Corpus, prompts: Mapping[str, str], used: bool
) -> tuple[Index, dict[str, Any]]:
    """The model with or without prompts, as dev prefers.

    And the choice. The model's folder then stores what it should be used with. prompts: as the base
    stores them. used: whether it was trained with them, so whether the index is with them.
    """
    model = load_encoder(str(run.model)).model
    model.prompts = dict(prompts)
    one = SentenceTransformerEncoder(model, index.name, index.encoder.fingerprint, prompted=used)
    other = one.with_prompts(not used)
    first = replace(index, encoder=one)
    sides = (first, one), (
        as_other(first, other) or build_index(other, corpus), other)
    (chosen, _), choice = fairer(*sides, corpus)
    if choice["used"] != used:
        path = run.model / SETTINGS
        settings = json.loads(path.read_text("utf-8"))
        settings["prompts"] = dict(prompts) if choice["used"] else {"query": "", "document": ""}
        write_json(path, settings)
    return replace(chosen, encoder=load_encoder(str(run.model))), choice


def write_result(
    run: Run,
    corpus: Corpus,
    base: Mapping[str, Mapping[str, Judged]],
    tuned: Index,
    cache: Path | None,
    changes: Mapping[str, Any],
) -> RunRecord:
    """Measure the tuned model and write the run's record.

    On dev and test; returns the record. base: how the base did, by split. changes: what else the
    record is to say.
    """
    if cache:  # so that nobody encodes the corpus again, and both forms are compared
        store_index(tuned, corpus, cache)
        make_fast(tuned.encoder, run.model, cache, corpus)
    passages = len(corpus.passages)
    sides = {split: Evidence(split, passages, base[split], evaluate(tuned, corpus, split),
                             leaked=leaked_queries(corpus, split))
             for split in MEASURED}
    run.write_per_query([row for side in sides.values() for row in side.as_rows()])
    record = run.record()
    measured = record.changed(
        metrics={split: side.as_json() for split, side in sides.items()},
        fingerprints=record.fingerprints.changed(
            base=record.base_model.fingerprint, tuned=fingerprint(run.model)),
        log=loss_log(run.events()),
        **changes)
    write_text(run.model / "README.md", model_card(measured))
    return run.write(measured)


def ending(run: Run, spent: Spent, status: str, ended_by: str, steps_done: int) -> dict[str, Any]:
    """What the record says at the end of a run."""
    return {
        "status": status,
        "ended_by": ended_by,
        "process": None,
        "finished": max(now(), run.record().started or ""),  # a clock may be set back
        "seconds": round(spent.seconds, 2),
        "cpu_seconds": round(spent.cpu_seconds, 2),
        "steps_done": steps_done,
    }
