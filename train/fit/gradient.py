"""The gradient of a batch's loss, from its texts.

In however many processes and forward passes. The loss needs the vectors of the whole batch, the
model only ever sees a part of it. So a step goes through the vectors (GradCache, Gao et al. 2021,
arXiv 2101.06983): each process encodes its share of the texts, all gather the vectors, each
computes the same loss and its gradient by the vectors, and takes the gradient of its own vectors
through the model. The processes' gradients are then added up: the sum is what one process would
have found alone.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from retrieval.encoder import DOT
from train.recipe import Recipe

from .distributed import Team
from .loss import Places, Recall, ranking_loss
from .model import TrainingError, full_dim, memory_watched

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

QUERY_PROMPTS = ("query",)
PASSAGE_PROMPTS = ("document", "passage", "corpus")
"""Under which names a model stores its prompts: those `encode_query` and `encode_document` take."""


@dataclass(frozen=True)
class _Part:
    """Texts of one side, queries or passages, that are encoded in one forward pass.

    rows: their places among the texts of their side. seed: of what dropout draws, the same when
    they are encoded again. vectors: with their graph, unless they are encoded again for that.
    """

    rows: list[int]
    features: dict[str, Any]
    seed: int
    vectors: "torch.Tensor"


@dataclass(frozen=True)
class Gradient:
    """What a model learns from a batch."""

    model: "SentenceTransformer"
    recipe: Recipe
    seed: int
    team: Team = Team()

    def of(
        self, queries: Sequence[str], passages: Sequence[str], known: Places, step: int,
        recall: Recall | None = None,
    ) -> float:
        """Leave a batch's gradient in the parameters; its loss.

        queries, passages, known: as `ranking_loss` takes them, texts in the place of vectors.
        recall: what the queries see of the memory; it is renewed. What dropout draws depends on the
        step and the seed alone. TrainingError where the loss is no number.
        """
        import torch

        self.model.train()  # encoding in between leaves it in evaluation mode
        team = self.team if min(len(queries), len(passages)) >= self.team.size else Team()
        with self.team.together(), memory_watched(self.recipe, step):
            parts = [
                list(self._parts(team, step, queries, QUERY_PROMPTS)),
                list(self._parts(team, step, passages, PASSAGE_PROMPTS)),
            ]
        of_queries = team.gather(_in_order(parts[0]), len(queries)).requires_grad_()
        of_passages = team.gather(_in_order(parts[1]), len(passages)).requires_grad_()
        with self.team.together(), memory_watched(self.recipe, step):
            recipe, dims, (scale, cosine) = (
                self.recipe, self._dims(), score_scale(self.model, self.recipe))
            loss = ranking_loss(
                of_queries, of_passages, scale, dims, known, recipe.symmetric, cosine=cosine
            )
            if recall is not None:
                weight = recipe.cross_batch_memory
                loss = loss + weight * recall.loss(of_queries, scale, dims, cosine)
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"The loss became {loss.item()} at step {step + 1}: lower the learning rate "
                    f"(it is {recipe.learning_rate:g})."
                )
            for_queries, for_passages = torch.autograd.grad(loss, (of_queries, of_passages))
            if recall is not None:
                recall.renew(of_passages)
            self._back(parts[0], for_queries)
            self._back(parts[1], for_passages)
        trained = (parameter.grad for parameter in self.model.parameters())
        team.add(gradient for gradient in trained if gradient is not None)
        return float(loss.item())

    def features(self, texts: list[str], prompt_names: tuple[str, ...]) -> dict[str, Any]:
        """Tokens of texts, behind the prompt of their side."""
        names = [name for name in prompt_names if name in self.model.prompts]
        name = names[0] if names else self.model.default_prompt_name
        prompt = None if name is None else self.model.prompts.get(name)
        features = self.model.preprocess(texts, prompt=prompt)
        return {
            name: value.to(self.model.device) if hasattr(value, "to") else value
            for name, value in features.items()
        }

    @property
    def _twice(self) -> bool:
        """Whether the texts are encoded in parts, once for the loss and once for the gradient."""
        return self.recipe.mini_batch_size is not None

    def _dims(self) -> set[int]:
        full = full_dim(self.model)
        return {full, self.recipe.truncate_dim or full}

    def _parts(
        self, team: Team, step: int, texts: Sequence[str], prompt_names: tuple[str, ...]
    ) -> Iterator[_Part]:
        """This process's share of the texts; in more parts than one, those of like length."""
        import torch

        share = list(team.share(len(texts)))
        size = self.recipe.mini_batch_size or len(share)
        if len(share) > size:
            share.sort(key=lambda row: len(texts[row]))
        for start in range(0, len(share), size):
            rows = share[start : start + size]
            features = self.features([texts[row] for row in rows], prompt_names)
            draw = random.Random(f"{self.seed} {step} {prompt_names[0]} {rows[0]}").getrandbits(63)
            with torch.set_grad_enabled(not self._twice):
                vectors = self._vectors(features, draw)
            yield _Part(rows, features, draw, vectors)

    def _vectors(self, features: dict[str, Any], seed: int) -> "torch.Tensor":
        import torch

        torch.manual_seed(seed)
        vectors: torch.Tensor = self.model(dict(features))["sentence_embedding"]
        return vectors

    def _back(self, parts: list[_Part], gradient: "torch.Tensor") -> None:
        """Take the gradient of this process's vectors through the model."""
        import torch

        for part in parts:
            vectors = self._vectors(part.features, part.seed) if self._twice else part.vectors
            torch.autograd.backward(vectors, gradient[part.rows])


def _in_order(parts: list[_Part]) -> "torch.Tensor":
    """The vectors of all parts, by row."""
    import torch

    rows = [row for part in parts for row in part.rows]
    vectors = torch.cat([part.vectors.detach() for part in parts])
    return vectors[torch.argsort(torch.tensor(rows)).to(vectors.device)]


def score_scale(model: "SentenceTransformer", recipe: Recipe) -> tuple[float, bool]:
    """What scores in the loss are multiplied with.

    And whether they are cosines: as the model is compared. The recipe's scale is of a cosine. Dot
    products of vectors of any length are larger by themselves; the library's own advice for those
    is 1.
    """
    from sentence_transformers.sentence_transformer.modules import Normalize

    if model.similarity_fn_name != DOT:
        return recipe.scale, True
    of_length_1 = any(isinstance(module, Normalize) for module in model)
    return recipe.scale if of_length_1 else 1.0, False
