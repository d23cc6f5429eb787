"""`python -m train merge`: a model merged with its base.

Without --alpha the merges are measured on dev and on the general collection, and the one that keeps
retention at the least loss is named; with it, that merge is written as a run of its own.
"""

import argparse
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from corpus.sandbox import progress_printer
from hub.progress import silent
from retrieval.metrics import PRIMARY
from retrieval.models import load_encoder
from train.merging.curve import KEPT, measure_curve
from train.merging.run import merged_run
from train.merging.weights import LEAST, MOST, check_alpha
from train.run.data import same_corpus_of
from train.run.extra_parts import MergePoint
from train.run.lock import held
from train.run.record import Run, RunError
from train.settings import Settings

from .retention import base_of, measure_retention

log = logging.getLogger("train")


def add_merge(commands: Any) -> None:
    """Add the command to the parser of `python -m train`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "merge", help="merge a fine-tuned model with its base")
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("--alpha", type=_alpha, metavar="A",
                        help=f"share of the fine-tuned weights, {LEAST} to {MOST:g}; without it "
                             "merges are measured and one is named")
    parser.add_argument("--out", type=Path, metavar="RUN_DIR",
                        help="where the merged run goes; RUN_DIR-merged otherwise")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=merge_command, as_text=_text)


def _alpha(text: str) -> float:
    try:
        return check_alpha(float(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            str(error) if str(error).startswith("alpha") else
            f"must be a number from {LEAST} to {MOST:g}, not {text!r:.40}") from None


def merge_command(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """Measure merges of a run, or write one."""
    parent, cache = Run(options.run), Settings.from_env().cache
    record = parent.record()
    if not record.is_usable or not parent.has_model:
        raise RunError(f"{parent.folder} is {record.status} and holds no model to merge.")
    if record.merged:
        raise RunError(f"{parent.folder} is a merge already (of {record.merged.run}): merge that "
                       "run with another alpha.")
    corpus = same_corpus_of(parent, "a merge is measured on it")
    base, tuned = base_of(record), load_encoder(str(parent.model))
    told = progress_printer() if options.json else silent
    if options.alpha is None:
        curve = measure_curve(base, tuned, corpus, cache, progress=told)
        with held(parent):  # somebody may be publishing it, which changes the record too
            parent.update(merge_curve=curve)
        return {"run": str(parent.folder), **curve.to_json(), "chosen": curve.chosen}, 0
    out = options.out or parent.folder.with_name(f"{parent.id}-merged")
    run = merged_run(parent, base, tuned, corpus, options.alpha, out, cache,
                     lambda at: told(replace(at, text="The merge reads the passages")))
    try:
        measure_retention(run, cache, told)
    except ValueError as error:  # the merge stands without it
        log.warning("What it cost elsewhere was not measured: %s", error)
    record = run.record()
    return {"run": str(run.folder), "alpha": options.alpha, "parents": [
        record.base_model.name, parent.id], "metrics": {
            split: found.to_json() for split, found in record.metrics.items()},
        "retention": record.retention.to_json() if record.retention else None}, 0


def _text(result: Mapping[str, Any]) -> str:
    if "points" not in result:
        test = result["metrics"]["test"]
        return (f"{result['run']}: alpha {result['alpha']:g}. {test['verdict']}\n"
                f"{(result['retention'] or {}).get('verdict', '')}").rstrip()
    points = [MergePoint.from_json(point) for point in result["points"]]
    rows = [f"{'alpha':>6}{'dev':>9}{'general':>9}  retention (95 % interval)"]
    rows += [f"{at.alpha:6.2f}{at.dev:9.4f}{at.general:9.4f}  {at.retention:+.4f} "
             f"({at.low:+.4f} to {at.high:+.4f})"
             f"{'  <- chosen' if at.alpha == result['chosen'] else ''}" for at in points]
    if result["chosen"] is None:
        rows.append(f"None keeps retention above {KEPT}.")
    return "\n".join([f"{PRIMARY} of merges by alpha", *rows])
