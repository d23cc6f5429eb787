"""A BERT's weights as a graph for ONNX Runtime.

In float32, of ONNX Runtime's own fused operators (attention, normalisation with its residual, GELU
with its bias): the same vectors as the model's, to rounding. No torch is needed for it.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

FUSED = "com.microsoft"
"""The domain of the fused operators."""
OPSET, IR = 18, 9
FILE, WEIGHTS = "model.onnx", "weights.bin"
Array = NDArray[Any]


class NoFastFormError(ValueError):
    """A model that ONNX Runtime does not run here.

    The message says why, in a few words.
    """


def write_bert(model: Path, folder: Path) -> None:
    """Write a BERT model as an ONNX folder.

    model: the folder of its config.json and model.safetensors. Written beside and renamed.
    NoFastFormError where it is no plain BERT.
    """
    config = _config(model)
    weights = _weights(model)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, suffix=".part"))
    try:
        _save(_Graph(config, weights), beside)
        beside.rename(folder)
    except OSError:
        if not (folder / FILE).is_file():  # else another process was quicker
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _config(model: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((model / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise NoFastFormError("its config.json cannot be read") from error
    plain = {"model_type": "bert", "hidden_act": "gelu"}
    for name, value in plain.items():
        if config.get(name) != value:
            raise NoFastFormError(f"its {name} is {config.get(name)!r:.40}, not {value!r}")
    if config.get("position_embedding_type", "absolute") != "absolute" or config.get("is_decoder"):
        raise NoFastFormError("it is no plain BERT encoder")
    return config


def _weights(model: Path) -> dict[str, Array]:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found = load_file(model / "model.safetensors")
    except (OSError, SafetensorError, TypeError, KeyError) as error:
        raise NoFastFormError("its weights are not in one model.safetensors that NumPy reads") \
            from error
    return {name.removeprefix("bert."): np.asarray(value, np.float32)
            for name, value in found.items()}


@dataclass
class _Graph:
    """A graph as it grows, from token ids to the last hidden states."""

    config: Mapping[str, Any]
    weights: Mapping[str, Array]
    nodes: "list[NodeProto]" = field(default_factory=list)
    constants: "list[TensorProto]" = field(default_factory=list)
    last: str = ""

    def __post_init__(self) -> None:
        try:
            self.last = self._embedded()
            for layer in range(self.config["num_hidden_layers"]):
                self.last = self._layer(layer, self.last)
        except KeyError as error:
            raise NoFastFormError(f"it has no {error}") from error

    def _embedded(self) -> str:
        def of(name: str) -> Array:
            return self.weights[f"embeddings.{name}"]

        # Retrieval has one segment: its vector is part of every position's.
        places = of("position_embeddings.weight") + of("token_type_embeddings.weight")[0]
        return self._node(
            "EmbedLayerNormalization",
            ["ids", "", self._constant("words", of("word_embeddings.weight")),
             self._constant("places", places), "",
             self._constant("embedded.scale", of("LayerNorm.weight")),
             self._constant("embedded.shift", of("LayerNorm.bias"))],
            "embedded", more=["embedded.mask"], epsilon=self._epsilon)

    def _layer(self, number: int, given: str) -> str:
        here, name = f"encoder.layer.{number}", f"layer{number}"
        parts = [f"{here}.attention.self.{part}" for part in ("query", "key", "value")]
        joined = np.concatenate([self.weights[f"{part}.weight"].T for part in parts], axis=1)
        shifts = np.concatenate([self.weights[f"{part}.bias"] for part in parts])
        attended = self._node(
            "Attention", [given, self._constant(f"{name}.qkv", joined),
                          self._constant(f"{name}.qkv.bias", shifts), "lengths"],
            f"{name}.attended", num_heads=self.config["num_attention_heads"])
        seen = self._normalised(f"{here}.attention.output", attended, given, f"{name}.seen")
        wide = self._product(f"{here}.intermediate.dense", seen, f"{name}.wide")
        bias = self._constant(f"{name}.wide.bias", self.weights[f"{here}.intermediate.dense.bias"])
        active = self._node("BiasGelu", [wide, bias], f"{name}.active")
        return self._normalised(f"{here}.output", active, seen, f"{name}.out")

    def _normalised(self, weights: str, given: str, residual: str, name: str) -> str:
        """A product, its bias and the residual added, normalised."""
        product = self._product(f"{weights}.dense", given, f"{name}.product")
        constants = [self._constant(f"{name}.{what}", self.weights[f"{weights}.{what}"])
                     for what in ("LayerNorm.weight", "LayerNorm.bias", "dense.bias")]
        return self._node("SkipLayerNormalization", [product, residual, *constants], name,
                          epsilon=self._epsilon)

    def _product(self, weights: str, given: str, name: str) -> str:
        weight = self._constant(f"{name}.weight", self.weights[f"{weights}.weight"].T)
        return self._node("MatMul", [given, weight], name, domain="")

    @property
    def _epsilon(self) -> float:
        return float(self.config.get("layer_norm_eps", 1e-12))

    def _constant(self, name: str, value: Array) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def _node(
        self, kind: str, given: list[str], out: str, domain: str = FUSED,
        more: list[str] | None = None, **attributes: Any,
    ) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(kind, given, [out, *(more or [])], domain=domain,
                                           **attributes))
        return out


def _save(graph: _Graph, folder: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    made = helper.make_graph(
        graph.nodes, "bert",
        [helper.make_tensor_value_info("ids", TensorProto.INT32, ["texts", "tokens"]),
         helper.make_tensor_value_info("lengths", TensorProto.INT32, ["texts"])],
        [helper.make_tensor_value_info(graph.last, TensorProto.FLOAT,
                                       ["texts", "tokens", graph.config["hidden_size"]])],
        graph.constants)
    model = helper.make_model(made, ir_version=IR, opset_imports=[
        helper.make_opsetid("", OPSET), helper.make_opsetid(FUSED, 1)])
    onnx.save_model(model, str(folder / FILE), save_as_external_data=True, location=WEIGHTS)
