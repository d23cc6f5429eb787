"""Negatives from beyond the batch: the vectors that training passages had when last trained on.

A batch has few negatives, and mostly easy ones. Cross-batch memory (Wang et al. 2020, arXiv
1912.06798) keeps the vectors of earlier batches; here it holds all training passages from the
start, as the base sees them. What is in it is never mixed with vectors of the step: those have
moved on together, and telling the new from the old would be the easiest way to a small loss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from corpus.records import Pair

from .losses import Answers, Places, ranking_loss

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Recall:
    """The memory as the queries of one batch see it.

    vectors: (passages, dim), the memory's own. own: a query's answer -> its row. known: as for
    `ranking_loss`.
    """

    vectors: "torch.Tensor"
    own: list[int]
    known: Places

    def loss(self, queries: "torch.Tensor", scale: float, dims: set[int]) -> "torch.Tensor":
        """Each query is to find its answer among all training passages; queries: (n, dim)."""
        width = self.vectors.shape[1]
        return ranking_loss(
            queries, self.vectors, scale, {min(dim, width) for dim in dims}, self.known,
            own=self.own)

    def renew(self, passages: "torch.Tensor") -> None:
        """Remember the answers, the first of these (n or more, dim), as they are now."""
        width = self.vectors.shape[1]
        self.vectors[self.own] = passages[: len(self.own), :width].detach()


class Memory:
    """The vectors of all training passages, (passages, dim) float32, in the order of their ids."""

    def __init__(self, ids: Sequence[str], vectors: "torch.Tensor", answers: Answers) -> None:
        """Begin with the base's vectors; they are changed in place."""
        self.vectors, self._answers = vectors, answers
        self._rows = {passage: row for row, passage in enumerate(ids)}
        self._columns = answers.columns(ids)

    def recall(self, batch: Sequence[Pair], mask: bool) -> Recall:
        """What the queries of a batch see; mask: leave out what else is known to answer them."""
        own = [self._rows[pair.passage.id] for pair in batch]
        return Recall(
            self.vectors, own, self._answers.known(batch, self._columns, own) if mask else ())
