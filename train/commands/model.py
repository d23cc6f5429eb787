"""The command `model`: what a base model is.

Asked before anything is spent.
"""

import argparse
import time
from collections.abc import Mapping
from typing import Any

from retrieval.model_kinds import ModelFiles
from retrieval.models import (
    EMBEDDED_MODEL,
    AskedPrompts,
    ModelError,
    check_model,
    load_encoder,
    probe,
)
from train.fit.model import check_fits
from train.recipe import Recipe


def add_model(commands: Any) -> None:
    """The command and its arguments."""
    command = commands.add_parser("model", help="say what a base model is, and try it on two texts")
    command.add_argument("--base", default=EMBEDDED_MODEL, metavar="MODEL[@REVISION]",
                         help="Hub id or folder of the base model")
    add_prompts(command)
    command.add_argument("--most-bytes", type=int, metavar="N",
                         help="do not fetch more weights than this: look at the files alone")
    add_size(command)
    command.add_argument("--json", action="store_true", help="print one JSON object")
    command.set_defaults(command=model_command, as_text=_text)


def add_prompts(command: argparse.ArgumentParser) -> None:
    """The arguments that say what is put before a text."""
    for side in ("query", "passage"):
        command.add_argument(f"--{side}-prompt", metavar="TEXT", help=f"what is put before a {side}"
                             ", instead of what the model stores or its authors publish")


def add_size(command: argparse.ArgumentParser) -> None:
    """The argument that refuses a model by its size."""
    command.add_argument("--refuse-over", type=int, metavar="N",
                         help="refuse a model with more bytes of weights, before any are fetched")


def check_size(base: str, files: ModelFiles | None, most: int | None) -> None:
    """Refuse a model of the Hub that is too large.

    By the Hub's list of files; ModelError. files: None where the Hub lists none.
    """
    if most is None or files is None or files.local:
        return
    if not files.weight_bytes:
        raise ModelError(f"The Hub does not say how large the model {base} is, so it is not "
                         "fetched here: take another, or run Tandem on a machine of your own.")
    if files.weight_bytes > most:
        raise ModelError(f"The model {base} has {files.weight_bytes / 1e9:.1f} GB of weights; at "
                         f"most {most / 1e9:.1f} GB are fetched here (TANDEM_MAX_MODEL_GB). Take a "
                         "smaller one, or run Tandem on a machine of your own.")


def asked_prompts(options: argparse.Namespace) -> AskedPrompts:
    """The prompts that a command line asks for.

    A side that it does not name is None.
    """
    return {"query": options.query_prompt, "passage": options.passage_prompt}


def model_command(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """Load a base model and encode two texts.

    After a look at its files; ModelError with a sentence.
    """
    began = time.monotonic()
    files = check_model(options.base)
    check_size(options.base, files, options.refuse_over)
    known = files.weight_bytes if files else 0
    if options.most_bytes is not None and known > options.most_bytes:
        return {"base": options.base, "tried": False, "weight_bytes": known}, 0
    encoder = load_encoder(options.base, prompts=asked_prompts(options))
    probe(encoder)
    return {
        "base": encoder.name,
        "revision": encoder.revision,
        "tried": True,
        "weight_bytes": known,
        "dim": encoder.dim,
        "similarity": encoder.similarity,
        "prompts": encoder.prompts,
        "parameters": sum(value.numel() for value in encoder.model.parameters()),
        "seconds": round(time.monotonic() - began, 2),
    }, 0


def check_base(
    base: str, revision: str | None, prompts: AskedPrompts, recipe: Recipe
) -> None:
    """Try a base model before a run is made.

    ModelError with a sentence, TrainingError where the recipe does not fit it. The embedded one is
    known by its hash: nothing is loaded for that.
    """
    if base == EMBEDDED_MODEL and revision is None:
        return
    try:
        encoder = load_encoder(base, revision, prompts=prompts)
        probe(encoder)
        check_fits(encoder.model, recipe)
    except MemoryError:
        raise ModelError(f"The model {base} does not fit in this machine's memory.") from None


def _text(result: Mapping[str, Any]) -> str:
    if not result["tried"]:
        return (f"{result['base']}: a text embedder by its files; not tried, its weights have "
                f"{result['weight_bytes'] / 1e9:.1f} GB.")
    prompts = ", ".join(f"{side} {text!r}" for side, text in result["prompts"].items() if text)
    return (f"{result['base']}: {result['parameters']:,} parameters, {result['dim']} dimensions, "
            f"compared by {result['similarity']}; prompts: {prompts or 'none'}.")
