"""A model's fast form: its files, read without torch."""

import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .bert import FILE, NoFastFormError, write_bert

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Encoding, Tokenizer

Vectors = NDArray[np.float32]
MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
"""What a model may be made of."""
POOLED = ("mean", "cls")
BATCH_TEXTS, BATCH_TOKENS = 32, 2_048
"""The most of a batch: what attention needs of memory grows with the square of its longest text."""


@dataclass(frozen=True)
class FastForm:
    """A BERT model as ONNX Runtime runs it.

    max_tokens: how much of a text it reads. pooling: `mean` or `cls`. dim: of its vectors. lower:
    whether texts are put in lower case first. unit: whether vectors get length 1. threads: how many
    batches are encoded at a time; each is computed on one, so that questions asked at once do not
    wait for each other. bytes: of its graph and weights.
    """

    session: "InferenceSession"
    tokenizer: "Tokenizer"
    max_tokens: int
    pooling: str
    dim: int
    lower: bool = False
    unit: bool = False
    threads: int = 1
    bytes: int = 0

    @classmethod
    def of_folder(cls, model: Path, kept: Path) -> "FastForm":
        """The fast form of the model in a folder.

        kept: the folder where its graph is, or is written. NoFastFormError where it has none.
        """
        from tokenizers import Tokenizer

        facts = _facts(model)
        if not (kept / FILE).is_file():
            write_bert(facts["transformer"], kept)
        try:
            tokenizer = Tokenizer.from_file(str(facts["transformer"] / "tokenizer.json"))
        except Exception as error:  # the library raises nothing narrower
            raise NoFastFormError("its tokenizer.json cannot be read") from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(facts["max_tokens"])
        return cls(_session(kept / FILE), tokenizer, facts["max_tokens"], facts["pooling"],
                   facts["dim"], facts["lower"], facts["unit"], len(os.sched_getaffinity(0)),
                   sum(path.stat().st_size for path in kept.iterdir()))

    def cut_at(self, max_tokens: int) -> "FastForm":
        """The same form, reading fewer tokens of a text."""
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self.tokenizer.to_str())
        tokenizer.enable_truncation(max_tokens)
        return replace(self, tokenizer=tokenizer, max_tokens=max_tokens)

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Vectors of texts, (texts, dim), not normalised."""
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for place, states in self._states(texts):
            vectors[place] = self._pooled(states)
        return vectors

    def _pooled(self, states: Vectors) -> Vectors:
        vector: Vectors = states[0] if self.pooling == "cls" else states.mean(axis=0)
        if self.unit and (length := float(np.linalg.norm(vector))) > 0:
            vector = vector / np.float32(length)
        return vector

    def _states(self, texts: Sequence[str]) -> Iterator[tuple[int, Vectors]]:
        """Place and last hidden states of each text, in batches of like length."""
        given = [text.lower() for text in texts] if self.lower else list(texts)
        encodings = ([self.tokenizer.encode(given[0])] if len(given) == 1
                     else self.tokenizer.encode_batch(given))
        batches = list(_batches([len(encoding) for encoding in encodings]))
        if len(batches) == 1 or self.threads == 1:
            done: Iterator[Vectors] = (self._run(encodings, batch) for batch in batches)
            yield from _apart(batches, done, encodings)
            return
        with ThreadPoolExecutor(self.threads) as pool:
            done = pool.map(lambda batch: self._run(encodings, batch), batches)
            yield from _apart(batches, done, encodings)

    def _run(self, encodings: "Sequence[Encoding]", batch: Sequence[int]) -> Vectors:
        lengths = np.array([len(encodings[place]) for place in batch], np.int32)
        ids = np.zeros((len(batch), lengths.max()), np.int32)
        for row, place in enumerate(batch):
            ids[row, : lengths[row]] = encodings[place].ids
        (states,) = self.session.run(None, {"ids": ids, "lengths": lengths})
        return np.asarray(states, np.float32)


def _apart(
    batches: Sequence[Sequence[int]], done: Iterator[Vectors], encodings: "Sequence[Encoding]"
) -> Iterator[tuple[int, Vectors]]:
    for batch, states in zip(batches, done, strict=True):
        for row, place in enumerate(batch):
            yield place, states[row, : len(encodings[place])]


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts by length, so that a batch has little padding; the longest first."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        longest = lengths[batch[0]] if batch else lengths[place]
        if batch and (len(batch) == BATCH_TEXTS or (len(batch) + 1) * longest > BATCH_TOKENS):
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _session(file: Path) -> "InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    try:
        return onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own errors share no base
        raise NoFastFormError("ONNX Runtime cannot load its graph") from error


def object_in(path: Path) -> dict[str, Any]:
    """The JSON object of a model's file.

    Empty where it is missing or damaged.
    """
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _facts(model: Path) -> dict[str, Any]:
    """What the files of a model say of how it is run."""
    try:
        modules = json.loads((model / "modules.json").read_text("utf-8"))
        kinds = [module["type"].rpartition(".")[2] for module in modules]
        folders = [model / module["path"] for module in modules]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoFastFormError("its modules.json cannot be read") from error
    if kinds not in MODULES:
        raise NoFastFormError(f"it is made of {', '.join(kinds)}")
    pooling = object_in(folders[1] / "config.json")
    if pooling.get("pooling_mode") in POOLED:
        modes = [pooling["pooling_mode"]]
    else:
        modes = [name.removeprefix("pooling_mode_").split("_")[0] for name, used in pooling.items()
                 if name.startswith("pooling_mode_") and used is True]
    if len(modes) != 1 or modes[0] not in POOLED or "pooling_mode_mean_sqrt_len_tokens" in [
            name for name, used in pooling.items() if used is True]:
        raise NoFastFormError("its pooling is neither mean nor that of the first token")
    if pooling.get("include_prompt") is False:
        raise NoFastFormError("it leaves its prompt out when pooling")
    config = object_in(folders[0] / "config.json")
    own = object_in(folders[0] / "sentence_bert_config.json")
    known = object_in(folders[0] / "tokenizer_config.json")
    lengths = [own.get("max_seq_length")] if own.get("max_seq_length") else [
        known.get("model_max_length"), config.get("max_position_embeddings")]
    tokens = min((int(length) for length in lengths if isinstance(length, int | float)), default=0)
    if not 2 < tokens <= int(config.get("max_position_embeddings") or 0):
        raise NoFastFormError("its files do not say how many tokens it reads")
    return {"transformer": folders[0], "pooling": modes[0], "max_tokens": tokens,
            "dim": int(config.get("hidden_size") or 0), "lower": bool(own.get("do_lower_case")),
            "unit": kinds[-1] == "Normalize"}
