"""The corpus a run was trained and measured on."""

import contextlib

from corpus.load import load_corpus
from corpus.records import Corpus, CorpusError

from .record import Run


def corpus_of(run: Run) -> Corpus | None:
    """The corpus of a run, if still readable.

    Where it was.
    """
    record = run.record()
    for source in filter(None, (record.data.source, record.data.name)):
        with contextlib.suppress(CorpusError, OSError):
            return load_corpus(source, record.seed)
    return None
