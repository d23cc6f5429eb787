"""Tiny folders of each kind of model that people bring, text embedders or not, made on the spot."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.tiny import HIDDEN, POSITIONS, tiny_model

POINTER = ("version https://git-lfs.github.com/spec/v1\n"
           f"oid sha256:{'a' * 64}\nsize 90868376\n")


def parts(folder: Path) -> Path:
    """A bare transformer with its tokenizer, without what sentence-transformers adds."""
    made = tiny_model(folder / "whole")
    for name in ("modules.json", "config_sentence_transformers.json", "sentence_bert_config.json"):
        (made / name).unlink(missing_ok=True)
    shutil.rmtree(made / "1_Pooling")
    return made


def edited(folder: Path, name: str, **changes: Any) -> Path:
    """Change keys of a JSON file of a model; its folder."""
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")
    return folder


def encoder_only(folder: Path) -> Path:
    return parts(folder)


def half_precision(folder: Path) -> Path:
    """Weights in float16, as later revisions of mxbai-embed-large-v1 have them."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny_model(folder / "full")), device="cpu").half()
    assert model.dtype == torch.float16
    model.save_pretrained(str(folder / "half"), create_model_card=False)
    assert json.loads((folder / "half" / "config.json").read_text("utf-8"))["dtype"] == "float16"
    return folder / "half"


def compared_by(folder: Path, similarity: str, texts: tuple[str, ...] = (), **options: Any) -> Path:
    """A model that is compared by another similarity than cosine."""
    made = tiny_model(folder, texts, **options)
    return edited(made, "config_sentence_transformers.json", similarity_fn_name=similarity)


