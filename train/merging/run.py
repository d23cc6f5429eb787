"""A merge as a run of its own.

Its record names both parents and alpha; its test split is measured once, against the base that the
parent run was measured against.
"""

import shutil
import time
from pathlib import Path
from typing import Any

from corpus.records import Corpus
from corpus.split import leaked_queries
from hub.progress import OnProgress, silent
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.evaluation import Evidence, evaluate
from retrieval.index import Index, build_index, store_index
from retrieval.models import fingerprint, load_encoder
from train.report.card import model_card
from train.run.extra_parts import RecordedMerge
from train.run.files import write_text
from train.run.record import Run, RunError, now
from train.run.saved_model import write_for_older

from .weights import check_alpha, merged

MEASURED = ("dev", "test")


def merged_run(
    parent: Run,
    base: SentenceTransformerEncoder,
    tuned: SentenceTransformerEncoder,
    corpus: Corpus,
    alpha: float,
    out: Path,
    cache: Path | None = None,
    progress: OnProgress = silent,
) -> Run:
    """Write the merge of a run's model with its base.

    The record is written last: until then there is no run, and what was begun is removed when
    something fails. progress: told how many passages are encoded. RunError where something stands
    at `out` already.
    """
    check_alpha(alpha)
    if out.exists() and any(out.iterdir()):
        raise RunError(f"{out} is not empty: choose another --out.")
    start, run = time.monotonic(), Run(out)
    out.mkdir(parents=True, exist_ok=True)
    try:
        made = merged(base, tuned, alpha)
        made.model.truncate_dim = tuned.truncate_dim
        made.model.save_pretrained(str(run.model), create_model_card=False)
        loads_with = write_for_older(run.model, parent.record().base_model.max_seq_length)
        index = build_index(load_encoder(str(run.model)), corpus, progress=progress)
        if cache:  # so that nobody encodes the corpus again
            store_index(index, corpus, cache)
        _measure(run, parent, index, corpus)
        _write(run, parent, alpha, loads_with, time.monotonic() - start)
    except BaseException:
        shutil.rmtree(out, ignore_errors=True)
        raise
    return run


def _measure(run: Run, parent: Run, index: Index, corpus: Corpus) -> None:
    """Dev and test, the base as the parent run measured it."""
    rows = parent.per_query()
    written = []
    for split in MEASURED:
        before = Evidence.from_rows(rows, split, len(corpus.passages))
        found = evaluate(index, corpus, split)
        written += Evidence(split, len(corpus.passages), before.base, found,
                            leaked=leaked_queries(corpus, split)).as_rows()
    run.write_per_query(written)


def _write(run: Run, parent: Run, alpha: float, loads_with: str, seconds: float) -> None:
    record = parent.record()
    rows = run.per_query()
    tuned = fingerprint(run.model)
    changes: dict[str, Any] = {
        "created": now(), "finished": now(), "status": "done", "error": None, "process": None,
        "retention": None, "onnx": None, "published": (), "merge_curve": None,
        "loads_with": loads_with,
        "seconds": round((record.seconds or 0) + seconds, 2),
        "metrics": {split: Evidence.from_rows(rows, split, record.data.passages).as_json()
                    for split in MEASURED},
        "fingerprints": record.fingerprints.changed(tuned=tuned),
        "merged": RecordedMerge(alpha=alpha, run=parent.id, base=record.fingerprints.base,
                                tuned=record.fingerprints.tuned),
    }
    merged_record = record.changed(**changes)
    write_text(run.model / "README.md", model_card(merged_record))
    run.write(merged_record)
