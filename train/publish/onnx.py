"""A tuned model as int8 ONNX for CPUs.

Offered only when it ranks as well. Needs `onnxscript`, which Tandem itself does not: it is
installed by itself (requirements-onnx.txt), since the extra of sentence-transformers downgrades
that.
"""

import importlib.util
import inspect
import tempfile
import warnings
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus.records import Corpus
from hub.progress import mapped
from retrieval.evaluation import evaluate, means
from retrieval.index import build_index, index_in_parts
from retrieval.metrics import PRIMARY
from retrieval.models import file_sha256, load_encoder
from train.run.record import Run

from .errors import PublishError
from .steps import Step

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

NEEDED = ("onnx", "onnxruntime", "onnxscript")
PATH = "onnx/model_qint8.onnx"
"""Where it is published, beside the weights."""
MOST_LOST = 0.005
"""Of ndcg@10 on dev, either way: more, and it is another model."""
OPSET = 18
EXAMPLE = ("a question", "a passage that is somewhat longer than the question")


@dataclass(frozen=True)
class Exported:
    """An int8 model on disk, and how it did.

    Full, int8: the primary metric on dev.
    """

    file: Path
    full: float
    int8: float

    def as_record(self) -> dict[str, Any]:
        """As `run.json` keeps it under `onnx`."""
        return {"file": PATH, "split": "dev", "metric": PRIMARY, "fp32": self.full,
                "int8": self.int8, "difference": self.int8 - self.full,
                "bytes": self.file.stat().st_size, "sha256": file_sha256(self.file)}


def can_export() -> bool:
    """Whether what the export needs is installed."""
    return all(importlib.util.find_spec(name) for name in NEEDED)


def exported_before(run: Run) -> Exported | None:
    """An earlier export of a run's model, if current."""
    kept, file = run.record().onnx, run.folder / PATH
    if not kept or not file.is_file() or file_sha256(file) != kept.sha256:
        return None
    return Exported(file, kept.fp32, kept.int8)


def export_int8(
    run: Run, corpus: Corpus, cache: Path | None = None
) -> Generator[Step, None, Exported]:
    """Export a run's model as ONNX, and measure it.

    Into its folder, on dev, yielding steps. What was exported before is taken again.
    cache: where the vectors of the fp32 model are. The result is in the record as `onnx`. Raises
    PublishError when it cannot be exported, or differs by more than `MOST_LOST`.
    """
    if (before := exported_before(run)) is not None:
        return before
    if not can_export():
        raise PublishError("An ONNX export needs more packages: pip install -r "
                           "requirements-onnx.txt.", "onnx")
    yield Step("onnx")
    full = load_encoder(str(run.model), device="cpu")
    figures = [means(evaluate(build_index(full, corpus, cache), corpus, "dev"))[PRIMARY]]
    file = run.folder / PATH
    file.parent.mkdir(parents=True, exist_ok=True)
    write_int8(full.model, file)
    small = load_encoder(str(run.model), device="cpu")
    run_by_onnx(small.model, file)
    index = yield from mapped(index_in_parts(small, corpus, shipped=False),
                              lambda at: Step("onnx", at))
    try:
        figures.append(means(evaluate(index, corpus, "dev"))[PRIMARY])
    except ValueError as error:  # it gives no vectors that could be measured
        raise PublishError(f"As int8 the model is not offered: {error} Publish without the ONNX "
                           "export.", "onnx") from None
    exported = Exported(file, *figures)
    if abs(exported.int8 - exported.full) > MOST_LOST:
        raise PublishError(
            f"As int8 the model has {exported.int8:.4f} {PRIMARY} on dev, not {exported.full:.4f}: "
            "it is not offered. Publish without the ONNX export.", "onnx")
    run.update(onnx=exported.as_record())
    return exported


def write_int8(model: "SentenceTransformer", file: Path) -> None:
    """Write a model's transformer as int8 ONNX.

    One scale a channel. Pooling and what follows stay with sentence-transformers. PublishError when
    that cannot be done.
    """
    with tempfile.TemporaryDirectory(prefix="tandem-onnx-") as folder:
        whole = Path(folder) / "model.onnx"
        try:
            _export(model, whole)
            _quantize(whole, file)
        except Exception as error:  # whatever an exporter can raise about an architecture
            line = str(error).strip().splitlines()[:1] or [type(error).__name__]
            raise PublishError(f"The model could not be exported to ONNX: {line[0][:200]}. Publish "
                               "without it.", "onnx") from None


def run_by_onnx(model: "SentenceTransformer", file: Path) -> None:
    """Let a model compute with an ONNX file.

    Instead of its weights.
    """
    import onnxruntime
    import torch

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]
    inner: Any = model[0]

    class ByOnnx(torch.nn.Module):
        config = inner.model.config

        def forward(self, **given: Any) -> Mapping[str, torch.Tensor]:
            fed = {name: given[name].cpu().numpy() for name in names}
            (output,) = session.run(None, fed)
            return {"last_hidden_state": torch.from_numpy(output)}

    inner.model = ByOnnx()


def _export(model: "SentenceTransformer", file: Path) -> None:
    import torch

    inner: Any = model[0]
    given = {name: value.cpu() for name, value in model.preprocess(list(EXAMPLE)).items()
             if isinstance(value, torch.Tensor) and name in _inputs(inner.model)}
    names = list(given)

    class Plain(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner.model

        def forward(self, *values: Any) -> Any:
            return self.inner(**dict(zip(names, values, strict=True))).last_hidden_state

    axes = tuple({0: torch.export.Dim("batch", min=1), 1: torch.export.Dim("tokens", min=2)}
                 for _ in names)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names of axes that are the same axis
        torch.onnx.export(
            Plain().eval(), tuple(given.values()), str(file), input_names=names, verbose=False,
            output_names=["last_hidden_state"], dynamic_shapes=(axes,), opset_version=OPSET,
            external_data=False, dynamo=True)


def _inputs(model: Any) -> set[str]:
    return set(inspect.signature(model.forward).parameters)


def _quantize(whole: Path, file: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(whole, file, op_types_to_quantize=["MatMul"], per_channel=True,
                     weight_type=QuantType.QInt8)