def static(folder: Path, texts: tuple[str, ...] = ()) -> Path:
    """A StaticEmbedding: a vector a token, averaged."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tiny_model(folder / "words", texts) / "tokenizer.json"))
    weights = torch.randn(tokenizer.get_vocab_size(), HIDDEN,
                          generator=torch.Generator().manual_seed(0))
    module = StaticEmbedding(tokenizer, embedding_weights=weights)
    model = SentenceTransformer(modules=[module], device="cpu")
    model.save_pretrained(str(folder / "static"), create_model_card=False)
    return folder / "static"


def model2vec(folder: Path, texts: tuple[str, ...] = ()) -> Path:
    """The same as the package model2vec saves it."""
    from safetensors.torch import load_file, save_file

    made = static(folder, texts)
    out = folder / "model2vec"
    out.mkdir()
    shutil.copy(made / "tokenizer.json", out)
    weights = load_file(made / "model.safetensors")["embedding.weight"]
    save_file({"embeddings": weights.half()}, out / "model.safetensors")
    (out / "config.json").write_text(json.dumps({
        "model_type": "model2vec", "architectures": ["StaticModel"], "normalize": True}), "utf-8")
    return out


def cross_encoder(folder: Path) -> Path:
    from sentence_transformers import CrossEncoder

    CrossEncoder(str(parts(folder)), num_labels=1, device="cpu").save_pretrained(
        str(folder / "reranker"))
    return folder / "reranker"


def classifier(folder: Path) -> Path:
    """A sequence classifier of plain transformers."""
    from transformers import BertConfig, BertForSequenceClassification

    made = parts(folder)
    BertForSequenceClassification(BertConfig.from_pretrained(made)).save_pretrained(made)
    return made


def splade(folder: Path) -> Path:
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import SpladePooling
    from transformers import BertConfig, BertForMaskedLM

    made = parts(folder)
    BertForMaskedLM(BertConfig.from_pretrained(made)).save_pretrained(made)
    try:
        from sentence_transformers.sparse_encoder.modules import MLMTransformer
        modules = [MLMTransformer(str(made)), SpladePooling()]
    except (ImportError, TypeError):
        modules = None
    model = SparseEncoder(modules=modules, device="cpu") if modules else SparseEncoder(str(made))
    model.save_pretrained(str(folder / "sparse"))
    return folder / "sparse"


def colbert(folder: Path) -> Path:
    from sentence_transformers import MultiVectorEncoder

    MultiVectorEncoder(str(tiny_model(folder / "dense")), device="cpu").save_pretrained(
        str(folder / "late"))
    return folder / "late"


def clip(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPModel

    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
             "num_attention_heads": 2}
    config = CLIPConfig(text_config=small | {"vocab_size": 99}, vision_config=small |
                        {"image_size": 8, "patch_size": 4}, projection_dim=16)
    made = parts(folder)
    for name in ("config.json", "model.safetensors"):
        (made / name).unlink()
    CLIPModel(config).save_pretrained(made)
    return made


def language_model(folder: Path) -> Path:
    from transformers import GPT2Config, GPT2LMHeadModel

    made = parts(folder)
    GPT2LMHeadModel(GPT2Config(vocab_size=99, n_embd=16, n_layer=1, n_head=2,
                               n_positions=POSITIONS)).save_pretrained(made)
    return made


def vision(folder: Path) -> Path:
    from transformers import ViTConfig, ViTModel

    made = parts(folder)
    ViTModel(ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                       intermediate_size=16, image_size=8, patch_size=4)).save_pretrained(made)
    return made


def needs_code(folder: Path) -> Path:
    """A transformer whose repository brings its own implementation."""
    return edited(parts(folder), "config.json", model_type="flash-thing", auto_map={
        "AutoConfig": "acme/impl--configuration.FlashConfig",
        "AutoModel": "acme/impl--modeling.FlashModel"})


def needs_code_of_a_known_type(folder: Path) -> Path:
    """As jina-embeddings-v2: it says `bert`, and is another model that its code implements."""
    return edited(parts(folder), "config.json", auto_map={
        "AutoConfig": "acme/impl--configuration.FlashBertConfig",
        "AutoModel": "acme/impl--modeling.FlashBertModel"})


def custom_module(folder: Path) -> Path:
    made = tiny_model(folder)
    modules = json.loads((made / "modules.json").read_text("utf-8"))
    modules[0]["type"] = "custom_st.Transformer"
    (made / "modules.json").write_text(json.dumps(modules), "utf-8")
    return made


def lfs_pointer(folder: Path) -> Path:
    made = tiny_model(folder)
    (made / "model.safetensors").write_text(POINTER, "utf-8")
    return made


def adapter(folder: Path) -> Path:
    """What peft saves: the changes, and which model they are of."""
    from safetensors.torch import load_file, save_file

    made = parts(folder)
    for name in ("config.json", "model.safetensors"):
        (made / name).unlink()
    weights = load_file(tiny_model(folder / "other") / "model.safetensors")
    save_file(dict(list(weights.items())[:1]), made / "adapter_model.safetensors")
    (made / "adapter_config.json").write_text(json.dumps({
        "peft_type": "LORA", "base_model_name_or_path": "BAAI/bge-small-en-v1.5"}), "utf-8")
    return made


def trainer_output(folder: Path) -> Path:
    """The `output_dir` of a Trainer: checkpoints, and no model beside them."""
    out = folder / "output"
    for step in (90, 450, 1000):
        shutil.copytree(tiny_model(folder / f"at{step}"), out / f"checkpoint-{step}")
        (out / f"checkpoint-{step}" / "trainer_state.json").write_text("{}", "utf-8")
        (out / f"checkpoint-{step}" / "optimizer.pt").write_bytes(b"state")
    return out


def onnx_only(folder: Path) -> Path:
    made = tiny_model(folder)
    (made / "model.safetensors").unlink()
    (made / "onnx").mkdir()
    (made / "onnx" / "model.onnx").write_bytes(b"\x08\x07")
    return made


def bin_only(folder: Path) -> Path:
    made = tiny_model(folder)
    (made / "model.safetensors").unlink()
    (made / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n(S'exit 1'\ntR.")
    return made


def bin_in_a_part(folder: Path) -> Path:
    """As LaBSE: its transformer has safetensors, its dense layer has not."""
    made = tiny_model(folder)
    modules = json.loads((made / "modules.json").read_text("utf-8"))
    modules.append({"idx": 2, "name": "2", "path": "2_Dense",
                    "type": "sentence_transformers.models.Dense"})
    (made / "modules.json").write_text(json.dumps(modules), "utf-8")
    (made / "2_Dense").mkdir()
    (made / "2_Dense" / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n(S'exit 1'\ntR.")
    (made / "2_Dense" / "config.json").write_text("{}", "utf-8")
    return made


def filled(folder: Path, value: float) -> Path:
    """A model whose every weight is one number: it gives every text the same vector, or none."""
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(tiny_model(folder / "random")), device="cpu")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    model.save_pretrained(str(folder / "filled"), create_model_card=False)
    return folder / "filled"


Maker = Callable[[Path], Path]
REFUSED: dict[str, tuple[Maker, str]] = {
    "cross-encoder": (cross_encoder, "is a cross-encoder"),
    "classifier": (classifier, "is a text classifier or a reranker"),
    "splade": (splade, "is a sparse encoder"),
    "colbert": (colbert, "is a multi-vector model"),
    "clip": (clip, "is a model of pictures"),
    "vision": (vision, "is no text embedder"),
    "language model": (language_model, "is a language model"),
    "needs code": (needs_code, "needs code from its repository"),
    "needs code, says bert": (needs_code_of_a_known_type, "needs code from its repository"),
    "custom module": (custom_module, "needs code from its repository"),
    "lfs pointer": (lfs_pointer, "git lfs pull"),
    "adapter": (adapter, "merge_and_unload"),
    "trainer output": (trainer_output, "checkpoint-1000"),
    "onnx only": (onnx_only, "ONNX"),
    "bin only": (bin_only, "pytorch_model.bin"),
    "bin in a part": (bin_in_a_part, "2_Dense"),
    "euclidean": (lambda folder: compared_by(folder, "euclidean"), "euclidean"),
    "manhattan": (lambda folder: compared_by(folder, "manhattan"), "manhattan"),
}
