"""`python -m train evaluate`: measure a model, or several.

Each model with its prompts or without, as is better. Which is better is decided on dev, as a run
decides it.
"""

import argparse
import contextlib
import json
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from corpus.load import BUILT_IN, load_corpus
from corpus.records import SPLITS, Corpus
from corpus.sandbox import progress_printer
from corpus.split import leaked_queries
from hub.progress import OnProgress, silent
from hub.tokens import local_token
from retrieval.alternatives.fusion import fuse
from retrieval.alternatives.table import Alternative, Alternatives, fusion_note, measured
from retrieval.bm25 import build_lexical_index
from retrieval.evaluation import Evidence, means
from retrieval.index import Index
from retrieval.metrics import METRICS, PRIMARY
from retrieval.models import load_encoder, probe
from retrieval.prompts import at_its_best
from retrieval.spread import build_index_spread
from train.engines import EngineError
from train.engines.jobs import JobsEngine
from train.engines.jobs.evaluation import AskedEvaluation, evaluate_on_jobs
from train.engines.jobs.hub import UserHub
from train.engines.jobs.pricing import time_limit
from train.run.record import Run, RunError
from train.settings import Settings

log = logging.getLogger("train")

LEXICAL, HYBRID = "bm25", "hybrid"
"""Alternatives by name that are no model."""
TUNED = "Fine-tuned"
LOCAL, JOBS = "local", "jobs"


def add_evaluate(commands: Any) -> None:
    """The command and its arguments."""
    command: argparse.ArgumentParser = commands.add_parser(
        "evaluate", help="measure a model, or several")
    command.add_argument("--model", required=True, metavar="MODEL|RUN_DIR")
    command.add_argument(
        "--against", metavar="A,B,…",
        help=f"what to compare with: models, run directories, {LEXICAL}, {HYBRID}")
    command.add_argument("--data", default=BUILT_IN)
    command.add_argument("--split", default="test", choices=SPLITS)
    command.add_argument("--per-query", action="store_true",
                         help="give the figures of each question too")
    command.add_argument("--engine", default=LOCAL, choices=(LOCAL, JOBS),
                         help="here, or on Hugging Face Jobs with the token of this machine")
    command.add_argument("--flavor", metavar="NAME",
                         help="the machine of Jobs; a name it does not know is answered with all")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(command=evaluate_command, as_text=evidence_text)


