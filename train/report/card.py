"""The model card, from the run record alone: every number on it stands in `run.json`.

The tables of a card: every figure as the run record has it.
"""

import html
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from retrieval.metrics import METRICS, PRIMARY
from train.recipe import RECIPES
from train.run.record import RunError

from .card_metadata import CardEdits, front_matter, is_repo_id, loss_names, title_of

CITATIONS = {
    "Sentence Transformers": """@inproceedings{reimers-2019-sentence-bert,
    title = "Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks",
    author = "Reimers, Nils and Gurevych, Iryna",
    booktitle = "Proceedings of the 2019 Conference on Empirical Methods in Natural Language \
Processing",
    year = "2019",
    publisher = "Association for Computational Linguistics",
    url = "https://arxiv.org/abs/1908.10084",
}""",
    "MultipleNegatives": """@misc{oord2019representationlearningcontrastivepredictive,
    title = {Representation Learning with Contrastive Predictive Coding},
    author = {Aaron van den Oord and Yazhe Li and Oriol Vinyals},
    year = {2019},
    eprint = {1807.03748},
    archivePrefix = {arXiv},
}""",
    "Cached": """@misc{gao2021scaling,
    title = {Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup},
    author = {Luyu Gao and Yunyi Zhang and Jiawei Han and Jamie Callan},
    year = {2021},
    eprint = {2101.06983},
    archivePrefix = {arXiv},
}""",
    "Cross-batch memory": """@misc{wang2020crossbatch,
    title = {Cross-Batch Memory for Embedding Learning},
    author = {Xun Wang and Haozhi Zhang and Weilin Huang and Matthew R. Scott},
    year = {2020},
    eprint = {1912.06798},
    archivePrefix = {arXiv},
}""",
    "Matryoshka": """@misc{kusupati2024matryoshka,
    title = {Matryoshka Representation Learning},
    author = {Aditya Kusupati and others},
    year = {2024},
    eprint = {2205.13147},
    archivePrefix = {arXiv},
}""",
}


def model_card(record: Mapping[str, Any], repo: str | None = None) -> str:
    """The card of a finished run: front matter and text.

    record: `run.json`, with metrics of dev and test; what a person changed is in its `card`
    (`CardEdits`). repo: where it is published, None for a folder. RunError without figures.
    """
    if not record.get("metrics"):
        raise RunError("The run was not measured: without figures it has no card.")
    sections = (front_matter(record), _head(record), _details(record), _usage(record, repo),
                evaluation(record), _limits(record),
                data(record, bool(CardEdits.of(record).private_data)),
                _training(record), _made_with(record), _citations(record))
    return "\n".join(sections)


def _head(record: Mapping[str, Any]) -> str:
    said = CardEdits.of(record).description
    return f"""# {title_of(record)}

**{record["metrics"]["test"]["verdict"]}**

""" + (f"{said.strip()}\n" if said else
       f"A sentence-embedding model for finding the passages that answer a question: "
       f"{_linked(record)}, fine-tuned on `{record['data']['name']}`. It maps texts to vectors of "
       f"{_dim(record)} dimensions, which are compared by {_similarity(record)} similarity.\n")


def _details(record: Mapping[str, Any]) -> str:
    base, edits = record["base_model"], CardEdits.of(record)
    lines = {
        "Model type": "Sentence Transformer",
        "Base model": _linked(record) + (f" at revision `{base['revision']}`"
                                         if base.get("revision") else ""),
        "Parameters": f"{base['parameters']:,}",
        "Maximum sequence length": f"{_longest(record)} tokens",
        "Output dimensions": str(_dim(record)),
        "Similarity": _similarity(record),
        "Training data": f"`{record['data']['name']}`",
        "Language": ", ".join(edits.language) or "not stated",
        "Licence": edits.license or "not stated by the base model, and not given",
    }
    text = "## Model details\n\n" + "".join(f"- **{k}:** {v}\n" for k, v in lines.items())
    if base.get("architecture"):
        text += f"\n```\n{base['architecture']}\n```\n"
    return text


def _usage(record: Mapping[str, Any], repo: str | None) -> str:
    cut = record["recipe"].get("truncate_dim")
    given = f", truncate_dim={cut}" if cut else ""
    prompts = _stored_prompts(record)
    text = f"""## Usage

```
pip install -U sentence-transformers
```

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("{repo or "path/to/this/folder"}"{given})
query = model.encode_query("a question")
passages = model.encode_document(["an answer", "another"])
print(model.similarity(query, passages))
```
"""
    if prompts:
        text += ("\n`encode_query` and `encode_document` put these prompts, which the model "
                 "stores, before a text:\n\n" + table(
                     ["name", "prompt"], [[k, f"`{v}`"] for k, v in prompts.items()]))
    else:
        text += "\nThe model needs no prompt before a text.\n"
    if cut:
        text += (f"\nIts vectors were trained to be cut to {cut} dimensions; cut ones must be "
                 "normalised again before their dot product is a cosine (`similarity` does).\n")
    return text


