"""How fast a run goes, and what that means for how long it will take."""

import time
from dataclasses import dataclass, field
from typing import Any

from .recipe import Recipe

ENCODE_SHARE = 1 / 3
"""What encoding costs of a training step on the same texts: no backward pass."""
REPORT_EVERY = 0.5
"""Seconds between two reports of progress."""


@dataclass
class Pace:
    """What steps and measuring take, from what they took so far in this process.

    passages: how many are encoded whenever an epoch is measured. Times are of a clock that never
    goes back.
    """

    recipe: Recipe
    passages: int
    step_seconds: float | None = None
    encode_seconds: float | None = None
    share: float = 0.0
    _reported: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Whether it is time for another report."""
        now = time.monotonic()
        if now - self._reported <= REPORT_EVERY:
            return False
        self._reported = now
        return True

    def progress(
        self, step: int, steps: int, epoch: int, encoded: float | None = None
    ) -> dict[str, Any]:
        """Step of steps, and the share done and seconds left as far as they can be known.

        epoch: how many are done. encoded: while one is measured, the share of the corpus that is
        encoded.
        """
        at = {"step": step, "steps": steps}
        if self.step_seconds is None:
            return {**at, "share": self.share, "left_s": None}
        encode = self.encode_seconds or (
            ENCODE_SHARE * self.step_seconds * self.passages / self.recipe.batch_size
        )
        measuring = 0.0 if encoded is None else 1 - encoded
        left = (steps - step) * self.step_seconds
        left += (self.recipe.epochs - epoch + measuring) * encode
        whole = steps * self.step_seconds + self.recipe.epochs * encode
        self.share = max(self.share, round(1 - left / whole, 3))  # better estimates never go back
        return {**at, "share": self.share, "left_s": round(max(0.0, left), 1)}

    def speed(self) -> dict[str, float | None]:
        """What the record keeps, for the next run's estimate: None where nothing was timed."""
        return {
            "examples_per_second": _rate(self.recipe.batch_size, self.step_seconds),
            "passages_per_second": _rate(self.passages, self.encode_seconds),
        }


def _rate(count: int, seconds: float | None) -> float | None:
    return round(count / seconds, 2) if seconds else None