def evaluate_command(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """Measure one model, or several on the same queries."""
    if options.engine == JOBS:
        return _on_jobs(options), 0
    if options.flavor:
        raise ValueError("--flavor names a machine of Jobs: add --engine jobs.")
    corpus = load_corpus(options.data)
    evaluation = _Evaluation(corpus, options.split, Settings.from_env().cache,
                             progress_printer() if options.json else silent)
    if options.against is None:
        result = _alone(evaluation, options.model, options.per_query)
    else:
        result = _compared(evaluation, options.model, alternatives_of(options.against))
    return result | ({"prompts": evaluation.prompts} if evaluation.prompts else {}), 0


def _on_jobs(options: argparse.Namespace) -> dict[str, Any]:
    """The same, measured by a job."""
    settings, token = Settings.from_env(), local_token()
    engine = JobsEngine(settings.max_minutes)
    account = engine.check(token, options.flavor)
    (flavor,) = [known for known in engine.flavors(token) if known.name == options.flavor]
    limit = time_limit(None, settings.max_minutes)
    log.info("%s pays for %s, at most %d minutes%s.", account, flavor.name, limit // 60,
             f" at ${flavor.usd_per_hour:.2f} an hour" if flavor.usd_per_hour is not None else "")
    against = alternatives_of(options.against) if options.against else []
    asked = AskedEvaluation((options.model, *against), options.data, options.split,
                            options.per_query)
    mirror = os.environ.get("HF_ENDPOINT")
    try:
        return checked(evaluate_on_jobs(
            asked, UserHub(token or "", engine.endpoint), account, flavor.name, limit,
            partial(_told, as_json=options.json), engine.pace,
            {"HF_ENDPOINT": mirror} if mirror else None))
    except KeyboardInterrupt:
        raise EngineError("It was interrupted: its job is cancelled.") from None


def checked(found: dict[str, Any]) -> dict[str, Any]:
    """An evaluation from elsewhere; EngineError if it is none."""
    try:
        evidence_text(found)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise EngineError("What the job left is no evaluation.") from None
    return found


def _told(line: str, as_json: bool) -> None:
    """Pass on what a job says.

    Its progress as people read it, unless a program listens.
    """
    if line.startswith('{"progress"') and not as_json:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            done, total = json.loads(line)["progress"]
            line = f"{done:,} of {total:,} passages encoded"
    sys.stderr.write(line + "\n")


def _alone(evaluation: "_Evaluation", model: str, per_query: bool) -> dict[str, Any]:
    """The figures of one model."""
    row, _ = evaluation.measured("model", "model", model, free=True)
    result = {"split": evaluation.split, "queries": len(row.judged),
              "passages": len(evaluation.corpus.passages), "model": means(row.judged),
              "ms_per_query": row.ms_per_query, "bytes": row.bytes, "seconds": row.seconds}
    if per_query:
        result["per_query"] = {query_id: asdict(judged) for query_id, judged in row.judged.items()}
    return result


def alternatives_of(text: str) -> list[str]:
    """The names between commas.

    A folder may have commas in its name.
    """
    if Path(text).exists():
        return [text]
    return [name for part in text.split(",") if (name := part.strip())]


def model_of(model: str) -> str:
    """The model a run directory holds, or the model named."""
    if not _is_run(model):
        return model
    run = Run(Path(model))
    if not run.has_model:
        raise RunError(f"{model} is {run.record().status} and holds no model.")
    return str(run.model)


def _is_run(model: str) -> bool:
    return (Path(model) / "run.json").is_file()


@dataclass
class _Evaluation:
    """Measures sides on one split; keeps which prompts did better."""

    corpus: Corpus
    split: str
    cache: Path
    progress: OnProgress = silent
    prompts: dict[str, Any] = field(default_factory=dict)

    def index(self, side: str, model: str) -> Index:
        """A model's index, with its better prompts."""
        encoder = load_encoder(model_of(model))
        probe(encoder)
        log.info("Measuring %s on %s …", model, self.split)
        (index, _), choice = at_its_best(encoder, self.corpus, lambda way: build_index_spread(
            way, self.corpus, self.cache, self.progress))
        if choice:
            self.prompts[side] = choice
        return index

    def measured(self, name: str, side: str, model: str, *, free: bool) -> tuple[
        Alternative, Index
    ]:
        """A model as one of the table's rows."""
        start = time.monotonic()
        index = self.index(side, model)
        seconds = time.monotonic() - start
        if _is_run(model):
            seconds = Run(Path(model)).record().seconds or seconds
        return measured(name, index, self.corpus, self.split, free=free, seconds=seconds), index


def _compared(evaluation: _Evaluation, model: str, names: Sequence[str]) -> dict[str, Any]:
    """One model against several alternatives; what cannot be had says why in its row."""
    tuned, _ = evaluation.measured(TUNED, "tuned", model, free=False)
    rows: list[Alternative] = []
    base: Index | None = None
    for name in [name for name in names if name not in (LEXICAL, HYBRID)]:
        try:
            row, index = evaluation.measured(name, "base" if not rows else name, name,
                                        free=not _is_run(name))
            base = base or (index if row.free else None)
        except (ValueError, OSError) as error:
            if len(names) == 1:
                raise
            row = Alternative(name, {}, not _is_run(name), error=str(error))
        rows.append(row)
    rows += _lexical(evaluation, names, base)
    rows.sort(key=lambda row: names.index(row.name))
    first = next((row for row in rows if row.judged), None)
    if first is None:
        raise ValueError("Nothing to compare with could be measured: "
                         + " ".join(f"{row.name}: {row.error}" for row in rows))
    # What the two were trained on nobody knows; where splits leak, some of it is known.
    leaked = leaked_queries(evaluation.corpus, evaluation.split) or None
    evidence = Evidence(evaluation.split, len(evaluation.corpus.passages), first.judged,
                        tuned.judged, leaked=leaked)
    if len(names) == 1 and names[0] not in (LEXICAL, HYBRID):
        return evidence.as_json()
    table = Alternatives(evaluation.split, len(evaluation.corpus.passages), [*rows, tuned], leaked)
    return evidence.as_json() | {
        "alternatives": table.as_json(),
        "verdict": table.verdict_of(TUNED) or evidence.verdict}


def _lexical(
    evaluation: _Evaluation, names: Sequence[str], base: Index | None
) -> list[Alternative]:
    """The rows that BM25 has a part in."""
    if not {LEXICAL, HYBRID} & set(names):
        return []
    start = time.monotonic()
    words = build_lexical_index(evaluation.corpus)
    seconds = time.monotonic() - start
    rows = []
    if LEXICAL in names:
        rows.append(measured(LEXICAL, words, evaluation.corpus, evaluation.split, seconds=seconds))
    if HYBRID in names:
        if base is None:
            return [*rows, Alternative(HYBRID, {}, error=(
                f"{HYBRID} fuses BM25 with a base model: name one that can be loaded beside it."))]
        fusion = fuse(words, base, evaluation.corpus, HYBRID)
        rows.append(measured(HYBRID, fusion, evaluation.corpus, evaluation.split,
                             seconds=time.monotonic() - start,
                             note=fusion_note(fusion, evaluation.corpus)))
    return rows


def evidence_text(result: Mapping[str, Any]) -> str:
    """The figures as a table for a terminal."""
    if "model" in result:
        return "\n".join(f"{name:14}{result['model'][name]:8.4f}" for name in METRICS)
    rows = [f"{'':14}{'base':>8}{'tuned':>8}{'diff':>9}  95 % interval"]
    for name in METRICS:
        gap = result["difference"][name]
        rows.append(
            f"{name:14}{result['base'][name]:8.4f}{result['tuned'][name]:8.4f}"
            f"{gap['value']:+9.4f}  {gap['low']:+.4f} to {gap['high']:+.4f}"
        )
    return "\n".join([*rows, *_table_text(result)])


def _table_text(result: Mapping[str, Any]) -> list[str]:
    """The alternatives, a line each, and the verdict."""
    if "alternatives" not in result:
        return []
    lines = ["", f"{'what could ship':40}{PRIMARY:>8}  {'against the best free':28}"
             f"{'ms':>6}{'MB':>8}"]
    for row in result["alternatives"]:
        if "error" in row:
            lines.append(f"{row['name']:40.40}  {row['error']}")
            continue
        gap = (row["difference"] or {}).get(PRIMARY)
        held = "best without training" if row["best_free"] else "" if gap is None else (
            f"{gap['value']:+.4f} ({gap['low']:+.4f} to {gap['high']:+.4f})")
        size = (row["bytes"] or 0) / 1e6
        lines.append(f"{row['name']:40.40}{row['metrics'][PRIMARY]:8.4f}  {held:28}"
                     f"{row['ms_per_query']:6.1f}{size:8.1f}")
    return [*lines, "", result["verdict"]]
