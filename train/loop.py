"""The training loop: batches in, one optimiser step and its loss out."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus.records import Corpus, Pair

from .batches import epoch_batches
from .recipe import Recipe

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer


QUERY_PROMPTS = ("query",)
PASSAGE_PROMPTS = ("document", "passage", "corpus")
"""Under which names a model stores its prompts: those `encode_query` and `encode_document` take."""


class TrainingError(ValueError):
    """Training that cannot go on: the message says why, and what to change."""


class Loop:
    """A model in training, epoch by epoch; its state can be kept on disk and taken up again."""

    def __init__(
        self, model: "SentenceTransformer", recipe: Recipe, corpus: Corpus, seed: int
    ) -> None:
        """Prepare the loss, the optimiser and the schedule; refuse data without negatives."""
        import torch

        self.model, self.recipe, self.seed = model, recipe, seed
        self.pairs = corpus.pairs("train")
        self.relevant = {
            query: [pid for pid, grade in rel.items() if grade > 0]
            for query, rel in corpus.qrels.get("train", {}).items()
        }
        self.epoch = 0
        self.step = 0
        self.steps = sum(len(self._batches(epoch)) for epoch in range(recipe.epochs))
        if not self.steps:
            raise TrainingError(
                f"{corpus.name} has {len(self.pairs)} training pairs and not two that can share a "
                "batch: every query needs other queries’ passages to learn from. Add pairs."
            )
        torch.manual_seed(seed)
        if recipe.dropout is not None:
            for module in model.modules():
                if isinstance(module, torch.nn.Dropout):
                    module.p = recipe.dropout
        self.precision = _precision(model, recipe)
        if self.precision == "bf16":
            _train_in_bf16(model)
        self.loss = _loss(model, recipe)
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)

    def train_epoch(self) -> Iterator[float]:
        """Train one epoch; yields the loss of each step."""
        for batch in self._batches(self.epoch):
            self.model.train()  # encoding in between leaves it in evaluation mode
            yield self._train(batch)
        self.epoch += 1

    def _train(self, batch: list[Pair]) -> float:
        import torch

        value: torch.Tensor = self.loss(
            [
                self._features([pair.query.text for pair in batch], QUERY_PROMPTS),
                self._features([pair.passage.content for pair in batch], PASSAGE_PROMPTS),
            ],
            torch.empty(0),
        )
        if not torch.isfinite(value):
            raise TrainingError(
                f"The loss became {value.item()} at step {self.step + 1}: lower the learning rate "
                f"(it is {self.recipe.learning_rate:g})."
            )
        torch.autograd.backward(value)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.max_grad_norm)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad()
        self.step += 1
        return float(value.item())

    def save(self, path: Path, **extra: Any) -> None:
        """Keep everything that `load` needs to go on exactly as if nothing had happened."""
        import torch

        state = {
            "epoch": self.epoch,
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "random": torch.get_rng_state(),
            **extra,
        }
        beside = path.with_suffix(".part")
        torch.save(state, beside)
        beside.replace(path)

    def load(self, path: Path) -> dict[str, Any]:
        """Take up a kept state; tensors and numbers only, no code is read from the file."""
        import torch

        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        self.epoch, self.step = state["epoch"], state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        torch.set_rng_state(state["random"])
        return state

    def _batches(self, epoch: int) -> list[list[Pair]]:
        return epoch_batches(
            self.pairs,
            self.recipe.batch_size,
            self.recipe.batching,
            self.relevant,
            self.seed + epoch,
        )

    def _features(self, texts: list[str], prompt_names: tuple[str, ...]) -> dict[str, Any]:
        stored = (self.model.prompts.get(name) for name in prompt_names)
        features = self.model.preprocess(texts, prompt=next(filter(None, stored), None))
        return {
            name: value.to(self.model.device) if hasattr(value, "to") else value
            for name, value in features.items()
        }

    def _rate(self, step: int) -> float:
        """The learning rate's share at a step: linear warm-up, then the recipe's schedule."""
        warmup = math.ceil(self.recipe.warmup * self.steps)
        if step < warmup:
            return step / max(1, warmup)
        done = (step - warmup) / max(1, self.steps - warmup)
        if self.recipe.schedule == "cosine":
            return max(0.0, 0.5 * (1 + math.cos(math.pi * done)))
        return max(0.0, 1 - done) if self.recipe.schedule == "linear" else 1.0


def _precision(model: "SentenceTransformer", recipe: Recipe) -> str:
    """`bf16` or `fp32`: what `auto` means on this device."""
    import torch

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

    transformer = model[0]
    plain = transformer.forward

    def forward(features: dict[str, Any], **options: Any) -> dict[str, Any]:
        if not transformer.training:  # what is measured is what is saved
            return dict(plain(features, **options))
        with torch.autocast(model.device.type, torch.bfloat16):
            found = dict(plain(features, **options))
        found["token_embeddings"] = found["token_embeddings"].float()
        return found

    transformer.forward = forward


def _loss(model: "SentenceTransformer", recipe: Recipe) -> "torch.nn.Module":
    from sentence_transformers.sentence_transformer import losses

    loss = losses.MultipleNegativesRankingLoss(model, scale=recipe.scale)
    if recipe.truncate_dim is None:
        return loss
    full = model.get_embedding_dimension() or recipe.truncate_dim
    if recipe.truncate_dim > full:
        raise TrainingError(
            f"truncate_dim is {recipe.truncate_dim}, but the model has {full} dimensions."
        )
    dims = sorted({full, recipe.truncate_dim}, reverse=True)
    return losses.MatryoshkaLoss(model, loss, matryoshka_dims=dims)
