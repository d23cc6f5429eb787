"""The model card, from the run record alone: every number on it stands in `run.json`."""

import shlex
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from retrieval.metrics import PRIMARY

from .card_data import CardEdits, front_matter, is_repo_id, loss_names, title_of
from .card_figures import data, evaluation, table, training_log
from .recipe import RECIPES
from .record import RunError

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
