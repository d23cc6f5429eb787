"""The training loop.

Batches in, one optimiser step and its loss out.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from corpus.records import Corpus, Pair
from retrieval.index import Index
from train.recipe import Recipe
from train.run.checksums import allow, allowed, digest_of, is_damaged

from .batches import drawn, epoch_batches, given
from .distributed import Team
from .gradient import Gradient
from .loss import Answers, Memory, Places
from .machine import settle
from .model import TrainingError, check_fits, memory_watched, optimizer, prepare

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from retrieval.encoder import Vectors


class Loop:
    """A model in training, epoch by epoch.

    Its state can be kept on disk and taken up again. In a team of processes each has a loop over
    the same data, and all take the same steps.
    """

    def __init__(
        self,
        model: "SentenceTransformer",
        recipe: Recipe,
        corpus: Corpus,
        seed: int,
        index: Index | None = None,
        team: Team = Team(),  # noqa: B008 - frozen: a team of one
    ) -> None:
        """Prepare data, model, optimiser and schedule; TrainingError for what cannot be trained.

        index: of the corpus under the base, for recipes with a memory or batches of neighbours;
        in a team, the main process's. Nothing has been trained yet, so `model` may
        be the index's.
        """
        import torch

        check_fits(model, recipe)
        self.model, self.recipe, self.seed, self.team = model, recipe, seed, team
        self.pairs = corpus.pairs("train")
        self.relevant = {
            query: [pid for pid, grade in rel.items() if grade > 0]
            for query, rel in corpus.qrels.get("train", {}).items()
        }
        self.passage = corpus.passage
        # Nothing may be learned of what is measured on, not even that it is no answer.
        self.held_out = {pair.passage.id for split in ("dev", "test")
                         for pair in corpus.pairs(split)}
        self.given = given(corpus, self.held_out) if recipe.given_negatives else {}
        self.answers = Answers(corpus)
        self.answering = sorted({pair.passage.id for pair in self.pairs})
        self._check_teaches(corpus)
        with team.together():
            base = self._from_base(index)
        self.vectors, remembered = team.from_main(base)
        self.memory = None if remembered is None else Memory(
            self.answering, torch.tensor(remembered, device=model.device), self.answers)
        self.epoch = self.step = self.step_in_epoch = 0
        self.steps = sum(len(self._batches(epoch)) for epoch in range(recipe.epochs))
        if not self.steps:
            raise TrainingError(
                f"{corpus.name} has {len(self.pairs)} training pairs and not two that can share a "
                "batch: every query needs other queries’ passages to learn from. Add pairs."
            )
        torch.manual_seed(seed)
        self.precision = prepare(model, recipe)
        self.gradient = Gradient(model, recipe, seed, team)
        self.trained = {
            name: value for name, value in model.named_parameters() if value.requires_grad
        }
        self.optimizer = optimizer(model, recipe)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, self._rate)

    def train_epoch(self) -> Iterator[float]:
        """Train the rest of an epoch, yielding each step's loss.

        In a team, each step waits until the main process takes it.
        """
        for batch in self._batches(self.epoch)[self.step_in_epoch :]:
            if not self.team.from_main(True):  # it has left: no more steps
                self.epoch = self.recipe.epochs
                return
            yield self.take_step(batch)
        self.epoch, self.step_in_epoch = self.epoch + 1, 0

    def follow(self) -> None:
        """Take each training step that the main process takes.

        Until it leaves; for the other processes.
        """
        while self.epoch < self.recipe.epochs:
            for _ in self.train_epoch():
                pass

    def take_step(self, batch: list[Pair]) -> float:
        """Train on one batch; returns its loss. TrainingError."""
        import torch

        passages = self._passages(batch)
        loss = self.gradient.of(
            [pair.query.text for pair in batch],
            [self.passage[passage].content for passage in passages],
            self._known(batch, passages),
            self.step,
            self.memory.recall(batch, self.recipe.mask) if self.memory else None,
        )
        with self.team.together(), memory_watched(self.recipe, self.step):
            torch.nn.utils.clip_grad_norm_(self.trained.values(), self.recipe.max_grad_norm)
            self.optimizer.step()
        self.optimizer.zero_grad()
        self.schedule.step()
        self.step += 1
        self.step_in_epoch += 1
        return loss

    def save(self, path: Path, **extra: Any) -> None:
        """Save the training state: `load` goes on exactly from it.

        After any step; what is random in the next ones depends on the seed and the step alone. In
        a team one process saves and all load.
        """
        import torch

        state = {
            "epoch": self.epoch,
            "step": self.step,
            "step_in_epoch": self.step_in_epoch,
            "trained": {name: value.detach() for name, value in self.trained.items()},
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "memory": self.memory.vectors if self.memory else None,
            **extra,
        }
        beside = path.with_suffix(".part")
        torch.save(state, beside)
        settle(beside)
        digest = digest_of(beside)
        allow(path, [*allowed(path), digest])
        beside.replace(path)
        allow(path, [digest])

    def load(self, path: Path) -> dict[str, Any]:
        """Load a training state that was saved.

        Tensors, numbers and names only: no code is read from the file. ValueError where it is not
        what was saved.
        """
        import torch

        if is_damaged(path):
            raise ValueError("its checksum is another than when it was written")

        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        self.epoch, self.step = state["epoch"], state["step"]
        self.step_in_epoch = state["step_in_epoch"]
        with torch.no_grad():
            for name, value in state["trained"].items():
                self.trained[name].copy_(value)
            if self.memory and state.get("memory") is not None:
                self.memory.vectors.copy_(state["memory"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        return state

    def _from_base(self, index: Index | None) -> tuple["Vectors | None", "Vectors | None"]:
        """The base's vectors of the pairs' passages, for neighbours, and of `answering`."""
        recipe = self.recipe
        near = recipe.batching == "neighbours"
        if not self.team.is_main or not (recipe.cross_batch_memory or near):
            return None, None
        if index is None:
            raise ValueError("A memory and batches of neighbours need the base's index.")
        places = {passage: place for place, passage in enumerate(index.ids)}

        def vectors(passages: Iterable[str]) -> "Vectors":
            return index.vectors[[places[passage] for passage in passages]]

        return (
            vectors(pair.passage.id for pair in self.pairs) if near else None,
            vectors(self.answering) if recipe.cross_batch_memory else None,
        )

    def _known(self, batch: list[Pair], passages: list[str]) -> Places:
        """Where a batch's passages answer queries that they are not the own of."""
        if not self.recipe.mask:
            return ()
        return self.answers.known(batch, self.answers.columns(passages), range(len(batch)))

    def _passages(self, batch: list[Pair]) -> list[str]:
        """Ids of a batch's passages, each once: the pairs' own, then their hard negatives."""
        ids = [pair.passage.id for pair in batch]
        hard: set[str] = set()
        for pair in batch:
            hard.update(drawn(self.given.get(pair.query.id, ()), self.recipe.given_negatives,
                              f"{self.seed} {self.epoch} {pair.query.id}"))
        return ids + sorted(hard - set(ids))

    def _batches(self, epoch: int) -> list[list[Pair]]:
        return epoch_batches(
            self.pairs,
            self.recipe.batch_size,
            self.recipe.batching,
            self.relevant,
            self.seed + epoch,
            self.vectors,
        )

    def _check_teaches(self, corpus: Corpus) -> None:
        """Refuse pairs of which no two have different answers."""
        answers = {self.answers.text(pair.passage.id) for pair in self.pairs}
        if len(self.pairs) > 1 and len(answers) == 1:
            raise TrainingError(
                f"All {len(self.pairs)} training pairs of {corpus.name} have the same passage: "
                "there is nothing to tell apart. Check that the columns are not swapped."
            )

    def _rate(self, step: int) -> float:
        """The learning rate's share at a step: linear warm-up, then the recipe's schedule."""
        warmup = math.ceil(self.recipe.warmup * self.steps)
        if step < warmup:
            return step / max(1, warmup)
        done = (step - warmup) / max(1, self.steps - warmup)
        if self.recipe.schedule == "cosine":
            return max(0.0, 0.5 * (1 + math.cos(math.pi * done)))
        return max(0.0, 1 - done) if self.recipe.schedule == "linear" else 1.0
