"""The processes that train one model together: one a GPU, or a single one."""

import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

PATIENCE = timedelta(days=1)
"""How long a process waits for the others: as long as the first may measure. One that is gone
does not make them wait: whoever started them ends them all."""
BUCKET = 1 << 24
"""Numbers added up at a time: 64 MiB."""

T = TypeVar("T")


class TeamError(ValueError):
    """Another process of the team failed: the message is what it said."""


class TeamGoneError(TeamError):
    """Another process of the team ended without a word."""


@dataclass(frozen=True)
class Team:
    """This process among those that train together; each must call the same methods in turn."""

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
        """All processes' rows, (count, dim), in order; `rows` are those of `share(count)`."""
        if self.size == 1:
            return rows
        import torch

        longest = -(-count // self.size)
        mine = rows.new_zeros(longest, *rows.shape[1:])
        mine[: len(rows)] = rows
        parts = [torch.empty_like(mine) for _ in range(self.size)]
        with _reaching_all():
            torch.distributed.all_gather(parts, mine)
        return torch.cat([part[: len(self.share(count, r))] for r, part in enumerate(parts)])

    def add(self, tensors: Iterable["Tensor"]) -> None:
        """Replace each tensor by the sum over all processes, many small ones at a time."""
        if self.size == 1:
            return
        import torch

        for bucket in _buckets(tensors):
            flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
            with _reaching_all():
                torch.distributed.all_reduce(flat)
            sums = torch.split(flat, [tensor.numel() for tensor in bucket])
            for tensor, added in zip(bucket, sums, strict=True):
                tensor.copy_(added.view_as(tensor))

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process."""
        if self.size == 1:
            return flag
        import torch

        found = torch.tensor([int(flag)])
        with _reaching_all():
            torch.distributed.all_reduce(found, torch.distributed.ReduceOp.MAX)
        return bool(found.item())

    def from_main(self, value: T) -> T:
        """What the main process has; the others' value does not matter."""
        if self.size == 1:
            return value
        import torch

        box = [value]
        with _reaching_all():
            torch.distributed.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]

    @contextmanager
    def together(self) -> Iterator[None]:
        """What fails inside in one process fails in all, at the end of the block.

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
        """Go; where the main process goes first, what the others wait for from it is nothing."""
        if self.size == 1:
            return
        import torch

        with suppress(Exception):  # the others may have gone already
            if self.is_main:
                self.from_main(None)
        with suppress(Exception):
            torch.distributed.destroy_process_group()

    def _all(self, said: str | None) -> list[str | None]:
        heard = [said] * self.size
        if self.size > 1:
            import torch

            with _reaching_all():
                torch.distributed.all_gather_object(heard, said)
        return heard


def join_team() -> Team:
    """The team this process was started in (`accelerate launch`), or a team of one.

    Each process gets the GPU that is its own where there are GPUs, and ends when the launcher does:
    one that waits for others on a GPU would wait for ever.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return Team()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    import torch

    # What is imported with a group there, by an optimiser say, keeps it as the default of its
    # parameters: `leave` would not end it, and its threads can abort a process that exits.
    import torch.distributed.nn.functional

    if not torch.distributed.is_initialized():
        backend = "gloo"
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
            backend = "cpu:gloo,cuda:nccl"
        torch.distributed.init_process_group(backend, timeout=PATIENCE)
    return Team(torch.distributed.get_rank(), size)


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
