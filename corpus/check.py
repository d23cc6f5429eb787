"""The data check, before any training: what is wrong, how often, and what Tandem does about it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from . import faults
from .read import BUILT_IN, GENERAL, load_corpus
from .records import SPLITS, Corpus, CorpusError
from .tokens import token_counter
from .words import shortened
from .writing import writing

SEVERITIES = ("error", "warning", "info")
"""Worst first. An error means that the data cannot be used as it is."""
MOST_EXAMPLES = 5
EXAMPLE_LENGTH = 300
POWER_FACTOR = 2.802
"""1.960 + 0.842: two-sided at 5 %, with 80 % power."""
ASSUMED_SD = 0.30
"""Standard deviation, over queries, of the difference in ndcg@10 between two models: a typical
value, to be replaced by the measured one once both have been evaluated."""
KINDS = {
    "unreadable_row": ("error", "Tandem refuses such data rather than use a part of it: correct "
                       "these rows, or remove them."),
    "empty_text": ("error", "Tandem refuses rows without text: fill them in, or remove them."),
    "over_length": ("warning", f"A model reads the first {faults.MOST_TOKENS} tokens and drops the "
                    "rest: split these texts, or put first what matters."),
    "duplicate_pair": ("warning", "Tandem reads exact repetitions once; pairs that differ in case, "
                       "spacing or id are used as they are: remove the repetitions."),
    "near_duplicate_passage": ("warning", "Tandem keeps both, and a model that finds the one "
                               "instead of the other is marked down: merge them, or judge both as "
                               "answers."),
    "shared_answer": ("info", "Tandem keeps the questions of one passage apart in a batch, so that "
                      "no answer counts as wrong for its own question."),
    "conflicting_answers": ("warning", "Tandem joins equal anchors of a pair file to one question "
                            "with several answers, and takes the others as they are: check that "
                            "every answer is right, or make the questions differ."),
    "split_leak": ("warning", "Tandem measures these splits as they are, and figures on what was "
                   "trained on flatter the model: keep each question and passage in one split."),
    "swapped_columns": ("warning", "Tandem takes the anchor for the question and the positive for "
                        "its answer: exchange the two columns if they are the wrong way round."),
    "too_few_pairs": ("warning", "Tandem trains and measures all the same, but a gain may be too "
                      "small to show: add pairs."),
}
"""Kind of finding -> its severity, and what Tandem does about it or the user should do."""
NO_PAIRS = "There is nothing to train on or to measure: add questions with their answers."


@dataclass(frozen=True)
class Finding:
    """One kind of fault: how many cases, what is done about it, and up to five examples."""

    kind: str
    severity: str
    count: int
    action: str
    examples: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The finding as `corpus check --json` prints it."""
        return {"kind": self.kind, "severity": self.severity, "count": self.count,
                "action": self.action, "examples": list(self.examples)}


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

    @property
    def ok(self) -> bool:
        """Whether the data can be used."""
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def detectable_difference(self) -> float | None:
        """The smallest difference in mean ndcg@10 that the test split can show."""
        return detectable_difference(self.splits["test"])

    def as_json(self) -> dict[str, Any]:
        """The report as `corpus check --json` prints it."""
        return {
            "ok": self.ok,
            "name": self.name,
            "pairs": self.pairs,
            "passages": self.passages,
            "queries": self.queries,
            "splits": self.splits,
            "detectable_difference": self.detectable_difference,
            "findings": [finding.as_json() for finding in self.findings],
            "writing": self.writing,
        }


def check_path(source: str | Path, seed: int = 42) -> Report:
    """Check a built-in corpus, a BEIR folder or a pair file; what cannot be read is a finding."""
    refused: list[CorpusError] = []
    try:
        corpus = load_corpus(source, seed, refused.append)
    except CorpusError as error:
        refused.append(error)
    except OSError as error:  # a name that is too long, a folder without permission
        refused.append(CorpusError(f"{source} cannot be read: {error.strerror}."))
    else:
        from_pairs = str(source) not in (BUILT_IN, GENERAL) and Path(source).is_file()
        return check_corpus(corpus, refused, from_pairs)
    return Report(shortened(Path(source).name), _worst_first(
        _finding(kind, _refused(refused, kind)) for kind in KINDS
    ))


def check_corpus(
    corpus: Corpus, refused: Sequence[CorpusError] = (), from_pairs: bool = False
) -> Report:
    """Check a corpus that was read.

    refused: what its reader said of rows it left out. from_pairs: it was read from a pair file.
    """
    judged = [(split, pair) for split in SPLITS for pair in corpus.pairs(split)]
    tokens = token_counter().counts(corpus)
    cases = {
        "unreadable_row": _refused(refused, "unreadable_row"),
        "empty_text": _refused(refused, "empty_text"),
        "over_length": faults.over_length(corpus, tokens),
        "duplicate_pair": chain(_refused(refused, "duplicate_pair"),
                                faults.duplicate_pairs(judged)),
        "near_duplicate_passage": faults.near_duplicate_passages(corpus),
        "shared_answer": faults.shared_answers(judged),
        "conflicting_answers": faults.conflicting_answers(judged, from_pairs),
        "split_leak": faults.split_leaks(judged),
        "swapped_columns": faults.swapped_columns(judged),
        "too_few_pairs": faults.too_few_pairs(corpus),
    }
    return Report(
        name=shortened(corpus.name),
        findings=_worst_first(_finding(kind, found, not judged) for kind, found in cases.items()),
        pairs=len(judged),
        passages=len(corpus.passages),
        queries=len(corpus.queries),
        splits={split: len(corpus.qrels.get(split, {})) for split in SPLITS},
        writing=writing(corpus, tokens),
    )


def detectable_difference(queries: int, sd: float = ASSUMED_SD) -> float | None:
    """The smallest difference in mean ndcg@10 that so many test queries can show.

    With 80 % power at 5 % two-sided, for a paired comparison; `sd` is the standard deviation of
    the difference from query to query. None without queries.
    """
    return round(POWER_FACTOR * sd / math.sqrt(queries), 4) if queries else None


def _refused(errors: Iterable[CorpusError], kind: str) -> Iterator[str]:
    return (str(error) for error in errors if error.kind == kind)


def _finding(kind: str, cases: Iterable[str], no_pairs: bool = True) -> Finding | None:
    """The finding that some cases make; None where there are none."""
    severity, action = KINDS[kind]
    if kind == "too_few_pairs" and no_pairs:
        severity, action = "error", NO_PAIRS
    count, examples = 0, []
    for count, case in enumerate(cases, 1):
        if count <= MOST_EXAMPLES:
            examples.append(shortened(case, EXAMPLE_LENGTH))
    return Finding(kind, severity, count, action, tuple(examples)) if count else None


def _worst_first(findings: Iterable[Finding | None]) -> tuple[Finding, ...]:
    found = [finding for finding in findings if finding is not None]
    return tuple(sorted(found, key=lambda f: (SEVERITIES.index(f.severity), -f.count)))
