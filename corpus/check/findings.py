"""What a data check can find.

Each kind with how bad it is, and what Tandem does about it. What became of somebody's rows before
the check: a folder's about.json, as findings.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus.importing.manifest import ABOUT, MOST_NOTES, read_manifest
from corpus.split import BY_QUESTION, QUESTION_SPLIT
from corpus.text import shortened

from .tokens import MOST_TOKENS

SEVERITIES = ("error", "warning", "info")
"""Worst first. An error means that the data cannot be used as it is."""
FIXED, LEFT_OUT, KEPT, REFUSED = "fixed", "left out", "kept", "refused"
TREATMENTS = (FIXED, LEFT_OUT, KEPT, REFUSED)
"""What becomes of what was found."""
MOST_EXAMPLES = 5
EXAMPLE_LENGTH = 300
MOST_FINDINGS = 100
"""Findings that are taken from somebody's JSON."""
KINDS = {
    "unreadable_row": ("error", "Tandem refuses such data rather than use a part of it: correct "
                       "these rows, or remove them."),
    "empty_text": ("error", "Tandem refuses rows without text: fill them in, or remove them."),
    "too_long": ("warning", "Tandem leaves out rows with a text longer than it reads: split these "
                 "texts."),
    "over_length": ("warning", f"A model reads the first {MOST_TOKENS} tokens and drops the "
                    "rest. Tandem keeps these texts: split them, or put first what matters."),
    "duplicate_pair": ("warning", "Tandem keeps pairs that differ in case, spacing or id alone: "
                       "remove the repetitions."),
    "near_duplicate_passage": ("warning", "Tandem keeps both, and a model that finds the one "
                               "instead of the other is marked down: merge them, or judge both as "
                               "answers."),
    "shared_answer": ("info", "Tandem keeps the questions of one passage apart in a batch, so that "
                      "no answer counts as wrong for its own question."),
    "conflicting_answers": ("warning", "Tandem joins equal anchors of a pair file to one question "
                            "with several answers, and keeps the others as they are: check that "
                            "every answer is right, or make the questions differ."),
    "split_leak": ("warning", "Tandem keeps these splits as they are, and figures on what was "
                   "trained on flatter the model: keep each question and passage in one split."),
    "swapped_columns": ("warning", "Tandem takes the anchor for the question and the positive for "
                        "its answer: exchange the two columns if they are the wrong way round."),
    "no_split": ("error", "A fine-tune refuses such data, and so does this check: it needs train "
                 "to learn from, dev to choose on and test to measure on."),
    "split_by_question": ("info", QUESTION_SPLIT),
    "no_answer": ("info", "Tandem leaves out questions that the data itself says have no answer."),
    "no_question": ("info", "Tandem leaves out answers that the data gives no question for, such "
                    "as the fallback of a chatbot."),
    "empty_item": ("info", "Tandem leaves out places of a list that hold no text, and reads the "
                   "others."),
    "no_pair": ("info", "Tandem leaves out rows whose label says neither that they are a pair nor "
                "that they are none."),
    "html": ("warning", "A model reads tags as text. Tandem keeps them unless it is told to strip "
             "them: “Strip HTML tags” under the columns, or python -m corpus convert "
             "--strip-html."),
    "mojibake": ("warning", "The text was read in the wrong encoding and saved so before it came "
                 "here, which spoils every accent. Tandem undoes it when it is told to: “Put right "
                 "accents” under the columns, or python -m corpus convert --fix-mojibake."),
    "languages": ("info", "Tandem keeps every language: look at the figures of each by itself, and "
                  "take a base model that was trained on all of them."),
    "below_score": ("info", "Tandem leaves out rows whose score is below the least that was "
                    "asked for."),
    "control_characters": ("info", "Tandem takes control and bidirectional marks out of texts, "
                           "since no model reads them."),
    "encoding": ("info", "Tandem reads the file in the encoding that its bytes speak for, and "
                 "writes UTF-8: look whether accents and quotation marks are right."),
    "too_few_pairs": ("warning", "Tandem trains and measures all the same, but a gain may be too "
                      "small to show: add pairs."),
}
"""Kind of finding -> its severity, and what Tandem does about it or the user should do."""
TREATED = {"unreadable_row": REFUSED, "empty_text": REFUSED, "too_long": LEFT_OUT,
           "below_score": LEFT_OUT, "no_answer": LEFT_OUT, "no_pair": LEFT_OUT,
           "no_question": LEFT_OUT, "empty_item": LEFT_OUT, "no_split": REFUSED,
           "control_characters": FIXED, "encoding": FIXED}
"""Kind -> what becomes of it; the others are kept."""
REPEATED = ("Tandem reads a pair that stands there again once, and leaves out the repetition: "
            "nothing is lost.")
SKIPPED = {
    "unreadable_row": "Tandem left out rows that it cannot read: correct them, and bring the data "
                      "again.",
    "empty_text": "Tandem left out rows without text: fill them in, and bring the data again.",
    "duplicate_pair": REPEATED,
}
"""Kind -> what was done where the data was brought, and rows that cannot be used were left out."""
MENDED = {"html": "Tandem stripped HTML tags from these texts, as it was asked to.",
          "mojibake": "Tandem put right texts in UTF-8 that were read as another encoding once, as "
                      "it was asked to."}
"""Kind -> what was done to texts that were mended because it was asked for."""
ACROSS = (" {count:,} of them {are} in another split than the one repeated, so that an answer of "
          "dev or test was known in other words: the split keeps equal passages together, and no "
          "others. Figures count such questions as new.")
"""What is added where near duplicates stand in different splits."""
MOST_LOST = ("More than half of the rows are lost: check which column is the question and which "
             "the answer, and how the file was written.")
