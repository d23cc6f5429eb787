"""What the data check says of a corpus.

Sizes, what can be shown with them, findings. The data check's report for a person at a terminal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from corpus.records import SPLITS
from corpus.text import shortened

from .findings import MOST_FINDINGS, Finding, whole_number
from .power import Power, Spread


@dataclass(frozen=True)
class Report:
    """What the check says of a corpus.

    Findings stand worst first.
    """

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
        """The smallest ndcg@10 difference the test split can show."""
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
        """The report that `as_json` gave.

        ValueError for what is none, whoever wrote it. `writing` and `languages` are taken as they
        are, if they are objects.
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


def as_text(report: Report) -> str:
    """The report for a person.

    The sizes, the findings worst first, how it is written.
    """
    splits = ", ".join(f"{split} {count:,}" for split, count in report.splits.items())
    lines = [
        f"{report.name}: {'can be used' if report.ok else 'cannot be used as it is'}",
        f"{report.pairs:,} pairs, {report.queries:,} questions ({splits}), "
        f"{report.passages:,} passages",
    ]
    if report.power.queries:
        lines.append(f"Test: {report.power.sentence()} (80 % power, 5 % two-sided, "
                     f"{_how(report)}).")
    lines += [f"Note: {note}" for note in report.notes]
    for finding in report.findings:
        lines += ["", f"{finding.severity.upper()} {finding.kind}: {finding.count:,}, "
                  f"{finding.treatment}",
                  f"  {finding.action}", *(f"  - {example}" for example in finding.examples)]
    if not report.findings:
        lines += ["", "Nothing to report."]
    return "\n".join(lines + (["", *_writing_lines(report.writing)] if report.writing else []))


def _how(report: Report) -> str:
    """What the detectable difference is reckoned from."""
    spread = report.spread
    if spread is None:
        return "assumed spread"
    base = (f"base has {spread.base_ndcg:.3f} on {spread.queries:,} questions among "
            f"{spread.passages:,} passages{', a sample' if spread.sampled else ''}")
    return f"{base}; {'its' if report.power.measured else 'assumed'} spread"


def _writing_lines(writing: Mapping[str, Any]) -> list[str]:
    tokens = writing["tokens"]
    lines = [f"Tokens ({tokens['counted_by']}):"]
    for what in ("questions", "passages", "passages_with_title"):
        spread = tokens[what]
        if spread and (what != "passages_with_title" or spread != tokens["passages"]):
            lines.append(f"  {what.replace('_', ' ')} {spread['min']} to {spread['max']}, "
                         f"mean {spread['mean']}")
    if (share := writing["at_most_one_shared_word"]) is not None:
        beside = writing["at_most_one_shared_word_beside_names"]
        lines.append(f"Questions with at most one word of their passage: {share:.0%}, "
                     f"{beside:.0%} beside names and numbers")
    for what, pattern in writing["commonest_pattern"].items():
        if pattern:
            lines.append(f"Commonest opening of {what}: “{pattern['pattern']}”, "
                         f"{pattern['share']:.1%}")
    return lines
