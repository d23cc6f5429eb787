"""A saved model's files, made readable for older versions.

Of sentence-transformers.
"""

import json
from pathlib import Path
from typing import Any

from .files import write_json

OLDEST, AS_SAVED = "5.1", "6.0"
"""The least version that reads a model written for older ones, and one left as it was saved."""
MODULES = ("Transformer", "Pooling", "Normalize")
"""The modules that have the same weights and meaning in both."""
POOLING = {"cls": "cls_token", "max": "max_tokens", "mean": "mean_tokens",
           "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
           "weightedmean": "weightedmean_tokens", "lasttoken": "lasttoken"}
TOKENIZERS_OF_5 = ("TokenizersBackend",)
"""Classes that transformers 5 names in a tokenizer's configuration, and 4 does not have."""


def write_for_older(folder: Path, max_seq_length: int) -> str:
    """Rewrite a model's module files for sentence-transformers 5.

    Returns the least version. The new ones read these files as well, and the vectors are the same
    to the bit. A model of other modules, or of a text tower with options of its own, is left as it
    is. max_seq_length: tokens, 0 for as many as the model has places for. OSError where the folder
    cannot be written.
    """
    modules = _read(folder / "modules.json")
    kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    transformers = [folder / module["path"] / "sentence_bert_config.json"
                    for module, kind in zip(modules, kinds, strict=True) if kind == "Transformer"]
    poolings = [folder / module["path"] / "config.json"
                for module, kind in zip(modules, kinds, strict=True) if kind == "Pooling"]
    tokenizer = _read(folder / "tokenizer_config.json")
    if not set(kinds) <= set(MODULES) or tokenizer.get("tokenizer_class") in TOKENIZERS_OF_5 \
            or not all(_is_plain(_read(place)) for place in transformers) \
            or not all(_read(place).get("pooling_mode", "mean") in POOLING for place in poolings):
        return AS_SAVED
    for place in poolings:
        write_json(place, _pooling(_read(place)))
    for place in transformers:
        lower = bool(_read(place).get("do_lower_case"))
        write_json(place, {"max_seq_length": max_seq_length or None, "do_lower_case": lower})
    write_json(folder / "modules.json", [
        module | {"type": f"sentence_transformers.models.{kind}"}
        for module, kind in zip(modules, kinds, strict=True)])
    return OLDEST


def _read(place: Path) -> Any:
    return json.loads(place.read_text("utf-8")) if place.is_file() else {}


def _is_plain(settings: dict[str, Any]) -> bool:
    """Whether a transformer reads text and gives the vectors of its tokens, and no more."""
    if "max_seq_length" in settings:  # written for older versions already
        return True
    text = {"method": "forward", "method_output_name": "last_hidden_state"}
    return (settings.get("transformer_task") == "feature-extraction"
            and settings.get("modality_config") == {"text": text}
            and settings.get("module_output_name") == "token_embeddings")


def _pooling(settings: dict[str, Any]) -> dict[str, Any]:
    if "pooling_mode" not in settings:
        return settings
    return {
        "word_embedding_dimension": settings["embedding_dimension"],
        **{f"pooling_mode_{old}": name == settings["pooling_mode"]
           for name, old in POOLING.items()},
        "include_prompt": settings.get("include_prompt", True),
    }
