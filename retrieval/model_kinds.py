"""What a model's files hold.

A text embedder, or something else, said by name. Only names of files and small JSON files are read,
so a model of gigabytes on the Hub is refused before any of its weights are fetched.
"""

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLE = "sentence-transformers/all-MiniLM-L6-v2"
POINTER = b"version https://git-lfs.github.com/spec/"
POINTER_BYTES = 1024
"""A Git LFS pointer is shorter than this."""
SAFETENSORS = ".safetensors"
ADAPTER = "adapter_config.json"
MODULES = "modules.json"
SETTINGS = "config_sentence_transformers.json"
SIMILARITIES = ("cosine", "dot")
"""What vectors may be compared by: with both, a search is one matrix product."""


@dataclass(frozen=True)
class ModelFiles:
    """The files of a model, in folder or Hub.

    model: as somebody named it. names: relative to the model's root. path: where a file is on this
    machine, fetched first if need be. weight_bytes: of its safetensors, 0 where the Hub does not
    say. local: they are in a folder of this machine.
    """

    model: str
    names: frozenset[str]
    path: Callable[[str], Path]
    weight_bytes: int = 0
    local: bool = True

    @classmethod
    def of_folder(cls, folder: Path, model: str) -> "ModelFiles":
        """The files of a model's folder and its modules.

        Those just below it.
        """
        found = [path for depth in ("*", "*/*") for path in folder.glob(depth) if path.is_file()]
        names = frozenset(path.relative_to(folder).as_posix() for path in found)
        weights = sum(path.stat().st_size for path in found if path.suffix == SAFETENSORS)
        return cls(model, names, lambda name: folder / name, weights)

    def json(self, name: str) -> Any:
        """A JSON file, read.

        An empty object where it is missing or damaged.
        """
        if name not in self.names:
            return {}
        try:
            return json.loads(self.path(name).read_text("utf-8"))
        except (OSError, ValueError):
            return {}

    def settings(self) -> dict[str, Any]:
        """What sentence-transformers keeps about a model: prompts, similarity."""
        found = self.json(SETTINGS)
        return found if isinstance(found, dict) else {}

    def modules(self) -> list[tuple[str, str]]:
        """The class and the folder of each module.

        Empty for a bare transformer.
        """
        found = self.json(MODULES)
        rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
        return [(str(row.get("type", "")), str(row.get("path", "")).strip("/")) for row in rows]

    def config(self) -> dict[str, Any]:
        """The configuration of the transformer."""
        folder = next((path for kind, path in self.modules() if kind.endswith("Transformer")), "")
        found = self.json(f"{folder}/config.json" if folder else "config.json")
        return found if isinstance(found, dict) else {}

    def inside(self, folder: str) -> list[str]:
        """Names of the files in one folder of a model.

        "" for the root.
        """
        depth = f"{folder}/" if folder else ""
        return [name[len(depth):] for name in self.names
                if name.startswith(depth) and "/" not in name[len(depth):]]


def refusal(files: ModelFiles) -> str | None:
    """Why a model is no text embedder, if so.

    For after its name; None where nothing speaks against it. It says what the model is, and the way
    out.
    """
    looks = (_pointers, _checkpoints, _adapter, _other_model, _other_modules, _nothing,
             _code, _architecture, _similarity, _weights)
    return next((said for look in looks if (said := look(files))), None)


def is_model2vec(files: ModelFiles) -> bool:
    """Whether the package model2vec saved it.

    A static embedding without `modules.json`.
    """
    return not files.modules() and files.config().get("model_type") == "model2vec"


def _pointers(files: ModelFiles) -> str | None:
    if not files.local:
        return None
    for name in sorted(files.names):
        path = files.path(name)
        if (path.suffix in (".safetensors", ".json", ".model", ".bin", ".txt")
                and path.stat().st_size < POINTER_BYTES
                and path.read_bytes().startswith(POINTER)):
            return (f"was cloned without its large files: {name} is a Git LFS pointer of "
                    f"{path.stat().st_size} bytes. Run `git lfs pull` in that folder, or fetch the "
                    "model with `hf download`.")
    return None


