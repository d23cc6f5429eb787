"""The tables of a card: every figure as the run record has it."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

from retrieval.metrics import METRICS, PRIMARY

SPLIT_NAMES = {"test": "Test split (measured once)", "dev": "Dev split (chose the checkpoint)"}


def evaluation(record: Mapping[str, Any]) -> str:
    """Base beside tuned on test and on dev, then what fine-tuning cost elsewhere, and speed."""
    parts = ["## Evaluation\n"]
    for split in ("test", "dev"):
        parts += [f"### {SPLIT_NAMES[split]}\n", measured(record["metrics"][split])]
    if record.get("prompts"):
        parts += ["### Prompts\n", _prompts(record["prompts"])]
    parts += ["### What it cost elsewhere (retention)\n", _retention(record.get("retention"))]
    if record.get("speed"):
        parts += ["### Speed\n", _plain_table(record["speed"])]
    if record.get("onnx"):
        parts += ["### For a CPU\n", _onnx(record["onnx"])]
    return "\n".join(parts)


def measured(figures: Mapping[str, Any]) -> str:
    """One split: how it was measured, and each metric of both models with the difference."""
    text = (
        f"{figures['queries']:,} questions, each looking for its answer among "
        f"{figures['passages']:,} passages; both models on the same ones.\n\n"
    )
    rows = [
        [f"**{name}**" if name == PRIMARY else name, f"{figures['base'][name]:.4f}",
         f"{figures['tuned'][name]:.4f}", *_gap(figures["difference"][name])]
        for name in METRICS
    ]
    text += table(["metric", "base", "fine-tuned", "difference", "95 % interval", "p"], rows)
    outcomes = figures.get("outcomes")
    if outcomes:
        text += (f"\nBy question, in {PRIMARY}: {outcomes['won']:,} won, {outcomes['lost']:,} "
                 f"lost, {outcomes['tied']:,} tied.\n")
    return text + (
        f"\n{PRIMARY} is the primary metric. Intervals: paired bootstrap over questions; p: paired "
        "randomisation test, for one metric by itself.\n"
    )


def _prompts(prompts: Mapping[str, Mapping[str, Any]]) -> str:
    """Each side is shown the way it does better: with its prompts, or without."""
    rows = [
        [SIDES[side], f"{choice['with']:.4f}", f"{choice['without']:.4f}",
         "with" if choice["used"] else "without"]
        for side in SIDES if (choice := prompts.get(side))
    ]
    return (f"Each model was measured on dev with the prompts its authors prescribe and without "
            f"them ({PRIMARY}), and is shown above the way it does better:\n\n"
            + table(["model", "with", "without", "shown"], rows))


SIDES = {"base": "base", "tuned": "fine-tuned"}


def _gap(gap: Mapping[str, float]) -> list[str]:
    interval = f"{gap['low']:+.4f} to {gap['high']:+.4f}"
    return [f"{gap['value']:+.4f}", interval, f"{gap['p']:.4f}" if "p" in gap else ""]


def _retention(retention: Any) -> str:
    """Passages that are not of the domain, before and after."""
    if not retention:
        return ("What fine-tuning cost on other subjects was not measured: judge this model on "
                "yours before you use it there.\n")
    parts = [retention] if "base" in retention else [
        part for part in retention.values() if isinstance(part, Mapping) and "base" in part]
    rows = [
        [str(part.get("name", "other subjects")), name, f"{part['base'][name]:.4f}",
         f"{part['tuned'][name]:.4f}",
         *(_gap(part["difference"][name])[:2] if name in part.get("difference", {}) else ["", ""])]
        for part in parts
        for name in METRICS
        if name in part["base"] and name in part["tuned"]
    ]
    sentences = [str(part["verdict"]) for part in parts if part.get("verdict")]
    return "\n".join([*sentences, *([""] if sentences else []), table(
        ["data", "metric", "base", "fine-tuned", "difference", "95 % interval"], rows)])


def _onnx(onnx: Mapping[str, Any]) -> str:
    """The export for serving on a CPU, and how it did."""
    return (f"`{onnx['file']}` ({onnx['bytes']:,} bytes) is the transformer with weights in int8, "
            f"for ONNX Runtime: {onnx['int8']:.4f} {onnx['metric']} on {onnx['split']}, where fp32 "
            f"has {onnx['fp32']:.4f}. Pooling and prompts are as above.\n")


def _plain_table(values: Mapping[str, Any], before: str = "") -> str:
    """Whatever figures a record has under a name, one a row."""
    return table(["what", "value"], [[key, value] for key, value in flat(values, before)])


def flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Nested figures as (name, value), names joined."""
    rows: list[tuple[str, str]] = []
    for key, value in values.items():
        name = f"{before} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            rows += flat(value, name)
        elif value is not None and not isinstance(value, list):
            rows.append((name, str(value)))
    return rows


