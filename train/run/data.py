"""The corpus a run was trained and measured on."""

import contextlib

from corpus.load import load_corpus
from corpus.records import Corpus, CorpusError

from .record import Run, RunError


def corpus_of(run: Run) -> Corpus | None:
    """The corpus of a run, if still readable.

    Where it was.
    """
    record = run.record()
    for source in filter(None, (record.data.source, record.data.name)):
        with contextlib.suppress(CorpusError, OSError):
            return load_corpus(source, record.seed)
    return None


def same_corpus_of(run: Run, use: str) -> Corpus:
    """The corpus of a run, unchanged since its training.

    RunError where it is gone or another. use: what it is for, as a clause of that sentence.
    """
    corpus, record = corpus_of(run), run.record()
    if corpus is None:
        raise RunError(f"The data of {run.folder} is not where it was, and {use}: put it back to "
                       f"{record.data.source}.")
    if record.fingerprints.corpus not in ("", corpus.fingerprint):
        raise RunError(f"{run.folder} was trained on other data: what is at "
                       f"{record.data.source} has changed since.")
    return corpus
