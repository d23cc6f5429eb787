"""The model card, from the run record alone: every number on it stands in `run.json`.

What it says stands in `card.md.j2`; here is what that is filled with.
"""

import html
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import Any

from retrieval.metrics import METRICS, PRIMARY
from train.recipe import RECIPES
from train.run.record import RunError

from .card_metadata import CardEdits, front_matter, is_repo_id, loss_names, title_of
from .templates import template

Record = Mapping[str, Any]
Row = list[str]
SIDES = {"base": "base", "tuned": "fine-tuned"}
HEADINGS = {"test": "Test split (measured once)", "dev": "Dev split (chose the checkpoint)"}
USES = {"train": "training", "dev": "choosing the checkpoint", "test": "the figures above"}


def model_card(record: Record, repo: str | None = None) -> str:
    """The card of a finished run: front matter and text.

    record: `run.json`, with metrics of dev and test; what a person changed is in its `card`
    (`CardEdits`). repo: where it is published, None for a folder. RunError without figures.
    """
    if not record.get("metrics"):
        raise RunError("The run was not measured: without figures it has no card.")
    values = {"primary": PRIMARY, "repo": repo, "table": table, "measured": measured,
              "retained": retained}
    return template("card.md.j2").render(
        values | _model(record) | _evaluation(record) | _data(record) | _training(record))


def _model(record: Record) -> dict[str, Any]:
    """What the model is, and how it is used."""
    base, edits = record["base_model"], CardEdits.of(record)
    return {
        "front_matter": front_matter(record).rstrip("\n"),
        "title": title_of(record),
        "description": (edits.description or "").strip(),
        "base": _linked(base["name"]),
        "revision": base.get("revision"),
        "architecture": base.get("architecture"),
        "parameters": base["parameters"],
        "tokens": _longest(record),
        "dim": int(record["recipe"].get("truncate_dim") or base["dim"]),
        "cut": record["recipe"].get("truncate_dim"),
        "similarity": str(base.get("similarity", "cosine")),
        "prompts": [[name, f"`{text}`"] for name, text in _stored_prompts(record).items()],
        "language": ", ".join(edits.language),
        "license": edits.license,
    }


def _linked(name: str) -> str:
    return f"[{name}](https://huggingface.co/{name})" if is_repo_id(name) else f"`{_here(name)}`"


def _here(name: str) -> str:
    """A path as somebody else has it: the file alone, not the folders of this machine."""
    return PurePath(name).name if name.startswith(("/", "~", ".")) or "\\" in name else name


def _longest(record: Record) -> int | None:
    """How many tokens of a text it reads; None for all of them, as a static embedding does."""
    own = record["base_model"].get("max_seq_length")
    return min(int(own), record["recipe"].get("max_seq_length") or own) if own else None


def _stored_prompts(record: Record) -> Mapping[str, str]:
    """What the model puts before a text: the base's prompts, unless it does better without."""
    chosen = (record.get("prompts") or {}).get("tuned") or (record.get("prompts") or {}).get("base")
    if chosen is not None and not chosen["used"]:
        return {}
    return record["base_model"].get("stored_prompts") or {}


def _evaluation(record: Record) -> dict[str, Any]:
    """Base beside tuned on test and on dev, then what fine-tuning cost elsewhere, and speed."""
    metrics, prompts = record["metrics"], record.get("prompts") or {}
    return {
        "verdict": metrics["test"]["verdict"],
        "splits": [(HEADINGS[split], metrics[split]) for split in ("test", "dev")],
        "choices": [
            [SIDES[side], f"{choice['with']:.4f}", f"{choice['without']:.4f}",
             "with" if choice["used"] else "without"]
            for side in SIDES if (choice := prompts.get(side))
        ],
        "retention": _collections(record.get("retention")),
        "speed": [[name, value] for name, value in flat(record.get("speed") or {})],
        "onnx": record.get("onnx"),
        "limits": list(_limits(record)),
    }


def measured(figures: Mapping[str, Any]) -> list[Row]:
    """One split: each metric of both models with the difference."""
    return [
        [f"**{name}**" if name == PRIMARY else name, f"{figures['base'][name]:.4f}",
         f"{figures['tuned'][name]:.4f}", *_gap(figures["difference"][name])]
        for name in METRICS
    ]


def _gap(gap: Mapping[str, float]) -> Row:
    interval = f"{gap['low']:+.4f} to {gap['high']:+.4f}"
    return [f"{gap['value']:+.4f}", interval, f"{gap['p']:.4f}" if "p" in gap else ""]


def _collections(retention: Any) -> list[Mapping[str, Any]]:
    """What was measured on passages that are not of the domain: one collection, or several."""
    if not retention:
        return []
    return [retention] if "base" in retention else [
        part for part in retention.values() if isinstance(part, Mapping) and "base" in part]