NO_PAIRS = "There is nothing to train on or to measure: add questions with their answers."


@dataclass(frozen=True)
class Finding:
    """One kind of fault.

    How many cases, what is done about it, and up to five examples.
    """

    kind: str
    severity: str
    count: int
    action: str
    examples: tuple[str, ...]
    treatment: str = KEPT

    def as_json(self) -> dict[str, Any]:
        """The finding as `corpus check --json` prints it."""
        return {"kind": self.kind, "severity": self.severity, "count": self.count,
                "treatment": self.treatment, "action": self.action,
                "examples": list(self.examples)}

    @classmethod
    def from_json(cls, value: object) -> "Finding":
        """The finding that `as_json` gave; ValueError for anything else.

        Texts are cut.
        """
        if not isinstance(value, Mapping):
            raise ValueError("A finding must be an object.")
        severity, treatment = value.get("severity"), value.get("treatment", KEPT)
        examples = value.get("examples", [])
        if severity not in SEVERITIES or treatment not in TREATMENTS:
            raise ValueError(f"A finding cannot have severity {severity!r:.40} and treatment "
                             f"{treatment!r:.40}.")
        if not isinstance(examples, list):
            raise ValueError("The examples of a finding must be a list.")
        return cls(_text(value, "kind", 40), severity, whole_number(value, "count"),
                   _text(value, "action", 3 * EXAMPLE_LENGTH),
                   tuple(shortened(str(one)[:EXAMPLE_LENGTH], EXAMPLE_LENGTH)
                         for one in examples[:MOST_EXAMPLES]), treatment)


def finding(kind: str, cases: Iterable[str], **instead: Any) -> Finding | None:
    """The finding that some cases make, of a known kind.

    None where there are none. instead: what differs from what the kind has: `severity`, `action`,
    `treatment`.
    """
    severity, action = KINDS[kind]
    count, examples = 0, []
    for count, case in enumerate(cases, 1):
        if count <= MOST_EXAMPLES:
            examples.append(shortened(case, EXAMPLE_LENGTH))
    if not count:
        return None
    usual = {"severity": severity, "action": action, "treatment": TREATED.get(kind, KEPT)}
    return Finding(kind=kind, count=count, examples=tuple(examples), **usual | instead)


def worst_first(findings: Iterable[Finding | None]) -> tuple[Finding, ...]:
    """Findings, the worst first, then the more frequent."""
    found = [finding for finding in findings if finding is not None]
    return tuple(sorted(found, key=lambda f: (SEVERITIES.index(f.severity), -f.count)))


def whole_number(value: Mapping[str, Any], key: str) -> int:
    """A count under a key of somebody's JSON.

    ValueError for anything else.
    """
    number = value.get(key)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < 1 << 53:
        raise ValueError(f"{key} must be a whole number, not {number!r:.40}.")
    return number


def _text(value: Mapping[str, Any], key: str, length: int) -> str:
    text = value.get(key)
    if not isinstance(text, str):
        raise ValueError(f"{key} of a finding must be text, not {text!r:.40}.")
    return shortened(text, length)


MOST_BYTES = 1_000_000
"""Of an about.json: it holds some counts, and five examples of each."""
LOSSES = ("unreadable_row", "empty_text", "too_long")
"""Kinds whose rows are lost; a repeated pair is not, and one below a score was asked for."""
UTF_8 = ("utf8", "utf8sig", "ascii", "usascii")


@dataclass(frozen=True)
class ImportedRows:
    """What about.json says.

    Where the rows are from, and which were left out or mended.
    """

    from_pairs: bool = False
    by_question: bool = False
    rows: int = 0
    encoding: str = ""
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    """Kind -> count and examples."""
    fixed: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)

    def findings(self) -> Iterator[Finding | None]:
        """A finding for each kind of lost or mended row."""
        lost = sum(self.left_out.get(kind, (0, ()))[0] for kind in LOSSES)
        most = 2 * lost > self.rows > 0
        for kind, (count, examples) in self.left_out.items():
            severity, action = KINDS.get(kind, ("warning", "Tandem left these rows out."))
            severity = "warning" if severity == "error" else severity
            action = SKIPPED.get(kind, action)
            if kind in LOSSES:
                severity, action = ("error", MOST_LOST) if most else ("warning", action)
            yield Finding(kind, severity, count, action, examples, LEFT_OUT)
        for kind, (count, examples) in self.fixed.items():
            _, action = KINDS.get(kind, ("info", "Tandem mended these texts."))
            action = MENDED.get(kind, action)
            yield Finding(kind, "info", count, action, examples, FIXED)
        if self.encoding and "encoding" not in self.fixed:
            said = next(filter(self._is_of_encoding, self.notes), f"Read as {self.encoding}.")
            yield finding("encoding", [said])

    @property
    def other_notes(self) -> tuple[str, ...]:
        """Notes on the data that no finding says."""
        return tuple(note for note in self.notes if not self._is_of_encoding(note))

    def _is_of_encoding(self, note: str) -> bool:
        return bool(self.encoding) and self.encoding in note


def imported_rows(folder: Path) -> ImportedRows | None:
    """What a folder's about.json says.

    None where there is none that can be read.
    """
    try:
        if (folder / ABOUT).stat().st_size > MOST_BYTES:
            return None
        about = read_manifest(folder)
        if about is None:
            return None
        encoding = str(about.encoding or "")
        usual = encoding.lower().replace("-", "").replace("_", "") in ("", *UTF_8)
        return ImportedRows(
            from_pairs=about.from_pairs is True,
            by_question=about.split_by == BY_QUESTION,
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
