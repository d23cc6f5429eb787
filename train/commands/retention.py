"""`python -m train retention`.

What a run cost on questions that are not of its domain.
"""

import argparse
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from corpus.sandbox import progress_printer
from hub.progress import OnProgress, Progress, silent
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.metrics import PRIMARY
from retrieval.models import load_encoder
from retrieval.retention import retention
from train.run.lock import held
from train.run.parts import RecordedRecipe
from train.run.record import Run, RunError, RunRecord
from train.settings import Settings

log = logging.getLogger("train")
READS = {"base": "Base reads passages about other things",
         "tuned": "Fine-tuned reads passages about other things"}


def add_retention(commands: Any) -> None:
    """Add the command to the parser of `python -m train`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "retention", help="what a fine-tune cost on questions of other domains")
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=retention_command, as_text=lambda result: result["verdict"])


def retention_command(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """Measure the retention of a run, and record it.

    Base and tuned model on the general collection.
    """
    progress = progress_printer() if options.json else silent
    return measure_retention(Run(options.run), Settings.from_env().cache, progress), 0


def measure_retention(
    run: Run, cache: Path | None, progress: OnProgress = silent
) -> dict[str, Any]:
    """The retention of a run, measured like its test split.

    Kept in `run.json`. RunError when the run has no model; ModelError when its base cannot be had.
    """
    record = run.record()
    if not record.is_usable or not run.has_model:
        raise RunError(f"{run.folder} is {record.status} and holds no model to measure.")
    tuned = load_encoder(str(run.model))
    last = ""

    def tell(at: Progress) -> None:
        nonlocal last
        progress(replace(at, text=READS[at.text]))
        if at.text != last or at.done == at.total:
            log.info("%s: %s of %s passages of the general collection", at.text, at.done, at.total)
        last = at.text

    found = retention(base_of(record), tuned, cache, progress=tell)
    with held(run):  # somebody may be publishing it, which changes the record too
        run.update(retention=found)
    log.info("%s: %+.4f %s", run.id, found["difference"][PRIMARY]["value"], PRIMARY)
    return found


def base_of(record: RunRecord) -> SentenceTransformerEncoder:
    """The base model of a run as it was measured.

    Tokens, prompts, dimensions. A visitor's run may name any model: it is asked for in nobody's
    name.
    """
    base, recipe = record.base_model, record.recipe or RecordedRecipe()
    token = None if record.owner is None else False
    encoder = load_encoder(base.name, base.revision, token=token, prompts=base.prompts)
    return encoder.cut_at(recipe.max_seq_length).with_prompts(record.base_is_prompted).at(
        recipe.truncate_dim)
