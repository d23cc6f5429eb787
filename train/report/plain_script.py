"""A run's fine-tune as a plain sentence-transformers script.

Its data lie beside it as JSONL.
"""

import json
import re
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from corpus.records import Corpus
from train.recipe import Recipe, retired_values
from train.run.files import write_text
from train.run.record import RunRecord

from .templates import template

SCRIPT = "finetune.py"
SCHEDULERS = {"linear": "linear", "cosine": "cosine", "constant": "constant_with_warmup"}
"""Our schedules in the words of transformers."""
WIDTH = 99
PASSAGE_PROMPTS = ("document", "passage", "corpus")
"""Under which names a model stores the prompt of passages: the first it has counts."""


def script_text(record: RunRecord) -> str:
    """The script that trains as a run did.

    About sixty lines of Python. It needs sentence-transformers, datasets and torch, and the files
    of `write_script` beside it. A card shows it whole in a block of code, behind a fence longer
    than any in it; what a visitor named stands in it as literals. A base that is a folder stands
    with its path: a card gives a record whose base has `reproduce.base_name`. RecipeError where the
    record has no recipe of today.
    """
    return template("plain_script.py.j2").render(
        python=repr, plain=_plain, **_values(record))


def write_script(record: RunRecord, corpus: Corpus, folder: Path) -> list[str]:
    """Write the script and its data; the files' names.

    folder: is made if need be. OSError where that cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{name}.jsonl": _lines(rows) for name, rows in _data(corpus).items()}
    files[SCRIPT] = script_text(record)
    for name, text in files.items():
        write_text(folder / name, text)
    return sorted(files)


def _values(record: RunRecord) -> dict[str, Any]:
    """What the template takes of a record."""
    kept, base = record.recipe.hyperparameters if record.recipe else {}, record.base_model
    recipe = Recipe.from_record(kept)
    prompts, trained = _prompts(record)
    bf16 = (record.precision or recipe.precision) == "bf16"
    return {
        "run": record.data.name or "a run",
        "packages": " ".join(_packages(record)),
        "base": base.name, "revision": base.revision, "similarity": base.similarity,
        "max_seq_length": recipe.max_seq_length or base.max_seq_length or 512,
        "prompts": prompts, "trained_prompts": trained, "seed": record.seed,
        "loss": ("Cached" if recipe.mini_batch_size else "") + "MultipleNegativesRankingLoss",
        "scale": record.loss_scale or recipe.scale,
        "scheduler": SCHEDULERS[recipe.schedule], "keep_best": recipe.keep == "best",
        "bf16": bf16, "on_cpu": bf16 and not record.device.startswith("cuda"),
        "left_out": textwrap.wrap(_left_out(recipe, retired_values(kept)), WIDTH),
        **{name: getattr(recipe, name) for name in (
            "epochs", "batch_size", "learning_rate", "warmup", "weight_decay", "max_grad_norm",
            "dropout", "truncate_dim", "patience", "symmetric", "mini_batch_size")},
    }


def _data(corpus: Corpus) -> dict[str, list[dict[str, Any]]]:
    """The rows of each file: pairs to train on, queries to measure on, what is searched."""
    rows: dict[str, list[dict[str, Any]]] = {
        "train": [{"anchor": pair.query.text, "positive": pair.passage.content}
                  for pair in corpus.pairs("train")],
        "corpus": [{"id": passage.id, "text": passage.content} for passage in corpus.passages],
    }
    for split in ("dev", "test"):
        rows[split] = [
            {"id": query, "query": corpus.queries[query].text,
             "relevant": [passage for passage, grade in grades.items() if grade > 0]}
            for query, grades in corpus.qrels.get(split, {}).items()
        ]
    return rows


def _plain(text: str) -> str:
    """A name for the script's docstring: what could end it is left out."""
    return re.sub(r"[^\w .,:@/+=-]+", " ", text).strip()


def _lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _prompts(record: RunRecord) -> tuple[dict[str, str], dict[str, str]]:
    """What the model stores as prompts while it trains, and what the columns are trained with."""
    stored = dict(record.base_model.stored_prompts)
    if not stored:
        return {}, {}
    if not record.base_is_prompted:
        return {"query": "", "document": ""}, {}
    passage = next((stored[name] for name in PASSAGE_PROMPTS if stored.get(name)), "")
    columns = {"anchor": stored.get("query", ""), "positive": passage}
    return stored, {column: prompt for column, prompt in columns.items() if prompt}


def _packages(record: RunRecord) -> list[str]:
    """What to install, as it was in the run; a build's own mark (`+cpu`) is in no index."""
    names = ("sentence-transformers", "torch", "datasets", "accelerate")
    return [f"{name}=={version.partition('+')[0]}" if (version := record.versions.get(name))
            else name for name in names]


def _left_out(recipe: Recipe, retired: Sequence[str]) -> str:
    """What Tandem does beyond this script, for a reader who compares the two."""
    parts = [said for said, has in (
        ("cross-batch memory", recipe.cross_batch_memory),
        ("hard negatives that the data gives", recipe.given_negatives),
        ("masks of passages known to answer another query", recipe.mask),
        ("batches of texts of like length", recipe.batching == "like_length"),
        ("batches of neighbours", recipe.batching == "neighbours"),
    ) if has] + [*retired]
    if not parts:
        return "The recipe has nothing that this script leaves out."
    return f"Left out of the recipe, because it is Tandem's own: {', '.join(parts)}."
