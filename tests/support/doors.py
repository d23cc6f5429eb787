"""Data taken through every door: looked at, converted, checked, and read as a fit reads it."""

from dataclasses import dataclass
from typing import Any

from corpus.check.check import Report, check_path
from corpus.importing.convert import convert
from corpus.importing.preview import Look, look
from corpus.load import load_corpus
from corpus.records import SPLITS, Corpus

PARTS = ("pump", "valve", "hose", "gauge", "filter", "lamp", "saddle", "chain", "brake", "rack",
         "bell", "pedal", "tyre", "spoke", "rim", "cable", "lever", "clamp", "bolt", "washer")
PAIRS = [(f"How do I clean the {part}?",
          f"Take the {part} out, rinse it for {number} minutes, and let it dry in the shade.")
         for number, part in enumerate(PARTS, 1)]


@dataclass(frozen=True)
class Doors:
    """What each door says of the same data."""

    look: Look
    about: dict[str, Any]
    corpus: Corpus
    report: Report

    @property
    def notes(self) -> str:
        return " ".join(self.look.notes)

    @property
    def left_out(self) -> dict[str, int]:
        return {kind: found["count"] for kind, found in self.about["left_out"].items()}

    def judged(self, grade: int = 1) -> set[tuple[str, str, str]]:
        """Question, title and text of what was judged so."""
        return {(self.corpus.queries[query].text, passage.title, passage.text)
                for split in SPLITS for query, grades in self.corpus.qrels[split].items()
                for found, judged in grades.items() if judged == grade
                for passage in (self.corpus.passage[found],)}


def through_every_door(path, **options) -> Doors:
    """Take a file through all of them; the converted folder and the file itself are one corpus."""
    out = path.parent / "converted"
    about = convert(path, out, **options)
    corpus = load_corpus(out)
    if not options:
        whole = load_corpus(path)
        assert (whole.fingerprint, whole.split_fingerprints) == (
            corpus.fingerprint, corpus.split_fingerprints)
    report = check_path(out)
    assert report.pairs == about["pairs"] == sum(len(corpus.pairs(split)) for split in SPLITS)
    return Doors(look(path), about, corpus, report)
