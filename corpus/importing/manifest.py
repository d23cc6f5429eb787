"""The manifest of imported data: about.json.

What is known of it, and what became of its rows.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from corpus.columns import Columns
from corpus.records import CorpusError
from corpus.split import BY_PASSAGE, SPLIT_BY
from corpus.text import shortened

ABOUT = "about.json"
SCHEMA = 1
MOST_EXAMPLES = 5
EXAMPLE_LENGTH = 300
MOST_NOTES = 20
NOTES = ("note", "encoding")
"""Kinds of what is said of the data as a whole."""
FIXED = ("control_characters", "html", "mojibake")
"""Kinds of what was mended; the other kinds say what was left out."""


@dataclass(frozen=True)
class Manifest:
    """What was imported, and what became of its rows.

    rows: those that could be read, whether they were used or left out (of BEIR: judgements used).
    pairs: a question with one of its answers. left_out, fixed: kind -> count and up to five
    examples. split_by: how judgements without splits are cut when they are read.
    """

    name: str
    source: str
    format: str
    encoding: str | None
    columns: Columns | None
    from_pairs: bool
    rows: int
    pairs: int = 0
    queries: int = 0
    passages: int = 0
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    split_by: str = BY_PASSAGE
    fixed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """What about.json holds."""
        return {"schema": SCHEMA} | asdict(self) | {
            "columns": self.columns.as_json() if self.columns else None, "notes": list(self.notes),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Manifest":
        """What `as_json` gave. ValueError, TypeError or KeyError for anything else."""
        if value["schema"] != SCHEMA:
            raise ValueError(f"about.json of schema {value['schema']!r:.20}")
        columns = value["columns"] and Columns.from_json(value["columns"])
        if value.get("split_by", BY_PASSAGE) not in SPLIT_BY:
            raise ValueError(f"split_by of about.json is {value['split_by']!r:.20}")
        names = cls.__dataclass_fields__
        fields = {name: part for name, part in value.items() if name in names}
        return cls(**fields | {"columns": columns, "notes": tuple(value["notes"])})


def write_manifest(folder: Path, about: Manifest) -> None:
    """Write a folder's about.json."""
    text = json.dumps(about.as_json(), indent=1)
    (folder / ABOUT).write_text(text + "\n", "utf-8")


def read_manifest(folder: Path) -> Manifest | None:
    """What a folder's about.json says.

    None where there is none, or one of somebody else's.
    """
    try:
        return Manifest.from_json(json.loads((folder / ABOUT).read_text("utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


class LossTally:
    """An OnBadRow that keeps count.

    What was left out, what was mended, what there is to say.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self.counts: dict[str, int] = {}
        self.examples: dict[str, list[str]] = {}

    def __call__(self, error: CorpusError) -> None:
        """Take note."""
        said = shortened(str(error), EXAMPLE_LENGTH)
        if error.kind in NOTES:
            self.note(said)
            return
        self.counts[error.kind] = self.counts.get(error.kind, 0) + 1
        examples = self.examples.setdefault(error.kind, [])
        if len(examples) < MOST_EXAMPLES:
            examples.append(said)

    def note(self, said: str) -> None:
        """Something to say, once."""
        if said not in self.notes and len(self.notes) < MOST_NOTES:
            self.notes.append(said)

    def of(self, fixed: bool) -> dict[str, dict[str, Any]]:
        """Counts and examples by kind of mended or lost rows."""
        return {kind: {"count": count, "examples": self.examples[kind]}
                for kind, count in self.counts.items() if (kind in FIXED) == fixed}