def data(record: Mapping[str, Any], private: bool) -> str:
    """What it was trained and measured on: true sizes, lengths, samples unless it is private."""
    source = record["data"]
    hub_id, name = source.get("hub_id"), f"`{source['name']}`"
    text = (
        "## Data\n\n"
        + (f"[{name}](https://huggingface.co/datasets/{hub_id})" if hub_id else name)
        + f", {source['passages']:,} passages, all of which are searched whatever the split; split "
        "by passage, so that no passage that answers a test question was trained on.\n\n"
    )
    statistics = source.get("statistics") or {}
    text += table(["split", "used for", "questions", "pairs", "passages that answer"], [
        [split, USES.get(split, ""), f"{sizes['queries']:,}", f"{sizes['pairs']:,}",
         f"{statistics[split]['passages']:,}" if split in statistics else ""]
        for split, sizes in record["splits"].items()
    ])
    if statistics:
        text += "\n" + _lengths(statistics)
    if private:
        return text + "\nThe data is private: no text of it is shown here.\n"
    return text + _samples(source.get("samples") or [])


USES = {"train": "training", "dev": "choosing the checkpoint", "test": "the figures above"}


def _lengths(statistics: Mapping[str, Any]) -> str:
    rows = [
        [split, side, unit, *(str(spread[key]) for key in ("min", "mean", "max"))]
        for split, sides in statistics.items()
        for side in ("anchor", "positive")
        for unit, spread in sides[side].items()
    ]
    counted = " (tokens as the base model counts them)" if any("tokens" in r for r in rows) else ""
    return (f"Lengths over all pairs of a split{counted}:\n\n"
            + table(["split", "text", "unit", "min", "mean", "max"], rows))


def _samples(samples: Sequence[Mapping[str, str]]) -> str:
    if not samples:
        return ""
    return "\nThe first training pairs:\n\n" + table(
        ["anchor", "positive"],
        [[cell(pair["anchor"]), cell(pair["positive"])] for pair in samples],
    )


def cell(text: str) -> str:
    """A text as a cell of a table: nothing in it is markup."""
    plain = re.sub(r"([\\*_\[\]~])", r"\\\1", text.replace("\n", " "))
    escaped = html.escape(plain, quote=False).replace("|", "&vert;").replace("`", "&grave;")
    return f"<code>{escaped}</code>"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def training_log(record: Mapping[str, Any]) -> str:
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
    header = ["epoch", "step", *(["training loss"] if losses else []), f"dev {PRIMARY}"]
    return (table(header, rows) + "\nThe first row is the base model, before any step; the bold "
            "one is the checkpoint that was kept.\n")


def _loss_at(at: Mapping[str, Any]) -> float | None:
    loss = at.get("loss", at.get("train_loss"))
    return float(loss) if loss is not None else None


def _kept(record: Mapping[str, Any]) -> int | None:
    """The place in the history of the checkpoint that became the result."""
    trained = [place for place, at in enumerate(record["history"]) if at["epoch"]]
    if not trained:
        return None
    if record["recipe"].get("keep") == "last":
        return trained[-1]
    return max(trained, key=lambda place: (record["history"][place][PRIMARY], -place))