def retained(collections: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The metrics of both models on passages that are not of the domain."""
    return [
        [str(part.get("name", "other subjects")), name, f"{part['base'][name]:.4f}",
         f"{part['tuned'][name]:.4f}",
         *(_gap(part["difference"][name])[:2] if name in part.get("difference", {}) else ["", ""])]
        for part in collections
        for name in METRICS
        if name in part["base"] and name in part["tuned"]
    ]


def flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Nested figures of a record as (name, value), names joined."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{before} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            rows += flat(value, name)
        elif value is not None and not isinstance(value, list):
            rows.append((name, str(value)))
    return rows


def _limits(record: Record) -> Iterator[str]:
    """What the figures say against it."""
    test, dev = record["metrics"]["test"], record["metrics"]["dev"]
    gap, outcomes = test["difference"][PRIMARY], test.get("outcomes") or {}
    yield (f"Measured on {test['queries']:,} questions of one data set, "
           f"`{record['data']['name']}`: other questions can come out otherwise.")
    if gap["low"] <= 0 <= gap["high"]:
        yield (f"The interval of the difference in {PRIMARY} holds zero: these figures do "
               "not show that it is better than its base.")
    if outcomes.get("lost"):
        yield f"It got worse on {outcomes['lost']:,} of those {test['queries']:,} questions."
    worse = [name for name, other in test["difference"].items() if other["high"] < 0]
    if worse:
        yield f"It is worse than its base in {', '.join(worse)}."
    if test.get("detectable_difference"):
        yield (f"So many questions show a difference in {PRIMARY} of "
               f"{test['detectable_difference']:.4f} or more; a smaller one would not show.")
    yield (f"The dev figures ({dev['tuned'][PRIMARY]:.4f} {PRIMARY}) flatter: the checkpoint "
           "was chosen by them.")
    yield f"A text is read up to {_longest(record)} tokens; what comes after is not seen."
    if not record.get("retention"):
        yield "What fine-tuning cost on other subjects was not measured."


def _data(record: Record) -> dict[str, Any]:
    """What it was trained and measured on: true sizes, lengths, samples unless it is private."""
    source, private = record["data"], bool(CardEdits.of(record).private_data)
    statistics = source.get("statistics") or {}
    lengths = [
        [split, side, unit, *(str(spread[key]) for key in ("min", "mean", "max"))]
        for split, sides in statistics.items()
        for side in ("anchor", "positive")
        for unit, spread in sides[side].items()
    ]
    return {
        "name": source["name"],
        "hub_id": source.get("hub_id"),
        "passages": source["passages"],
        "sizes": [
            [split, USES.get(split, ""), f"{sizes['queries']:,}", f"{sizes['pairs']:,}",
             f"{statistics[split]['passages']:,}" if split in statistics else ""]
            for split, sizes in record["splits"].items()
        ],
        "lengths": lengths,
        "counted": any("tokens" in row for row in lengths),
        "private": private,
        "samples": [] if private else [
            [cell(pair["anchor"]), cell(pair["positive"])] for pair in source.get("samples") or []],
    }


def cell(text: str) -> str:
    """A text as a cell of a table: nothing in it is markup."""
    plain = re.sub(r"([\\*_\[\]~])", r"\\\1", text.replace("\n", " "))
    escaped = html.escape(plain, quote=False).replace("|", "&vert;").replace("`", "&grave;")
    return f"<code>{escaped}</code>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, with a line break behind each row."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _training(record: Record) -> dict[str, Any]:
    """How it was trained, and how it is trained again."""
    recipe = record["recipe"]
    header, log = training_log(record)
    prints = {"corpus": "data", "base": "base model", "tuned": "this model"}
    return {
        "log_header": header,
        "log": log,
        "seconds": record["seconds"],
        "cpu_seconds": record["cpu_seconds"],
        "device": record["device"],
        "loss": _loss(recipe),
        "settings": [[name, str(value)] for name, value in (
            recipe | {"loss": _loss(recipe), "seed": record["seed"]}).items()],
        "command": command(record),
        "fingerprints": [[said, f"`{record['fingerprints'][key]}`"]
                         for key, said in prints.items() if record["fingerprints"].get(key)],
        "versions": [[name, str(version)] for name, version in record["versions"].items()],
    }


def _loss(recipe: Mapping[str, Any]) -> str:
    """The loss in words, by which its citations are found too."""
    beyond = " with Cross-batch memory" if recipe.get("memory") else ""
    return " over ".join(loss_names(recipe)) + beyond


def training_log(record: Record) -> tuple[Row, list[Row]]:
    """Loss and dev figures by step, the base model at step 0; the kept checkpoint is bold."""
    history = record["history"]
    kept = _kept(record)
    losses = any(_loss_at(at) is not None for at in history)
    rows = []
    for place, at in enumerate(history):
        loss = _loss_at(at)
        row = [f"{at['epoch']:g}", f"{at['step']:,}",
               *([f"{loss:.4f}" if loss is not None else "–"] if losses else []),
               f"{at[PRIMARY]:.4f}"]
        rows.append([f"**{value}**" for value in row] if place == kept else row)
    return ["epoch", "step", *(["training loss"] if losses else []), f"dev {PRIMARY}"], rows


def _loss_at(at: Mapping[str, Any]) -> float | None:
    loss = at.get("loss", at.get("train_loss"))
    return float(loss) if loss is not None else None


def _kept(record: Record) -> int | None:
    """The place in the history of the checkpoint that became the result."""
    trained = [place for place, at in enumerate(record["history"]) if at["epoch"]]
    if not trained:
        return None
    if record["recipe"].get("keep") == "last":
        return trained[-1]
    return max(trained, key=lambda place: (record["history"][place][PRIMARY], -place))


def command(record: Record) -> str:
    """The command line that runs this run again."""
    recipe, base = dict(record["recipe"]), record["base_model"]
    named = recipe.pop("name", "tandem")
    named = named if named in RECIPES else "tandem"
    changed = [f"--set {name}={value}" for name, value in recipe.items()
               if value != getattr(RECIPES[named], name, None)]
    at = f"@{base['revision']}" if base.get("revision") else ""
    parts = ["python -m train fit", f"--data {shlex.quote(_data_argument(record))}",
             f"--base {shlex.quote(_here(base['name']) + at)}"]
    return " ".join([*parts, f"--recipe {named}", *changed, f"--seed {record['seed']}",
                     "--out my-run"])


def _data_argument(record: Record) -> str:
    source = record["data"]
    return _here(source.get("hub_id") or source.get("source") or source["name"])