def _checkpoints(files: ModelFiles) -> str | None:
    """What a Trainer leaves in its output folder."""
    if files.names & {MODULES, "config.json"}:
        return None
    steps = {int(found[1]) for name in files.names
             if (found := re.match(r"checkpoint-(\d+)/", name))}
    if steps:
        return (f"is the output folder of a Trainer, with {len(steps)} checkpoints and no model "
                f"beside them: give one of those, {files.model.rstrip('/')}/checkpoint-"
                f"{max(steps)} is the last.")
    if files.names & {"trainer_state.json", "optimizer.pt", "training_args.bin"}:
        return ("holds what a Trainer keeps to go on (its state, its optimiser) and no model: give "
                "the folder that `model.save_pretrained` wrote.")
    return None


def _adapter(files: ModelFiles) -> str | None:
    folders = {"", *(path for _, path in files.modules())}
    name = next((f"{folder}/{ADAPTER}".lstrip("/") for folder in sorted(folders)
                 if f"{folder}/{ADAPTER}".lstrip("/") in files.names), None)
    if name is None:
        return None
    base = files.json(name).get("base_model_name_or_path") or "another model"
    return (f"is an adapter (PEFT) of {base:.120} and no whole model. Merge it into that first: "
            "load both with peft, call `merge_and_unload()`, save with `save_pretrained`, and give "
            "the folder this makes.")


def _nothing(files: ModelFiles) -> str | None:
    if files.names & {MODULES, "config.json"}:
        return None
    return (f"holds no model: neither {MODULES} nor config.json is in it. Give what "
            "`SentenceTransformer.save_pretrained` wrote.")


OTHER_MODELS = {
    "CrossEncoder": "is a cross-encoder (a reranker): it scores a question and a passage together "
                    "and has no vector of either",
    "SparseEncoder": "is a sparse encoder (SPLADE): its vectors weigh the words of a vocabulary, "
                     "and are searched with an inverted index",
    "MultiVectorEncoder": "is a multi-vector model (ColBERT): it has a vector of each token, and "
                          "none of the text",
}


def _instead(said: str) -> str:
    return f"{said}. Take a text embedding model, {EXAMPLE} for one."


def _other_model(files: ModelFiles) -> str | None:
    """Models of sentence-transformers that are no SentenceTransformer, and their forerunners."""
    kind = str(files.settings().get("model_type") or "")
    types = " ".join(kind for kind, _ in files.modules())
    heads = _architectures(files)
    if "cross_encoder" in types:
        kind = "CrossEncoder"
    elif re.search(r"sparse_encoder|Splade|SparseAutoEncoder|SparseStaticEmbedding", types) or (
            not types and re.search("splade", " ".join([files.model, *heads]), re.IGNORECASE)):
        kind = "SparseEncoder"
    elif re.search("multi_vector|pylate", types) or "artifact.metadata" in files.names or any(
            "ColBERT" in head for head in heads):
        kind = "MultiVectorEncoder"
    elif re.search("colbert", Path(files.model).name, re.IGNORECASE) and not types:
        kind = "MultiVectorEncoder"
    return _instead(OTHER_MODELS[kind]) if kind in OTHER_MODELS else None


TRAINED_MODULES = {"Transformer", "Pooling", "Normalize", "Dense", "StaticEmbedding", "LayerNorm",
                   "Dropout", "WeightedLayerPooling"}
WITHOUT_WEIGHTS = {"Pooling", "Normalize", "Dropout"}


def _other_modules(files: ModelFiles) -> str | None:
    for kind, _ in files.modules():
        name = kind.rpartition(".")[2]
        if not kind.startswith("sentence_transformers."):
            return _needs_code(f"its {MODULES} names {kind:.80}")
        if name == "CLIPModel":
            return _instead(PICTURES)
        if name in ("Router", "Asym"):
            return _instead("sends questions and passages through different encoders (a Router), "
                            "which cannot be fine-tuned here")
        if name not in TRAINED_MODULES:
            return _instead(f"is made of a kind of module that is not fine-tuned here, {name:.40}")
    return None


def _needs_code(why: str) -> str:
    return (f"needs code from its repository ({why}), and code from a repository is never run. "
            f"Take a model that the library itself implements, {EXAMPLE} for one.")


def _code(files: ModelFiles) -> str | None:
    """Code is needed where the library has no such model, or another one under that name."""
    config = files.config()
    kind = config.get("model_type")
    if not kind or is_model2vec(files):
        return None
    from transformers import CONFIG_MAPPING
    from transformers.models.auto.modeling_auto import MODEL_MAPPING_NAMES

    code = config.get("auto_map")
    brought = code.get("AutoModel") if isinstance(code, dict) else None
    if kind not in CONFIG_MAPPING:
        if code:
            return _needs_code(f"its architecture is {kind:.60}")
        return (f"has an architecture, {kind:.60}, that the installed version of transformers does "
                f"not know. Update transformers, or take another model, {EXAMPLE} for one.")
    own = MODEL_MAPPING_NAMES.get(kind)
    if isinstance(brought, str) and own and brought.rpartition(".")[2] not in _names(own):
        return _needs_code(f"it says {kind:.40} and is a {brought.rpartition('.')[2]:.60}")
    return None


