"""Which column of a table holds what."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Columns:
    """The columns of a table of pairs, by what they hold.

    negatives: columns of passages that do not answer. score: how well the positive answers;
    rows below `least_score` are left out.
    """

    anchor: str
    positive: str
    negatives: tuple[str, ...] = ()
    score: str = ""
    least_score: float | None = None
    topic: str = ""

    def as_json(self) -> dict[str, Any]:
        """The columns as JSON holds them."""
        return asdict(self) | {"negatives": list(self.negatives)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Columns":
        """The columns from what `as_json` gave."""
        return cls(**{**value, "negatives": tuple(value.get("negatives") or ())})
