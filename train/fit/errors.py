"""Errors of a training run as sentences for a person."""

import errno
import shutil
from collections.abc import Iterator

from train.recipe import Recipe
from train.run.files import sentence_of
from train.run.record import Run

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LEFT = 1 << 20
"""Bytes: with fewer free, a write that failed for no reason given failed for want of them."""


def sentence(error: Exception, run: Run, recipe: Recipe) -> str:
    """What to say of an error that ends a run."""
    if is_disk_full(error, run):
        return (
            f"The disk is full where the run {run.id} is{_said(error)}. What was kept before is "
            "still there: make space, for example by deleting runs, then resume."
        )
    if is_out_of_memory(error) and not isinstance(error, ValueError):
        return (
            f"Memory ran out: lower batch_size (it is {recipe.batch_size}), or set "
            "mini_batch_size, which takes a batch in parts. What was kept before is still there."
        )
    if isinstance(error, OSError):
        return (f"{sentence_of(error)} What was kept before is still there: resume when that is "
                "put right.")
    return str(error) or type(error).__name__


def foreseen(error: Exception, run: Run) -> bool:
    """Whether an error's sentence does without its trace."""
    return (isinstance(error, ValueError | OSError) or is_disk_full(error, run)
            or is_out_of_memory(error))


def is_disk_full(error: Exception, run: Run) -> bool:
    """Whether an error means that the disk is full.

    Libraries that write in compiled code raise what they like; then the disk itself is asked.
    """
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno in DISK:
            return True
        text = str(cause).lower()
        if "no space left" in text or "disk quota" in text:
            return True
        unexplained = isinstance(cause, RuntimeError) or (
            isinstance(cause, OSError) and cause.errno is None)
        if unexplained and shutil.disk_usage(run.folder).free < LEFT:
            return True
    return False


def is_out_of_memory(error: Exception) -> bool:
    """Whether an error means that memory ran out.

    That of the GPU, or of the machine.
    """
    for cause in _causes(error):
        text = str(cause).lower()
        if isinstance(cause, MemoryError) or type(cause).__name__ == "OutOfMemoryError":
            return True
        if isinstance(cause, RuntimeError) and "memory" in text and (
            "allocate" in text or "not enough" in text
        ):
            return True
    return False


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _said(error: Exception) -> str:
    """How much is missing, where that was worked out before."""
    said = str(getattr(error, "strerror", None) or "")
    return f" ({said})" if said.endswith("are free") else ""