PICTURES = "is a model of pictures and text (CLIP and its kin), not a text embedder"
OF_PICTURES = re.compile(r"clip|siglip|align|^blip|flava|groupvit|owlvit|bridgetower|vilt")
HEADS = {
    "ForSequenceClassification": "is a text classifier or a reranker ({}): it gives a text, or a "
                                 "pair, a label or a score and no vector",
    "ForTokenClassification": "is a tagger of words ({}): it gives each token a label",
    "ForQuestionAnswering": "is a reader ({}): it marks an answer in a text that was already found",
    "ForMultipleChoice": "chooses between given answers ({})",
    "ForCausalLM": "is a language model ({}): it writes text and was not made to compare it",
    "LMHeadModel": "is a language model ({}): it writes text and was not made to compare it",
    "ForConditionalGeneration": "is a language model ({}): it turns one text into another",
    "ForSeq2SeqLM": "is a language model ({}): it turns one text into another",
}


def _architecture(files: ModelFiles) -> str | None:
    """Whether a transformer reads text, and gives vectors where nothing says how they are made."""
    kind = str(files.config().get("model_type") or "")
    if OF_PICTURES.search(kind):
        return _instead(PICTURES)
    if files.modules() or not kind or is_model2vec(files):
        return None
    name = next(iter(_architectures(files)), kind)
    for head, said in HEADS.items():
        if name.endswith(head):
            return _instead(said.format(name[:60]))
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES,
    )

    if kind not in MODEL_FOR_MASKED_LM_MAPPING_NAMES | MODEL_FOR_TEXT_ENCODING_MAPPING_NAMES:
        return _instead(f"is no text embedder: it is a {name:.60}, and nothing in it says how its "
                        "vectors are made")
    return None


def _similarity(files: ModelFiles) -> str | None:
    found = files.settings().get("similarity_fn_name")
    if found in (None, *SIMILARITIES):
        return None
    return (f"compares its vectors by {found!s:.40}, and only {' and '.join(SIMILARITIES)} are "
            f"searched with here. If it does well with one of those, set similarity_fn_name in its "
            f"{SETTINGS}.")


def _weights(files: ModelFiles) -> str | None:
    """Whether the weights of each module are there as safetensors."""
    modules = files.modules() or [("Transformer", "")]
    for kind, folder in modules:
        if kind.rpartition(".")[2] in WITHOUT_WEIGHTS:
            continue
        names = files.inside(folder)
        if any(name.endswith(".safetensors") for name in names):
            continue
        first = kind.rpartition(".")[2] in ("Transformer", "StaticEmbedding")
        if first or any(name.endswith(".bin") for name in names):
            return _no_safetensors(files, names, folder)
    return None


def _no_safetensors(files: ModelFiles, names: Iterable[str], folder: str) -> str:
    where = f" in {folder}" if folder else ""
    ends = {Path(name).suffix for name in files.names}
    others = sorted(name for name in names
                    if name.endswith((".bin", ".pt", ".ckpt", ".h5", ".msgpack")))
    if others:
        return (f"has no .safetensors weights{where}, only {others[0]:.60}, and other formats can "
                "run code when they are read. Where you trust it, convert it once: "
                f"`SentenceTransformer(…).save_pretrained(folder)`; for a model on the Hub the "
                "Space safetensors/convert opens a pull request, to be named as ID@refs/pr/N.")
    for end, made in ((".onnx", "an export to ONNX"), (".xml", "an export to OpenVINO"),
                      (".gguf", "a GGUF file")):
        if end in ends:
            return (f"has no .safetensors weights{where}, only {made}, which cannot be trained "
                    "further. Give the model that it was made from.")
    return (f"has no .safetensors weights{where}. Save the whole model again with "
            "`save_pretrained`, or fetch all of its files.")


def _architectures(files: ModelFiles) -> list[str]:
    found = files.config().get("architectures")
    return [str(name) for name in found] if isinstance(found, list) else []


def _names(found: Any) -> set[str]:
    return {found} if isinstance(found, str) else set(map(str, found))
