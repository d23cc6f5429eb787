"""The pair of a finished run.

From what is in memory where it is the same, else from disk.
"""

import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from corpus.load import load_corpus
from corpus.records import Corpus
from retrieval.encoder import Encoder
from retrieval.evaluation import Evidence
from retrieval.fast.load import ServedEncoder
from retrieval.index import Index, index_in_parts
from retrieval.models import split_revision
from train.run.parts import RecordedModel, SplitSizes
from train.run.record import Run, RunError, RunRecord
from train.run.spec import placed
from train.settings import Settings

from .model_pair import ModelPair
from .progress import duration
from .run_state import prompts_said
from .worker import Stage, Work, encoding

WAIT = 0.2
"""Seconds between two looks at whether the opening pair is there."""
LEARNING = "Learning which scores answered questions have"


class DamagedModelError(RunError):
    """A run whose model is not what was trained."""


class Loads(Protocol):
    """Loads a model that answers questions."""

    def __call__(
        self, model: str, *revision: str | None, **how: Any
    ) -> ServedEncoder:
        """The model of a name, at a revision."""


def check_usable(run: Run) -> None:
    """Refuse a run that has no model; RunError."""
    record = run.record()
    if not run.has_model or not record.is_usable:
        raise RunError(f"{run.id} is {record.status} and has no model to show.")


def pair_of_run(
    run: Run, opening: Callable[[], ModelPair | None], loads: Loads, settings: Settings
) -> Work:
    """The stages of loading the models of a run.

    The last one holds the pair.
    """
    while (opened := opening()) is None:
        yield Stage("waiting", "The base model is being loaded first")
        time.sleep(WAIT)
    yield Stage("reading", "The models of that run are being loaded")
    pair = yield from loaded_pair(run, opened, loads, settings)
    yield Stage("measuring", LEARNING, pair=pair)
    pair.learn_what_is_answered(settings.cache)
    yield Stage("ready", pair.about, pair=pair)


def loaded_pair(
    run: Run, opened: ModelPair, loads: Loads, settings: Settings
) -> Generator[Stage, None, ModelPair]:
    """Load a run's models, and data not in memory."""
    check_usable(run)
    record, tuned = run.record(), loads(str(run.model))
    found, written = getattr(tuned, "weights_fingerprint", ""), record.fingerprints.tuned
    if found and written and found != written:
        raise DamagedModelError(f"The model of {run.id} is damaged: its files are not those that "
                                "were trained. Publish or download it no more; train it again.")
    corpus, base = opened.corpus, opened.base
    if not is_on(record, corpus):
        source = record.data.source or record.data.name
        if Path(source).parent == settings.uploads.resolve() and not Path(source).exists():
            raise RunError(f"The data of {run.id} is not here any more: bring it again to compare "
                           "on it.")
        corpus = load_corpus(source, record.seed)
        if not is_on(record, corpus):
            raise RunError(f"The data of {run.id} has changed since: it cannot be compared on.")
        if name := record.data.name:
            corpus = replace(corpus, name=name)
    another = _another_base(record, loads, settings)
    if another or corpus is not opened.corpus:
        base = yield from _index(another or base.encoder, corpus, "Base", settings)
    if base.encoder.dim != tuned.dim:
        base = base.truncated(tuned.dim)
    same = corpus is opened.corpus and base is opened.base
    of_base = opened if same else ModelPair(corpus, base)
    made = yield from _index(tuned, corpus, "Fine-tuned", settings)
    evidence = Evidence.from_rows(run.per_query(), "test", len(made.ids))
    return of_base.with_tuned(made, evidence, described(record), run.id)


def _index(
    encoder: Encoder, corpus: Corpus, side: str, settings: Settings
) -> Generator[Stage, None, Index]:
    parts = index_in_parts(encoder, corpus, settings.cache, sentences=True)
    return (yield from encoding(parts, f"{side} is reading the passages"))


def _another_base(
    record: RunRecord, loads: Loads, settings: Settings
) -> Encoder | None:
    """The base of a run as it was measured there; None where it is the opening one, as it is.

    A visitor's run may name any model: it is asked for in nobody's name.
    """
    base, tokens = record.base_model, record.recipe.max_seq_length if record.recipe else None
    own = not any(text is not None for text in base.prompts.values())
    if is_opening_base(base, settings) and tokens is None and record.base_is_prompted and own:
        return None
    encoder = loads(base.name, base.revision, token=None if record.owner is None else False,
                    **({} if own else {"prompts": base.prompts}))
    return encoder.cut_at(tokens).with_prompts(record.base_is_prompted)


def is_opening_base(known: RecordedModel, settings: Settings) -> bool:
    """Whether a record's base model opens the page."""
    name, revision = split_revision(settings.base_model)
    return known.name == placed(name) and revision in (None, known.revision)


def is_on(record: RunRecord, corpus: Corpus) -> bool:
    """Whether a run has these passages and test queries.

    It learned from the ones and was measured on the others.
    """
    known = record.fingerprints
    return (known.corpus == corpus.fingerprint
            and known.splits.get("test") in (None, corpus.split_fingerprints.get("test")))


def described(record: RunRecord) -> str:
    """What made a fine-tuned model, in a line."""
    trained = record.splits.get("train", SplitSizes())
    epochs = f"{record.epochs} {'epoch' if record.epochs == 1 else 'epochs'}"
    said = prompts_said(record)
    whole = record.ended_by in ("finished", "patience")  # it was its folds that were stopped
    stopped = "stopped early, " if record.status == "stopped" and not whole else ""
    return (f"Fine-tuned on {trained.pairs:,} pairs, {epochs} of recipe {record.recipe_name} "
            f"({stopped}{duration(record.seconds or 0)}){f'. Prompts: {said}' if said else ''}")
