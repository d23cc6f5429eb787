"""The model card, from the run record alone.

Every number on it stands in `run.json`. What it says stands in `card.md.j2`; here is what that is
filled with.
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from corpus.load import BUILT_IN
from retrieval.encoder import PASSAGE_PROMPTS, QUERY_PROMPTS
from retrieval.metrics import METRICS, PRIMARY
from train.run.parts import RecordedDifference, RecordedEvidence, RecordedRecipe
from train.run.record import RunError, RunRecord

from .card_claims import chosen_by_dev, heading, limits, listed, longest, use_of
from .card_metadata import CardEdits, front_matter, is_repo_id, loss_names, title_of
from .reproduce import base_name, command, data_argument, download, plain_script
from .templates import template

Row = list[str]
SIDES = {"base": "base", "tuned": "fine-tuned"}
NEUTRAL = ("How do I change my password?", (
    "Open the settings, choose Account, and then Change password.",
    "The office is open on weekdays, and closed on public holidays."))
"""A question with an answer and another passage, where those of the data may not be shown."""


def model_card(record: RunRecord, repo: str | None = None) -> str:
    """The card of a finished run: front matter and text.

    record: `run.json`, with metrics of dev and test; what a person changed is in its `card`
    (`CardEdits`). repo: where it is published, None for a folder. RunError without figures.
    """
    if not record.metrics:
        raise RunError("The run was not measured: without figures it has no card.")
    values = {"primary": PRIMARY, "repo": repo, "table": table, "measured": measured}
    return template("card.md.j2").render(
        values | _model(record) | _usage(record) | _evaluation(record) | _data(record)
        | _training(record))


def _model(record: RunRecord) -> dict[str, Any]:
    """What the model is."""
    base, edits = record.base_model, CardEdits.of(record)
    cut = record.recipe.truncate_dim if record.recipe else None
    return {
        "front_matter": front_matter(record).rstrip("\n"),
        "title": title_of(record),
        "description": (edits.description or "").strip(),
        "base": _linked(base.name),
        "revision": base.revision,
        "architecture": base.architecture,
        "parameters": base.parameters,
        "tokens": longest(record),
        "dim": cut or base.dim,
        "cut": cut,
        "full_dim": base.full_dim,
        "similarity": base.similarity,
        "language": ", ".join(edits.language),
        "license": edits.license,
        "tandem": record.tandem,
        "merged": record.merged,
    }


def _linked(name: str) -> str:
    if is_repo_id(name):
        return f"[{name}](https://huggingface.co/{name})"
    return f"`{base_name(name)}`"


def _usage(record: RunRecord) -> dict[str, Any]:
    """How the model is asked: with sentences of the data, unless that is private."""
    shown = () if CardEdits.of(record).private_data else record.data.widget
    question, passages = (shown[0].source_sentence, shown[0].sentences) if shown else NEUTRAL
    return {
        "question": repr(question),
        "answers": [repr(passage) for passage in passages],
        "prompts": [[f"`{name}`", f"`{text}`"] for name, text in _prompts_used(record).items()],
        "loads_with": record.loads_with,
    }


def _prompts_used(record: RunRecord) -> dict[str, str]:
    """What the model puts before a text, by the method that does: unless it does better without."""
    chosen = record.prompts.get("tuned") or record.prompts.get("base")
    if chosen is not None and not chosen.used:
        return {}
    stored = record.base_model.stored_prompts
    methods = {"encode_query": QUERY_PROMPTS, "encode_document": PASSAGE_PROMPTS}
    return {method: text for method, names in methods.items()
            if (text := next((stored[name] for name in names if name in stored), ""))}


def _evaluation(record: RunRecord) -> dict[str, Any]:
    """Base beside tuned on test and on dev, then what fine-tuning cost elsewhere, and speed."""
    metrics = record.metrics
    return {
        "verdict": metrics["test"].verdict,
        "splits": [(heading(record, split), metrics[split]) for split in ("test", "dev")],
        "folds": record.cross_validation,
        "choices": [
            [SIDES[side], f"{choice.with_prompts:.4f}", f"{choice.without_prompts:.4f}",
             "with" if choice.used else "without"]
            for side in SIDES if (choice := record.prompts.get(side))
        ],
        "retention": record.retention,
        "retained": retained(record.retention) if record.retention else [],
        "speed": flat(record.speed.to_json()),
        "onnx": record.onnx,
        "limits": list(limits(record)),
    }


def measured(figures: RecordedEvidence) -> list[Row]:
    """One split: each metric of both models with the difference."""
    return [
        [f"**{name}**" if name == PRIMARY else name, f"{figures.base[name]:.4f}",
         f"{figures.tuned[name]:.4f}", *_gap(figures.difference[name])]
        for name in METRICS
    ]


def _gap(gap: RecordedDifference) -> Row:
    interval = f"{gap.low:+.4f} to {gap.high:+.4f}"
    return [f"{gap.value:+.4f}", interval, "" if gap.p is None else f"{gap.p:.4f}"]


def retained(figures: RecordedEvidence) -> list[Row]:
    """The metrics of both models on the general collection.

    Passages that are not of the domain.
    """
    name = str(figures.stated.get("name", "other subjects"))
    return [
        [name, metric, f"{figures.base[metric]:.4f}", f"{figures.tuned[metric]:.4f}",
         *(_gap(figures.difference[metric])[:2] if metric in figures.difference else ["", ""])]
        for metric in METRICS
        if metric in figures.base and metric in figures.tuned
    ]


def flat(values: Mapping[str, Any], before: str = "") -> list[Row]:
    """Nested figures of a record as (name, value), names joined."""
    rows: list[Row] = []
    for key, value in values.items():
        name = f"{before} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            rows += flat(value, name)
        elif value is not None and not isinstance(value, list):
            rows.append([name, str(value)])
    return rows


def _data(record: RunRecord) -> dict[str, Any]:
    """What it was trained and measured on: true sizes, lengths, samples unless it is private."""
    source, edits = record.data, CardEdits.of(record)
    lengths = [
        [split, side, unit, *(f"{value}" for value in (spread.min, spread.mean, spread.max))]
        for split, sizes in source.statistics.items()
        for side, units in (("anchor", sizes.anchor), ("positive", sizes.positive))
        for unit, spread in units.items()
    ]
    samples = () if edits.private_data else source.samples
    return {
        "name": source.name,
        "hub_id": source.hub_id or next(iter(edits.datasets), None),
        "passages": source.passages,
        "built_in": source.source == BUILT_IN,
        "leaked": record.metrics["test"].leaked,
        "asked": record.metrics["test"].queries,
        "sizes": [
            [split, use_of(record, split), f"{sizes.queries:,}", f"{sizes.pairs:,}",
             f"{source.statistics[split].passages:,}" if split in source.statistics else ""]
            for split, sizes in record.splits.items()
        ],
        "lengths": lengths,
        "counted": any("tokens" in row for row in lengths),
        "private": edits.private_data,
        "samples": {
            said: rows for split, said in (("train", "training"), ("dev", "dev"))
            if (rows := [[cell(pair.anchor), cell(pair.positive)] for pair in samples
                         if pair.split == split])
        },
    }


def cell(text: str) -> str:
    """A text as a cell of a table.

    Nothing in it is markup.
    """
    plain = re.sub(r"([\\*_\[\]~])", r"\\\1", text.replace("\n", " "))
    escaped = html.escape(plain, quote=False).replace("|", "&vert;").replace("`", "&grave;")
    return f"<code>{escaped}</code>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, with a line break behind each row."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _training(record: RunRecord) -> dict[str, Any]:
    """How it was trained, and how it is trained again."""
    recipe = record.recipe or RecordedRecipe()
    header, log = training_log(record)
    prints = {"data": record.fingerprints.corpus, "base model": record.fingerprints.base,
              "this model": record.fingerprints.tuned}
    settings = recipe.hyperparameters | {"loss": _loss(recipe), "seed": record.seed}
    if "scale" in settings:
        settings["scale"] = _scale(record, settings["scale"])
    if record.precision:
        settings["precision"] = record.precision
    if record.optimizer:
        settings |= {"optimizer": record.optimizer.name,
                     "betas": ", ".join(map(str, record.optimizer.betas)),
                     "epsilon": record.optimizer.eps}
    return {
        "log_header": header,
        "log": log,
        "by_step": bool(record.log),
        "dev_loss_over": record.dim if any(at.dev_loss is not None for at in record.history) else 0,
        "batch_size": recipe.batch_size,
        "loss_adds": _loss_adds(record, recipe),
        "seconds": record.seconds,
        "cpu_seconds": record.cpu_seconds,
        "device": record.device,
        "processes": record.processes or 1,
        "loss": _loss(recipe),
        "settings": [[name, str(value)] for name, value in settings.items()],
        "download": download(record),
        "command": command(record),
        "data_argument": data_argument(record),
        "script": (script := plain_script(record)),
        "fence": _fence(script),
        "local_base": not is_repo_id(record.base_model.name),
        "fingerprints": [[said, f"`{value}`"] for said, value in prints.items() if value],
        "versions": [[name, version] for name, version in record.versions.items()],
        "kept_last": not chosen_by_dev(record),
    }


def _scale(record: RunRecord, asked: object) -> str:
    """What scores were multiplied with in the loss, and what those are."""
    if record.base_model.similarity != "dot":
        return f"{asked}, of the cosine"
    if record.loss_scale in (None, asked):
        return f"{asked}, of the dot product"
    return (f"{record.loss_scale}, of the dot product; the recipe's {asked} is for vectors of "
            "length 1, and these have any")


def _loss_adds(record: RunRecord, recipe: RecordedRecipe) -> str:
    """What the training loss is a sum of; empty where it is none."""
    memory, parts = recipe.cross_batch_memory, ["the loss of the batch"]
    if recipe.truncate_dim and record.base_model.full_dim:
        parts = [f"the losses over {record.base_model.full_dim} and {recipe.truncate_dim} "
                 "dimensions"]
    if memory:
        parts.append(f"{memory:g} times that among the remembered passages")
    return listed(parts) if memory or recipe.truncate_dim else ""


def _fence(text: str) -> str:
    """A fence for a block of code, longer than any in it."""
    return "`" * max(3, *(len(run) + 1 for run in re.findall(r"`{3,}", text)), 3)


def _loss(recipe: RecordedRecipe) -> str:
    """The loss in words, by which its citations are found too."""
    beyond = " with Cross-batch memory" if recipe.cross_batch_memory else ""
    return " over ".join(loss_names(recipe)) + beyond


def training_log(record: RunRecord) -> tuple[Row, list[Row]]:
    """The training log: losses and dev figures by step.

    The base model at step 0; the kept checkpoint is bold.
    """
    kept = _kept(record)
    by_step: dict[int, float | None] = {point.step: point.loss for point in record.log}
    points = {at.step: at for at in record.history}
    measured_at: dict[str, dict[int, float | None]] = {
        "training loss": by_step | {step: at.loss for step, at in points.items()
                                    if at.loss is not None},
        "dev loss": {step: at.dev_loss for step, at in points.items()},
        f"dev {PRIMARY}": {step: at.ndcg for step, at in points.items()},
    }
    columns = {name: figures for name, figures in measured_at.items()
               if any(value is not None for value in figures.values())}
    rows = []
    for step in sorted({*by_step, *points}):
        row = [f"{points[step].epoch:g}" if step in points else "", f"{step:,}",
               *("–" if (value := figures.get(step)) is None else f"{value:.4f}"
                 for figures in columns.values())]
        rows.append([f"**{value}**" for value in row] if step == kept else row)
    return ["epoch", "step", *columns], rows


def _kept(record: RunRecord) -> int | None:
    """The step of the checkpoint that became the result."""
    trained = [at for at in record.history if at.epoch]
    if not trained:
        return None
    if not chosen_by_dev(record):
        return trained[-1].step
    return max(trained, key=lambda at: (at.ndcg, -at.step)).step
