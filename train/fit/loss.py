"""Losses: each query is to find its own passage.

Among those of the batch, and among all in the memory. The loss of a batch is multiple negatives
ranking (`ranking_loss`); `Answers` says which of its passages answer a query that they are not the
own of. The second loss is of cross-batch memory (Wang et al. 2020, arXiv 1912.06798): a batch has
few negatives, and mostly easy ones, so the vectors of earlier batches are kept. `Memory` holds
those of all training passages from the start, as the base sees them; `Recall` is what one batch
sees of it. What is in it is never mixed with vectors of the step: those have moved on together, and
telling the new from the old would be the easiest way to a small loss.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from corpus.records import Corpus, Pair
from corpus.text import folded
from retrieval.index import Index

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Places = Sequence[tuple[int, int]]
"""(row, column) of scores: query and passage of a batch."""


def ranking_loss(
    queries: "Tensor",
    passages: "Tensor",
    scale: float,
    dims: Iterable[int],
    known: Places = (),
    symmetric: bool = False,
    own: Sequence[int] | None = None,
    cosine: bool = True,
) -> "Tensor":
    """Multiple negatives ranking loss: cross entropy over scaled scores.

    queries: (n, dim) float32. passages: (n or more, dim); the first n are the answers of the
    queries, in their order, the others negatives of all, unless `own` says which rows are the
    answers. dims: each number of first dimensions that must do; their losses are added
    (Matryoshka, Kusupati et al. 2022, arXiv 2205.13147).
    cosine: what a score is; False for a dot product.
    known: where a passage that is not the query's own answers it too; it is left out. symmetric:
    the mean of this loss and of that of the answers, which are to find their queries.
    """
    import torch
    from torch.nn.functional import cross_entropy, normalize

    each = torch.arange(len(queries), device=queries.device)
    answers = each if own is None else torch.tensor(own, device=queries.device)
    rows, columns = (list(places) for places in zip(*known, strict=True)) if known else ([], [])
    total = queries.new_zeros(())
    for dim in dims:
        cut = queries[:, :dim], passages[:, :dim]
        of_queries, of_passages = map(normalize, cut) if cosine else cut
        scores = of_queries @ of_passages.T * scale
        if known:
            left_out = torch.zeros_like(scores, dtype=torch.bool)
            left_out[rows, columns] = True
            scores = scores.masked_fill(left_out, float("-inf"))
        loss = cross_entropy(scores, answers)
        if symmetric:
            loss = (loss + cross_entropy(scores[:, answers].T, each)) / 2
        total = total + loss
    return total


def loss_on(index: Index, corpus: Corpus, split: str, batch_size: int, scale: float
            ) -> float | None:
    """Multiple negatives ranking loss of a split, nothing trained.

    Its pairs in their order, in batches as in training; passages that are judged relevant to a
    query beside its own are left out. Over the dimensions that the index has. None for fewer pairs
    than a loss needs.
    """
    from scipy.special import logsumexp

    pairs, place = corpus.pairs(split), {name: row for row, name in enumerate(index.ids)}
    if len(pairs) < 2:
        return None
    relevant = corpus.qrels[split]
    queries = index.encoder.encode_queries([pair.query.text for pair in pairs])
    total = 0.0
    for start in range(0, len(pairs), batch_size):
        batch = pairs[start : start + batch_size]
        ids = [pair.passage.id for pair in batch]
        passages = index.vectors[[place[name] for name in ids]]
        scores = queries[start : start + batch_size] @ passages.T * scale
        for row, pair in enumerate(batch):
            for column, name in enumerate(ids):
                if column != row and relevant[pair.query.id].get(name, 0) > 0:
                    scores[row, column] = -np.inf
        total += float((logsumexp(scores, axis=1) - np.diag(scores)).sum())
    return total / len(pairs)


class Answers:
    """Which passages are known to answer a training query.

    Equal texts are one.
    """

    def __init__(self, corpus: Corpus) -> None:
        """Read the qrels of the train split."""
        self._passages = corpus.passage
        self._texts: dict[str, str] = {}
        self.answers: dict[str, set[str]] = {}
        for pair in corpus.pairs("train"):
            known = self.answers.setdefault(folded(pair.query.text), set())
            known.add(self.text(pair.passage.id))

    def text(self, passage: str) -> str:
        """The text of a passage as it is compared.

        Equal for those that are taken for one.
        """
        if passage not in self._texts:
            self._texts[passage] = folded(self._passages[passage].content)
        return self._texts[passage]

    def columns(self, passages: Iterable[str]) -> dict[str, list[int]]:
        """Compared text of passages -> places where they stand."""
        places: dict[str, list[int]] = {}
        for column, passage in enumerate(passages):
            places.setdefault(self.text(passage), []).append(column)
        return places

    def known(
        self, pairs: Sequence[Pair], columns: Mapping[str, Sequence[int]], own: Iterable[int]
    ) -> Places:
        """Where passages other than a pair's own answer its query.

        columns: of the passages. own: where each pair's own stands among them.
        """
        return [
            (row, column)
            for row, (pair, place) in enumerate(zip(pairs, own, strict=True))
            for text in self.answers[folded(pair.query.text)]
            for column in columns.get(text, ())
            if column != place
        ]


@dataclass(frozen=True)
class Recall:
    """The memory as the queries of one batch see it.

    vectors: (passages, dim), the memory's own. own: a query's answer -> its row. known: as for
    `ranking_loss`.
    """

    vectors: "torch.Tensor"
    own: list[int]
    known: Places

    def loss(
        self, queries: "torch.Tensor", scale: float, dims: set[int], cosine: bool = True
    ) -> "torch.Tensor":
        """The loss of queries among all training passages.

        queries: (n, dim).
        """
        width = self.vectors.shape[1]
        return ranking_loss(
            queries, self.vectors, scale, {min(dim, width) for dim in dims}, self.known,
            own=self.own, cosine=cosine)

    def renew(self, passages: "torch.Tensor") -> None:
        """Remember the passages' vectors as they are now.

        The answers come first of these (n or more, dim).
        """
        width = self.vectors.shape[1]
        self.vectors[self.own] = passages[: len(self.own), :width].detach()


class Memory:
    """Cross-batch memory: vectors of all training passages.

    (passages, dim) float32, in the order of their ids.
    """

    def __init__(self, ids: Sequence[str], vectors: "torch.Tensor", answers: Answers) -> None:
        """Begin with the base's vectors; they are changed in place."""
        self.vectors, self._answers = vectors, answers
        self._rows = {passage: row for row, passage in enumerate(ids)}
        self._columns = answers.columns(ids)

    def recall(self, batch: Sequence[Pair], mask: bool) -> Recall:
        """The memory as the queries of a batch see it.

        mask: leave out what else is known to answer them.
        """
        own = [self._rows[pair.passage.id] for pair in batch]
        return Recall(
            self.vectors, own, self._answers.known(batch, self._columns, own) if mask else ())