def _stored_prompts(record: Mapping[str, Any]) -> Mapping[str, str]:
    """What the model puts before a text: the base's prompts, unless it does better without."""
    chosen = (record.get("prompts") or {}).get("tuned") or (record.get("prompts") or {}).get("base")
    if chosen is not None and not chosen["used"]:
        return {}
    return record["base_model"].get("stored_prompts") or {}


def _longest(record: Mapping[str, Any]) -> int:
    """How many tokens of a text it reads."""
    own = int(record["base_model"]["max_seq_length"])
    return min(own, record["recipe"].get("max_seq_length") or own)


def _limits(record: Mapping[str, Any]) -> str:
    """What the figures say against it."""
    test, dev = record["metrics"]["test"], record["metrics"]["dev"]
    gap, outcomes = test["difference"][PRIMARY], test.get("outcomes") or {}
    lines = [f"Measured on {test['queries']:,} questions of one data set, "
             f"`{record['data']['name']}`: other questions can come out otherwise."]
    if gap["low"] <= 0 <= gap["high"]:
        lines.append(f"The interval of the difference in {PRIMARY} holds zero: these figures do "
                     "not show that it is better than its base.")
    if outcomes.get("lost"):
        lines.append(f"It got worse on {outcomes['lost']:,} of those {test['queries']:,} "
                     "questions.")
    worse = [name for name, other in test["difference"].items() if other["high"] < 0]
    if worse:
        lines.append(f"It is worse than its base in {', '.join(worse)}.")
    if test.get("detectable_difference"):
        lines.append(f"So many questions show a difference in {PRIMARY} of "
                     f"{test['detectable_difference']:.4f} or more; a smaller one would not show.")
    lines.append(f"The dev figures ({dev['tuned'][PRIMARY]:.4f} {PRIMARY}) flatter: the checkpoint "
                 "was chosen by them.")
    lines.append(f"A text is read up to {_longest(record)} tokens; what comes after is not seen.")
    if not record.get("retention"):
        lines.append("What fine-tuning cost on other subjects was not measured.")
    return "## Limitations\n\n" + "".join(f"- {line}\n" for line in lines)


def _training(record: Mapping[str, Any]) -> str:
    recipe = record["recipe"]
    settings = [[name, str(value)] for name, value in (
        recipe | {"loss": _loss(recipe), "seed": record["seed"]}).items()]
    took = (f"{record['seconds']:,.0f} s on {record['device']} ({record['cpu_seconds']:,.0f} CPU "
            "seconds), measuring included.")
    text = f"""## Training

{training_log(record)}
{took}

### Hyperparameters

{table(["hyperparameter", "value"], settings)}
### Reproduce it

```
{command(record)}
```

"""
    prints = {"corpus": "data", "base": "base model", "tuned": "this model"}
    return text + table(["fingerprint (SHA-256) of", ""], [
        [said, f"`{record['fingerprints'][key]}`"]
        for key, said in prints.items() if record["fingerprints"].get(key)])


def _loss(recipe: Mapping[str, Any]) -> str:
    """The loss in words, by which its citations are found too."""
    beyond = " with Cross-batch memory" if recipe.get("memory") else ""
    return " over ".join(loss_names(recipe)) + beyond


def command(record: Mapping[str, Any]) -> str:
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


def _data_argument(record: Mapping[str, Any]) -> str:
    source = record["data"]
    return _here(source.get("hub_id") or source.get("source") or source["name"])


def _here(name: str) -> str:
    """A path as somebody else has it: the file alone, not the folders of this machine."""
    return PurePath(name).name if name.startswith(("/", "~", ".")) or "\\" in name else name


def _made_with(record: Mapping[str, Any]) -> str:
    versions = table(["library", "version"],
                     [[name, str(version)] for name, version in record["versions"].items()])
    return ("## Framework versions\n\n" + versions + "\nTrained, measured and written up by "
            "Tandem; every figure of this card is in `run.json` beside it, those of the metrics "
            "also in `metrics.csv`.\n")


def _citations(record: Mapping[str, Any]) -> str:
    loss = _loss(record["recipe"])
    used = {name: text for name, text in CITATIONS.items()
            if name == "Sentence Transformers" or name in loss}
    return "## Citation\n\n" + "\n".join(
        f"### {name}\n\n```bibtex\n{text}\n```\n" for name, text in used.items())


def _linked(record: Mapping[str, Any]) -> str:
    name = record["base_model"]["name"]
    return f"[{name}](https://huggingface.co/{name})" if is_repo_id(name) else f"`{_here(name)}`"


def _dim(record: Mapping[str, Any]) -> int:
    return int(record["recipe"].get("truncate_dim") or record["base_model"]["dim"])


def _similarity(record: Mapping[str, Any]) -> str:
    return str(record["base_model"].get("similarity", "cosine"))


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
