"""What the data check says of a corpus: sizes, what can be shown with them, findings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .findings import MOST_FINDINGS, Finding, whole_number
from .power import Power, Spread
from .records import SPLITS
from .words import shortened


@dataclass(frozen=True)
class Report:
    """What the check says of a corpus; findings stand worst first."""

    name: str
    findings: tuple[Finding, ...]
    pairs: int = 0
    passages: int = 0
    queries: int = 0
    splits: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SPLITS, 0))
    writing: dict[str, Any] = field(default_factory=dict)
    languages: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    spread: Spread | None = None

    @property
    def ok(self) -> bool:
        """Whether the data can be used."""
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def power(self) -> Power:
        """What the test split can show."""
        return Power(self.splits["test"], self.spread)

    @property
    def detectable_difference(self) -> float | None:
        """The smallest difference in mean ndcg@10 that the test split can show."""
        return self.power.detectable

    def as_json(self) -> dict[str, Any]:
        """The report as `corpus check --json` prints it."""
        spread = self.spread
        return {
            "ok": self.ok,
            "name": self.name,
            "pairs": self.pairs,
            "passages": self.passages,
            "queries": self.queries,
            "splits": self.splits,
            "detectable_difference": self.detectable_difference,
            "detectable_from": "measured" if self.power.measured else "assumed",
            "too_small_to_tell": self.power.too_small,
            "base_ndcg@10": round(spread.base_ndcg, 4) if spread else None,
            "spread": spread.as_json() if spread else None,
            "findings": [finding.as_json() for finding in self.findings],
            "writing": self.writing,
            "languages": self.languages,
            "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, value: object) -> "Report":
        """The report that `as_json` gave; ValueError for what is none, whoever wrote it.

        `writing` and `languages` are taken as they are, if they are objects.
        """
        if not isinstance(value, Mapping):
            raise ValueError("A report of the data check must be an object.")
        found, splits, notes = value.get("findings"), value.get("splits"), value.get("notes", [])
        if not isinstance(found, list) or not isinstance(splits, Mapping) or not isinstance(
                notes, list) or not isinstance(value.get("name"), str):
            raise ValueError("A report of the data check must have a name, findings and splits.")
        spread = value.get("spread")
        return cls(
            shortened(value["name"]),
            tuple(Finding.from_json(one) for one in found[:MOST_FINDINGS]),
            pairs=whole_number(value, "pairs"),
            passages=whole_number(value, "passages"),
            queries=whole_number(value, "queries"),
            splits={split: whole_number(splits, split) for split in SPLITS},
            writing=_object(value, "writing"),
            languages=_object(value, "languages"),
            notes=tuple(shortened(str(note)[:1000], 300) for note in notes[:20]),
            spread=Spread.from_json(spread, value.get("base_ndcg@10")) if spread else None,
        )


def _object(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    part = value.get(key)
    return dict(part) if isinstance(part, Mapping) else {}
