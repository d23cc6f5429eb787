"""The model card, from the run record alone: every number on it stands in `run.json`."""

from collections.abc import Mapping
from typing import Any

from retrieval.metrics import METRICS, PRIMARY

TAGS = ["sentence-transformers", "sentence-similarity", "feature-extraction", "tandem"]
SPLIT_NAMES = {"dev": "dev split (chose the checkpoint)", "test": "test split (measured once)"}


def model_card(record: Mapping[str, Any]) -> str:
    """The card of a finished run: front matter and text.

    record: `run.json`, with metrics of dev and test.
    """
    sections = (_front_matter(record), _head(record), _usage(record), _metrics(record),
                _data(record), _training(record), _made_with(record))
    return "\n".join(sections)


def _front_matter(record: Mapping[str, Any]) -> str:
    from huggingface_hub import EvalResult, ModelCardData

    base, data = record["base_model"]["name"], record["data"]["name"]
    on_hub = base.count("/") == 1 and not base.startswith((".", "/", "~"))
    results = [
        EvalResult(
            task_type="information-retrieval",
            task_name="Information Retrieval",
            dataset_type=data,
            dataset_name=f"{data}, {split}",
            dataset_split=split,
            metric_type=name,
            metric_name=name,
            metric_value=record["metrics"][split]["tuned"][name],
        )
        for split in ("dev", "test")
        for name in METRICS
    ]
    card = ModelCardData(
        base_model=base if on_hub else None,
        base_model_relation="finetune" if on_hub else None,
        library_name="sentence-transformers",
        pipeline_tag="sentence-similarity",
        tags=TAGS,
        metrics=list(METRICS),
        model_name=_title(record),
        eval_results=results,
    )
    return f"---\n{card.to_yaml()}\n---\n"


def _title(record: Mapping[str, Any]) -> str:
    return f"{record['base_model']['name'].rstrip('/').rsplit('/', 1)[-1]} fine-tuned on " \
           f"{record['data']['name']}"


def _head(record: Mapping[str, Any]) -> str:
    base = record["base_model"]
    return f"""# {_title(record)}

{record["metrics"]["test"]["verdict"]}

A sentence-embedding model for retrieval: `{base["name"]}` ({base["parameters"]:,} parameters,
{base["dim"]} dimensions, at most {base["max_seq_length"]} tokens), fine-tuned with multiple
negatives ranking loss. Texts are compared by cosine similarity.
"""


def _usage(record: Mapping[str, Any]) -> str:
    dim = record["recipe"]["truncate_dim"]
    note = f"  # vectors of {dim} dimensions, as it was trained for" if dim else ""
    return f"""## Usage

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("path/to/this/folder"){note}
query = model.encode_query("a question")
passages = model.encode_document(["an answer", "another"])
print(model.similarity(query, passages))
```
"""


def _metrics(record: Mapping[str, Any]) -> str:
    parts = ["## What it does better, and how sure that is\n"]
    for split in ("test", "dev"):
        measured = record["metrics"][split]
        parts.append(
            f"On the {SPLIT_NAMES[split]}: {measured['queries']:,} questions among "
            f"{measured['passages']:,} passages, both models on the same ones. "
            f"{PRIMARY} is the primary metric; intervals are of a paired bootstrap.\n"
        )
        parts.append("| metric | base | fine-tuned | difference | 95 % interval |\n"
                     "|---|---|---|---|---|")
        parts += [_metric_row(name, measured) for name in METRICS]
        parts.append("")
    return "\n".join(parts)


def _metric_row(name: str, measured: Mapping[str, Any]) -> str:
    gap = measured["difference"][name]
    return (f"| {name} | {measured['base'][name]:.4f} | {measured['tuned'][name]:.4f} | "
            f"{gap['value']:+.4f} | {gap['low']:+.4f} to {gap['high']:+.4f} |")


def _data(record: Mapping[str, Any]) -> str:
    rows = "\n".join(
        f"| {split} | {sizes['queries']:,} | {sizes['pairs']:,} |"
        for split, sizes in record["splits"].items()
    )
    return f"""## Data

`{record["data"]["name"]}`, {record["data"]["passages"]:,} passages (fingerprint
`{record["fingerprints"]["corpus"]}`), split by passage: no test passage was trained on.

| split | questions | pairs |
|---|---|---|
{rows}
"""


def _training(record: Mapping[str, Any]) -> str:
    settings = "\n".join(f"| {name} | {value} |" for name, value in record["recipe"].items())
    log = "\n".join(
        f"| {at['epoch']} | {at['step']} | {at[PRIMARY]:.4f} |" for at in record["history"]
    )
    return f"""## Training

| hyperparameter | value |
|---|---|
{settings}
| seed | {record["seed"]} |

| epoch | step | dev {PRIMARY} |
|---|---|---|
{log}

Epoch 0 is the base model. {record["seconds"]:.0f} s on {record["device"]}
({record["cpu_seconds"]:.0f} CPU seconds, measuring included).
"""


def _made_with(record: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return f"""## Made with

Tandem. {versions}. Base fingerprint `{record["fingerprints"]["base"]}`, this model's
`{record["fingerprints"]["tuned"]}`.

Limits: the figures hold for questions like those it was measured on; what fine-tuning cost
elsewhere was not measured.
"""
