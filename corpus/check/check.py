"""The data check, before any training.

What is wrong, how often, and what Tandem does about it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from corpus.load import BUILT_IN, GENERAL, load_with_kind
from corpus.records import SPLITS, Corpus, CorpusError, not_possible
from corpus.split import untrainable
from corpus.text import shortened
from hub.progress import OnProgress, Progress, silent

from . import rules
from .findings import (
    ACROSS,
    KINDS,
    LEFT_OUT,
    NO_PAIRS,
    REFUSED,
    REPEATED,
    SEVERITIES,
    Finding,
    ImportedRows,
    finding,
    imported_rows,
    worst_first,
)
from .languages import languages
from .power import Spread, detectable_difference
from .report import Report
from .style import writing
from .tokens import token_counter

__all__ = ["KINDS", "SEVERITIES", "Finding", "Report", "check_corpus", "check_path",
           "detectable_difference"]

Measure = Callable[[Corpus, OnProgress], Spread | None]
"""Judges the base model on a corpus; None where it cannot."""
READING, TOKENS, NEAR, WRITING, LANGUAGES, JUDGING = STAGES = (
    "Reading", "Counting tokens", "Looking for near duplicates", "Looking at how it is written",
    "Telling languages", "Judging the base model",
)
SHARES = dict(zip(STAGES, (5, 20, 30, 20, 3, 22), strict=True))
"""What each stage takes of the time on a large corpus, in percent."""


def check_path(
    source: str | Path, seed: int = 42, *, progress: OnProgress = silent,
    measure: Measure | None = None, base_is_english: bool = True,
) -> Report:
    """Check a built-in corpus, a BEIR folder, or pairs.

    What cannot be read is a finding. What a folder's about.json says was left out or mended when it
    was made is reported too. progress, measure, base_is_english: as `check_corpus` has them.
    """
    refused: list[CorpusError] = []
    stages = Stages(progress)
    stages.begin(READING)
    built_in = str(source) in (BUILT_IN, GENERAL)
    brought = None if built_in else imported_rows(Path(source))
    try:
        corpus, from_pairs = load_with_kind(source, seed, refused.append)
    except CorpusError as error:
        refused.append(error)
    except OSError as error:  # a name that is too long, a folder without permission
        refused.append(not_possible(shortened(Path(source).name), "read", error))
    else:
        return check_corpus(corpus, refused, from_pairs, brought=brought, progress=progress,
                            measure=measure, base_is_english=base_is_english)
    findings = [*_of_reading(refused, no_pairs=True), *(brought.findings() if brought else ())]
    return Report(shortened(Path(source).name), worst_first(findings),
                  notes=_notes(refused, brought))


def check_corpus(
    corpus: Corpus, refused: Sequence[CorpusError] = (), from_pairs: bool = False, *,
    brought: ImportedRows | None = None, progress: OnProgress = silent,
    measure: Measure | None = None, spread: Spread | None = None, base_is_english: bool = True,
) -> Report:
    """Check a corpus that was read.

    refused: what its reader said of rows it left out. from_pairs: it was read from a pair file.
    brought: what about.json says of its making. measure: judges the base model on it; spread: what
    that found, if it was done before. base_is_english: base knows no other language.
    """
    stages = Stages(progress)
    judged = [(split, pair) for split in SPLITS for pair in corpus.pairs(split)]
    tokens = token_counter().counts(corpus, stages.begin(TOKENS))
    near = rules.near_passages(corpus, stages.begin(NEAR))
    by_question = bool(brought and brought.by_question)
    cases = {
        "over_length": rules.over_length(corpus, tokens),
        "duplicate_pair": rules.duplicate_pairs(judged),
        "shared_answer": rules.shared_answers(judged),
        "conflicting_answers": rules.conflicting_answers(judged, from_pairs),
        "split_leak": rules.split_leaks(judged, by_question),
        "html": rules.with_html(corpus),
        "mojibake": rules.with_mojibake(corpus),
        "swapped_columns": rules.swapped_columns(judged),
    }
    found = [finding(kind, of_kind) for kind, of_kind in cases.items()]
    found.append(_near(corpus, near, () if by_question else rules.across_splits(
        corpus, judged, near)))
    stages.begin(WRITING)
    figures = writing(corpus, tokens)
    stages.begin(LANGUAGES)
    told = languages(corpus)
    if measure:
        spread = measure(corpus, stages.begin(JUDGING))
    report = Report(
        name=shortened(corpus.name), findings=(), pairs=len(judged),
        passages=len(corpus.passages), queries=len(corpus.queries),
        splits={split: len(corpus.qrels.get(split, {})) for split in SPLITS},
        writing=figures, languages=told.as_json(), notes=_notes(refused, brought), spread=spread,
    )
    found += [*_of_reading(refused, not judged), *(brought.findings() if brought else ()),
              told.finding(base_is_english), _too_few(corpus, report, not judged),
              _no_split(corpus) if judged else None,
              _by_question(corpus) if by_question else None]
    stages.end()
    return replace(report, findings=worst_first(found))


class Stages:
    """The stages of a check as one progress, in percent."""

    def __init__(self, progress: OnProgress) -> None:
        """Tell `progress` of what is begun."""
        self._progress = progress

    def begin(self, stage: str) -> OnProgress:
        """Say that a stage has begun.

        What is returned is told how far it is.
        """
        before = sum(SHARES[earlier] for earlier in STAGES[: STAGES.index(stage)])

        def within(at: Progress) -> None:
            done = before + SHARES[stage] * at.done // max(at.total, 1)
            self._progress(Progress(done, 100, stage))

        within(Progress())
        return within

    def end(self) -> None:
        """Say that all is done."""
        self._progress(Progress(100, 100, STAGES[-1]))


def _of_reading(refused: Sequence[CorpusError], no_pairs: bool) -> Iterator[Finding | None]:
    """What the reader said, by kind."""
    for kind in KINDS:
        of_kind = _said(refused, kind)
        if kind == "duplicate_pair":
            yield finding(kind, of_kind, action=REPEATED, treatment=LEFT_OUT)
        elif kind == "too_few_pairs" and no_pairs:
            yield finding(kind, of_kind, severity="error", action=NO_PAIRS, treatment=REFUSED)
        else:
            yield finding(kind, of_kind)


def _too_few(corpus: Corpus, report: Report, no_pairs: bool) -> Finding | None:
    """What is too small; nothing where test is empty, of which another finding says why."""
    if not no_pairs and not corpus.pairs("test"):
        return None
    cases = rules.too_few_pairs(corpus, report.power)
    if no_pairs:
        return finding("too_few_pairs", cases, severity="error", action=NO_PAIRS,
                       treatment=REFUSED)
    return finding("too_few_pairs", cases)


def _near(corpus: Corpus, near: rules.Near, across: rules.Near) -> Finding | None:
    """Near duplicates, those of different splits first."""
    known = set(across)
    first = [*across, *(places for places in near if places not in known)]
    _, action = KINDS["near_duplicate_passage"]
    if across:
        action += ACROSS.format(count=len(across), are="is" if len(across) == 1 else "are")
    return finding("near_duplicate_passage", rules.near_duplicate_passages(corpus, first),
                   action=action)


def _no_split(corpus: Corpus) -> Finding | None:
    """What a fine-tune would refuse, in its own words."""
    why = untrainable(corpus)
    empty = (f"{name} has no question with an answer" for name in SPLITS if not corpus.pairs(name))
    return finding("no_split", empty, action=why) if why else None


def _by_question(corpus: Corpus) -> Finding | None:
    """What a split by question can show, and what not."""
    shared = rules.answers_in_splits([(split, pair) for split in SPLITS
                                      for pair in corpus.pairs(split)])
    return finding("split_by_question", shared)


def _notes(refused: Iterable[CorpusError], brought: ImportedRows | None) -> tuple[str, ...]:
    """What was said of the data as a whole, each once."""
    said = [*(brought.other_notes if brought else ()),
            *(shortened(note, 300) for note in _said(refused, "note"))]
    return tuple(dict.fromkeys(said))


def _said(errors: Iterable[CorpusError], kind: str) -> Iterator[str]:
    return (str(error) for error in errors if error.kind == kind)
