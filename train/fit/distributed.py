"""Processes that train one model together, one a GPU.

They are a group of accelerate's (`PartialState`); a run in one process loads none of it.
"""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from corpus.records import Corpus
from retrieval.encoder import SentenceTransformerEncoder
from train.recipe import Recipe

if TYPE_CHECKING:
    from torch import Tensor

PATIENCE = timedelta(days=1)
"""How long a process waits for the others: as long as the first may measure. One that is gone
does not make them wait: whoever started them ends them all."""
BUCKET = 1 << 24
"""Numbers added up at a time: 64 MiB."""

T = TypeVar("T")


class TeamError(ValueError):
    """Another training process failed: the message is its sentence."""


class TeamGoneError(TeamError):
    """Another process of the team ended without a word."""


@dataclass(frozen=True)
class Team:
    """This process among those that train together.

    Each must call the same methods in turn.
    """

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this is the process that measures, saves and writes."""
        return self.rank == 0

    def share(self, count: int, rank: int | None = None) -> range:
        """Which of so many things are this process's, or another's."""
        rank = self.rank if rank is None else rank
        return range(count * rank // self.size, count * (rank + 1) // self.size)

    def gather(self, rows: "Tensor", count: int) -> "Tensor":
        """Gather all processes' rows of vectors: (count, dim).

        In order; `rows` are those of `share(count)`.
        """
        if self.size == 1:
            return rows
        import torch
        from accelerate.utils import gather

        longest = -(-count // self.size)
        mine = rows.new_zeros(longest, *rows.shape[1:])
        mine[: len(rows)] = rows
        with _reaching_all():
            parts = gather(mine).split(longest)
        return torch.cat([part[: len(self.share(count, r))] for r, part in enumerate(parts)])

    def add(self, tensors: Iterable["Tensor"]) -> None:
        """Replace each tensor by its sum over all processes.

        Many small ones go at a time.
        """
        if self.size == 1:
            return
        import torch
        from accelerate.utils import reduce

        for bucket in _buckets(tensors):
            with _reaching_all():
                flat = reduce(torch.cat([tensor.reshape(-1) for tensor in bucket]), "sum")
            sums = torch.split(flat, [tensor.numel() for tensor in bucket])
            for tensor, added in zip(bucket, sums, strict=True):
                tensor.copy_(added.view_as(tensor))

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process."""
        if self.size == 1:
            return flag
        import torch
        from accelerate.utils import reduce

        with _reaching_all():
            return bool(reduce(torch.tensor([int(flag)]), "max").item())

    def from_main(self, value: T) -> T:
        """Broadcast a value of the main process to all."""
        if self.size == 1:
            return value
        from accelerate.utils import broadcast_object_list

        with _reaching_all():
            box: list[T] = broadcast_object_list([value])
        return box[0]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Fail in all processes where the block failed in one.

        No process must wait for another inside. Raises TeamError where another one failed.
        """
        failed: Exception | None = None
        try:
            yield
        except Exception as error:
            failed = error
        if not self.any(failed is not None):
            return
        said = self._all(None if failed is None else str(failed) or type(failed).__name__)
        raise failed or TeamError(next(filter(None, said)))

    def leave(self) -> None:
        """Leave the process group.

        Where the main process goes first, what the others wait for from it is None.
        """
        if self.size == 1:
            return
        from accelerate import PartialState

        with suppress(Exception):  # the others may have gone already
            if self.is_main:
                self.from_main(None)
        with suppress(Exception):
            PartialState().destroy_process_group()

    def _all(self, said: str | None) -> list[str | None]:
        if self.size == 1:
            return [said]
        from accelerate.utils import gather_object

        with _reaching_all():
            heard: list[str | None] = gather_object([said])
        return heard


@dataclass(frozen=True)
class Order:
    """What the main process tells the others to train.

    prompts, default_prompt: those it trains with. state: where to go on from, None to begin.
    """

    base: str
    revision: str | None
    recipe: Recipe
    corpus: Corpus
    seed: int
    max_seq_length: int | None
    prompts: dict[str, str | None]
    default_prompt: str | None
    state: Path | None

    def give(self, team: Team) -> None:
        """Send the order to all processes; wait for them."""
        team.from_main(self)
        with team.together():
            pass


def order_for(
    encoder: SentenceTransformerEncoder, recipe: Recipe, corpus: Corpus, seed: int,
    state: Path | None,
) -> Order:
    """The order to train the main process' model."""
    model = encoder.model
    longest = model.max_seq_length if model.transformers_model is not None else None
    return Order(encoder.name, encoder.revision, recipe, corpus, seed, longest,
                 dict(model.prompts), model.default_prompt_name, state)


def join_team() -> Team:
    """Join the processes of `accelerate launch`, or train alone.

    Each process gets the GPU that is its own where there are GPUs, and ends when the launcher does:
    one that waits for others on a GPU would wait for ever.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Team()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    import torch

    # What is imported with a group there, by an optimiser say, keeps it as the default of its
    # parameters: `leave` would not end it, and its threads can abort a process that exits.
    import torch.distributed.nn.functional
    from accelerate import PartialState

    # Vectors and gradients go by NCCL where there are GPUs, words and flags by gloo.
    group = {"backend": "cpu:gloo,cuda:nccl"} if torch.cuda.is_available() else {"cpu": True}
    state = PartialState(timeout=PATIENCE, **group)
    return Team(state.process_index, state.num_processes)


@contextmanager
def _reaching_all() -> Iterator[None]:
    import torch

    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except RuntimeError as error:
        raise TeamGoneError(
            "Another process of this run ended without a word, perhaps for want of memory. What "
            "was kept before is still there: resume the run."
        ) from error


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _buckets(tensors: Iterable["Tensor"]) -> Iterator[list["Tensor"]]:
    bucket: list[Tensor] = []
    held = 0
    for tensor in tensors:
        if bucket and held + tensor.numel() > BUCKET:
            yield bucket
            bucket, held = [], 0
        bucket.append(tensor)
        held += tensor.numel()
    if bucket:
        yield bucket
