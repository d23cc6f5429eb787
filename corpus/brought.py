"""What became of somebody's rows before the check: a folder's about.json, as findings."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .about import ABOUT, MOST_NOTES, read_about
from .findings import (
    FIXED,
    KINDS,
    LEFT_OUT,
    MOST_EXAMPLES,
    MOST_LOST,
    SKIPPED,
    Finding,
    finding,
    whole_number,
)
from .words import shortened

MOST_BYTES = 1_000_000
"""Of an about.json: it holds some counts, and five examples of each."""
LOSSES = ("unreadable_row", "empty_text", "too_long")
"""Kinds whose rows are lost; a repeated pair is not, and one below a score was asked for."""
UTF_8 = ("utf8", "utf8sig", "ascii", "usascii")


@dataclass(frozen=True)
class Brought:
    """What about.json says: where the rows are from, and which were left out or mended."""

    from_pairs: bool = False
    rows: int = 0
    encoding: str = ""
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    """Kind -> count and examples."""
    fixed: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)

    def findings(self) -> Iterator[Finding | None]:
        """One for each kind of row that was left out or mended."""
        lost = sum(self.left_out.get(kind, (0, ()))[0] for kind in LOSSES)
        most = 2 * lost > self.rows > 0
        for kind, (count, examples) in self.left_out.items():
            severity, action = KINDS.get(kind, ("warning", "Tandem left these rows out."))
            action = SKIPPED.get(kind, action)
            if kind in LOSSES:
                severity, action = ("error", MOST_LOST) if most else ("warning", action)
            yield Finding(kind, severity, count, action, examples, LEFT_OUT)
        for kind, (count, examples) in self.fixed.items():
            _, action = KINDS.get(kind, ("info", "Tandem mended these texts."))
            yield Finding(kind, "info", count, action, examples, FIXED)
        if self.encoding and "encoding" not in self.fixed:
            said = next(filter(self._is_of_encoding, self.notes), f"Read as {self.encoding}.")
            yield finding("encoding", [said])

    @property
    def other_notes(self) -> tuple[str, ...]:
        """What was said of the data as a whole, without what a finding says."""
        return tuple(note for note in self.notes if not self._is_of_encoding(note))

    def _is_of_encoding(self, note: str) -> bool:
        return bool(self.encoding) and self.encoding in note


def brought_to(folder: Path) -> Brought | None:
    """What a folder's about.json says; None where there is none that can be read."""
    try:
        if (folder / ABOUT).stat().st_size > MOST_BYTES:
            return None
        about = read_about(folder)
        if about is None:
            return None
        encoding = str(about.encoding or "")
        usual = encoding.lower().replace("-", "").replace("_", "") in ("", *UTF_8)
        return Brought(
            from_pairs=about.from_pairs is True,
            rows=whole_number({"rows": about.rows}, "rows"),
            encoding="" if usual else shortened(encoding, 40),
            notes=tuple(shortened(str(note)[:1000], 300) for note in about.notes[:MOST_NOTES]),
            left_out=_counts(about.left_out),
            fixed=_counts(about.fixed),
        )
    except (OSError, ValueError, TypeError, AttributeError, KeyError):
        return None


def _counts(value: Any) -> dict[str, tuple[int, tuple[str, ...]]]:
    counted: dict[str, tuple[int, tuple[str, ...]]] = {}
    for kind, case in list((value or {}).items())[:50]:
        if count := whole_number(case, "count"):
            examples = [shortened(str(one)[:1000], 300) for one in case["examples"]]
            counted[shortened(str(kind), 40)] = count, tuple(examples[:MOST_EXAMPLES])
    return counted
