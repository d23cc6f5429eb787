"""Facts of data and base for a run's card.

Lengths, samples, licence.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from corpus.records import SPLITS, Corpus, Pair
from corpus.split import leaked_queries
from train.run.events import Event, LossEvent, of_kind, still_true

from .model import full_dim

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch.optim import Optimizer

SAMPLES = 3
LOGGED = 20
"""Rows of the training log that a card shows, beside those of the evaluations."""
WIDGETS = 5
WIDGET_PASSAGES = 3
LONGEST = 1_000
"""Characters of a text that a sample or a widget example shows."""
BATCH = 1_000

Counter = Callable[[Sequence[str]], list[int]]


def facts(corpus: Corpus, tokenizer: Any = None) -> dict[str, Any]:
    """Figures and examples of a corpus for `run.json`.

    tokenizer: the base model's, None where there is none; then only characters are counted.
    `statistics`: per split, min, mean and max length of anchors and positives. `samples`: the first
    pairs of the train and of the dev split. `widget`: questions of the test split that no other
    split gives away, each with an answer and two other passages.
    """
    count = _counter(tokenizer) if tokenizer is not None else None
    return {
        "statistics": {split: _statistics(pairs, count)
                       for split in SPLITS if (pairs := corpus.pairs(split))},
        "samples": [_pair(pair) | {"split": split} for split in ("train", "dev")
                    for pair in corpus.pairs(split)[:SAMPLES]],
        "widget": _widget(corpus),
    }


def base_facts(model: "SentenceTransformer") -> dict[str, Any]:
    """What the card says of a model beside its figures.

    Modules, prompts, licence, languages. Licence and languages are those of the base model's own
    card; None and [] where it has none.
    """
    from huggingface_hub import ModelCard

    text = getattr(model, "_model_card_text", None) or ""  # read by sentence-transformers at load
    try:
        data: Any = ModelCard(text, ignore_metadata_errors=True).data if text else {}
    except ValueError:
        data = {}
    language = data.get("language") or []
    return {
        "full_dim": full_dim(model),
        "architecture": str(model),
        "similarity": str(model.similarity_fn_name or "cosine"),
        "stored_prompts": {name: text for name, text in model.prompts.items() if text},
        "license": data.get("license") if isinstance(data.get("license"), str) else None,
        "language": [language] if isinstance(language, str) else [str(name) for name in language],
    }


def optimizer_facts(optimizer: "Optimizer") -> dict[str, Any]:
    """The card's facts of an optimiser, beside the recipe's."""
    group = optimizer.param_groups[0]
    return {"name": type(optimizer).__name__, "betas": list(group.get("betas", ())),
            "eps": group.get("eps")}


def loss_log(events: Sequence[Event]) -> list[dict[str, float]]:
    """Training loss by step, as means of stretches.

    From a run's events, at most `LOGGED` of them.
    """
    points = [(event.step, event.loss) for event in of_kind(still_true(events), LossEvent)]
    every = max(1, math.ceil(len(points) / LOGGED))
    stretches = [points[start : start + every] for start in range(0, len(points), every)]
    return [{"step": stretch[-1][0], "loss": sum(loss for _, loss in stretch) / len(stretch)}
            for stretch in stretches]


def _counter(tokenizer: Any) -> Counter:
    def count(texts: Sequence[str]) -> list[int]:
        counts: list[int] = []
        for start in range(0, len(texts), BATCH):
            batch = list(texts[start : start + BATCH])
            if hasattr(tokenizer, "encode_batch"):  # of the package tokenizers: static embeddings
                counts += [len(row.ids) for row in tokenizer.encode_batch(batch)]
                continue
            ids = tokenizer(batch, truncation=False, padding=False, verbose=False)["input_ids"]
            counts += [len(row) for row in ids]
        return counts

    return count


def _statistics(pairs: Sequence[Pair], count: Counter | None) -> dict[str, Any]:
    sides = {
        "anchor": [pair.query.text for pair in pairs],
        "positive": [pair.passage.content for pair in pairs],
    }
    return {
        "pairs": len(pairs),
        "questions": len({pair.query.id for pair in pairs}),
        "passages": len({pair.passage.id for pair in pairs}),
    } | {side: _lengths(texts, count) for side, texts in sides.items()}


def _lengths(texts: Sequence[str], count: Counter | None) -> dict[str, dict[str, float]]:
    lengths = {"characters": _spread([len(text) for text in texts])}
    if count is not None:
        lengths["tokens"] = _spread(count(texts))
    return lengths


def _spread(values: Sequence[int]) -> dict[str, float]:
    mean = round(sum(values) / len(values), 1)
    return {"min": min(values), "mean": mean, "max": max(values)}


def _pair(pair: Pair) -> dict[str, str]:
    return {"anchor": _short(pair.query.text), "positive": _short(pair.passage.content)}


def _widget(corpus: Corpus) -> list[dict[str, Any]]:
    leaked = leaked_queries(corpus, "test")
    pairs = list({pair.query.id: pair for pair in corpus.pairs("test")
                  if pair.query.id not in leaked}.values())
    passages = list({pair.passage.id: pair.passage for pair in pairs}.values())
    step = max(1, len(pairs) // WIDGETS)
    examples: list[dict[str, Any]] = []
    for pair in pairs[::step][:WIDGETS]:
        answers = corpus.qrels["test"][pair.query.id]
        others = [p for p in passages if p.id not in answers]
        place = len(examples) * (WIDGET_PASSAGES - 1)
        shown = [pair.passage, *(others[place:] + others)[: WIDGET_PASSAGES - 1]]
        sentences = list(dict.fromkeys(_short(passage.content) for passage in shown))
        examples.append({"source_sentence": _short(pair.query.text), "sentences": sentences})
    return examples


def _short(text: str) -> str:
    """A text on one line, cut where it is very long."""
    line = re.sub(r"\s+", " ", text).strip()
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
