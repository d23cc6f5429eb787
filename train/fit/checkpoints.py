"""Checkpoints of a run: its training state, its best model.

Each is written beside and renamed, so that there is always a whole one; at most these two.
"""

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.encoder import SentenceTransformerEncoder, Vectors
from train.run.checksums import SUMS, damaged_in, seal
from train.run.record import Run, RunError

from .machine import check_room, settle

if TYPE_CHECKING:
    from .loop import Loop

EVERY = 60.0
"""Seconds of training after which a state is kept, in mid-epoch too."""
ROOM = 1 << 16
"""Bytes set aside: on a full disk, room for the record to say so."""
MOST = 0.05
"""The share of its time that a run spends on keeping states: of a large model they are kept less
often."""


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, run: Run) -> None:
        """Nothing is read or written yet."""
        self.folder = run.checkpoints
        self.state = self.folder / "state.pt"
        self.best = self.folder / "best"
        self._kept = time.monotonic()
        self._took = 0.0

    def open(self, resume: bool) -> None:
        """Make the folder; remove old checkpoints unless resuming."""
        if not resume:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(exist_ok=True)
        self.remove_parts()
        (self.folder / "room.part").write_bytes(b"\0" * ROOM)

    def remove_parts(self) -> None:
        """Remove half-written checkpoints, and the room set aside."""
        for part in self.folder.glob("*.part"):
            if part.is_dir():
                shutil.rmtree(part, ignore_errors=True)
            else:
                part.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove them: the run is done."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def has_best(self) -> bool:
        """Whether there is a checkpoint that could be the result."""
        return (self.best / "vectors.npy").exists()

    def check_room(self, encoder: SentenceTransformerEncoder) -> None:
        """Refuse to begin what the disk has no room for.

        A state and the one before it, and the best model beside the last; OSError.
        """
        check_room(self.folder, 8 * 4 * sum(w.numel() for w in encoder.model.parameters()))

    def due(self) -> bool:
        """Whether it is time to keep a state."""
        return time.monotonic() - self._kept >= max(EVERY, self._took / MOST)

    def keep_state(self, loop: "Loop", **extra: Any) -> None:
        """Keep the training state; OSError on a full disk."""
        start = time.monotonic()
        # Weights and the two moments of the optimiser; the old state is there until the new is.
        check_room(self.folder, 3 * sum(4 * weight.numel() for weight in loop.trained.values()))
        loop.save(self.state, **extra)
        self._kept = time.monotonic()
        self._took = self._kept - start

    def keep_best(self, encoder: SentenceTransformerEncoder, vectors: Vectors) -> None:
        """Keep a model as the best checkpoint, with its vectors."""
        model = encoder.model
        check_room(self.folder, vectors.nbytes + 4 * sum(w.numel() for w in model.parameters()))
        beside = self.best.with_suffix(".part")
        shutil.rmtree(beside, ignore_errors=True)
        model.truncate_dim = encoder.truncate_dim
        model.save_pretrained(str(beside), create_model_card=False)
        np.save(beside / "vectors.npy", vectors, allow_pickle=False)
        seal(beside)
        settle(beside)
        shutil.rmtree(self.best, ignore_errors=True)
        beside.rename(self.best)

    def best_vectors(self) -> Vectors:
        """The corpus' vectors of the best checkpoint: (passages, dim)."""
        vectors: Vectors = np.load(self.best / "vectors.npy", allow_pickle=False)
        return vectors

    def best_as(self, model: Path) -> None:
        """Link the best checkpoint as the run's model.

        It stays here as well, for resuming. RunError where it is not what was written.
        """
        if name := damaged_in(self.best):
            shutil.rmtree(self.best, ignore_errors=True)
            self.state.unlink(missing_ok=True)
            raise RunError(f"The best checkpoint is damaged: {name} is not what was written. It "
                           "was removed: resume to train from the beginning.")
        beside = model.with_suffix(".part")
        for leftover in (beside, model):
            shutil.rmtree(leftover, ignore_errors=True)
        shutil.copytree(self.best, beside, copy_function=_link,
                        ignore=shutil.ignore_patterns("vectors.npy", SUMS))
        beside.rename(model)


def _link(source: str, target: str) -> None:
    """A second name for a file that nobody changes in place; a copy where there are no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
