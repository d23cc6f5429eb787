"""The corpus a run was trained and measured on."""

import contextlib

from corpus.load import load_corpus
from corpus.records import Corpus, CorpusError

from .record import Run


def corpus_of(run: Run) -> Corpus | None:
    """The data of a run, if it is still where it was and can be read."""
    record = run.record()
    for source in filter(None, (record.data.source, record.data.name)):
        with contextlib.suppress(CorpusError, OSError):
            return load_corpus(source, record.seed)
    return None
