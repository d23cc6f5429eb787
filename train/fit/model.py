"""A loaded model, made ready to train by a recipe.

Or refused with a sentence.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from train.recipe import Recipe

from .errors import is_out_of_memory

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

FUSED = ("cuda", "cpu")
"""Devices whose AdamW updates a weight in one pass over memory: the same figures, sooner."""


LEAST_STATIC, USUAL_STATIC = 1e-3, 1e-2
"""Learning rates of a static embedding, of which a step moves only the vectors of its words: the
least at which it learns, and a good one (bench/RESULTS.md)."""


class TrainingError(ValueError):
    """Training that cannot go on: the message says why."""


def check_fits(model: "SentenceTransformer", recipe: Recipe) -> None:
    """Refuse more dimensions or tokens than a model has."""
    full = full_dim(model)
    if recipe.truncate_dim is not None and recipe.truncate_dim > full:
        raise TrainingError(
            f"truncate_dim is {recipe.truncate_dim}, but the model has {full} dimensions."
        )
    if recipe.max_seq_length and not _is_transformer(model):
        raise TrainingError("max_seq_length is set, but the model is a static embedding, which "
                            "reads a text whole: set it to none.")
    if recipe.learning_rate < LEAST_STATIC and not _is_transformer(model):
        raise TrainingError(
            f"learning_rate is {recipe.learning_rate:g}, and the model is a static embedding, "
            f"whose vectors hardly move at that: set it to {LEAST_STATIC:g} or more, such as "
            f"{USUAL_STATIC:g}.")
    positions = _positions(model)
    if recipe.max_seq_length and positions and recipe.max_seq_length > positions:
        raise TrainingError(
            f"max_seq_length is {recipe.max_seq_length}, but the model has positions for "
            f"{positions} tokens: choose at most {positions}."
        )


def full_dim(model: "SentenceTransformer") -> int:
    """How many dimensions a model computes before truncation."""
    with model.truncate_embeddings(None):
        return model.get_embedding_dimension() or 0


def prepare(model: "SentenceTransformer", recipe: Recipe) -> str:
    """Set a model's dropout and precision; returns the precision."""
    import torch

    if recipe.dropout is not None:
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = recipe.dropout
    precision = _precision(model, recipe)
    if precision == "bf16":
        _train_in_bf16(model)
    return precision


def optimizer(model: "SentenceTransformer", recipe: Recipe) -> "torch.optim.Optimizer":
    """AdamW over what is trained of a model."""
    import torch

    return torch.optim.AdamW(
        [parameter for parameter in model.parameters() if parameter.requires_grad],
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        fused=model.device.type in FUSED,
    )


@contextmanager
def memory_watched(recipe: Recipe, step: int) -> Iterator[None]:
    """Raise TrainingError where memory runs out in a step.

    That of the GPU or of the machine. step: from 0.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        small = recipe.mini_batch_size
        raise TrainingError(
            f"Memory ran out at step {step + 1}: lower batch_size (it is {recipe.batch_size}), or "
            + (f"lower mini_batch_size (it is {small})" if small else
               "set mini_batch_size, which takes a batch in parts")
            + "."
        ) from error


def _is_transformer(model: "SentenceTransformer") -> bool:
    return model.transformers_model is not None


def _positions(model: "SentenceTransformer") -> int | None:
    """How many tokens a model has learned positions for; None where any number will do."""
    import torch

    for name, module in model[0].named_modules():
        if name.endswith("position_embeddings") and isinstance(module, torch.nn.Embedding):
            # RoBERTa's kind counts from behind the position of the padding.
            return module.num_embeddings - (-1 if module.padding_idx is None
                                            else module.padding_idx) - 1
    return None


def _precision(model: "SentenceTransformer", recipe: Recipe) -> str:
    """`bf16` or `fp32`: what `auto` means on this device."""
    import torch

    if not _is_transformer(model):  # nothing but a table is looked up
        return "fp32"
    if recipe.precision != "auto":
        return recipe.precision
    if model.device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    # A CPU without either instruction set would only emulate it, and be slower than in fp32.
    supported = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16" if model.device.type == "cpu" and supported else "fp32"


def _train_in_bf16(model: "SentenceTransformer") -> None:
    """Have the transformer multiply in bf16 while it trains; what comes out of it is fp32."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    transformer = model[0]
    plain = transformer.forward
    # On a CPU the backward pass of torch's own attention is five times slower in bf16 than that
    # of the products it is made of (torch 2.13): nearly half of a step.
    attention = [SDPBackend.MATH] if model.device.type == "cpu" else []

    def forward(features: dict[str, Any], **options: Any) -> dict[str, Any]:
        if not transformer.training:  # what is measured is what is saved
            return dict(plain(features, **options))
        with torch.autocast(model.device.type, torch.bfloat16), (
            sdpa_kernel(attention) if attention else nullcontext()
        ):
            found = dict(plain(features, **options))
        found["token_embeddings"] = found["token_embeddings"].float()
        return found

    transformer.forward = forward
