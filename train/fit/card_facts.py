"""What a run records for its card about its data and its base model: lengths, samples, licence."""

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from corpus.records import SPLITS, Corpus, Pair

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SAMPLES = 3
WIDGETS = 5
WIDGET_PASSAGES = 3
LONGEST = 1_000
"""Characters of a text that a sample or a widget example shows."""
BATCH = 1_000

Counter = Callable[[Sequence[str]], list[int]]


def facts(corpus: Corpus, tokenizer: Any = None) -> dict[str, Any]:
    """Figures and examples of a corpus, as `data` in `run.json` keeps them.

    tokenizer: the base model's, None where there is none; then only characters are counted.
    `statistics`: per split, min, mean and max length of anchors and positives. `samples`: the first
    pairs of the train split. `widget`: questions of the test split, each with an answer and two
    other passages; nothing in it was trained on.
    """
    count = _counter(tokenizer) if tokenizer is not None else None
    return {
        "statistics": {split: _statistics(pairs, count)
                       for split in SPLITS if (pairs := corpus.pairs(split))},
        "samples": [_pair(pair) for pair in corpus.pairs("train")[:SAMPLES]],
        "widget": _widget(corpus),
    }


def base_facts(model: "SentenceTransformer") -> dict[str, Any]:
    """What the card says of a model beside its figures: modules, prompts, licence, languages.

    Licence and languages are those of the base model's own card; None and [] where it has none.
    """
    from huggingface_hub import ModelCard

    text = getattr(model, "_model_card_text", None) or ""  # read by sentence-transformers at load
    try:
        data: Any = ModelCard(text, ignore_metadata_errors=True).data if text else {}
    except ValueError:
        data = {}
    language = data.get("language") or []
    return {
        "architecture": str(model),
        "similarity": str(model.similarity_fn_name or "cosine"),
        "stored_prompts": {name: text for name, text in model.prompts.items() if text},
        "license": data.get("license") if isinstance(data.get("license"), str) else None,
        "language": [language] if isinstance(language, str) else [str(name) for name in language],
    }


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
    pairs = list({pair.query.id: pair for pair in corpus.pairs("test")}.values())
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
