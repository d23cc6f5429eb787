"""Shipped vectors of the built-in corpus.

`python -m retrieval.fast` makes them anew, whenever the corpus or the model changes; a test says
when they are out of date. Passages are in half precision, sentences in bytes, about 2 MB.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from corpus.records import Corpus
from retrieval.encoder import Encoder, Vectors

from .sentences import SentenceVectors
from .store import PassageVectors

FILE = Path(__file__).with_name("porsche_minilm.npz")
SAMPLE = 16
"""Passages whose shipped vectors the fast form must give."""


@dataclass(frozen=True)
class Sample:
    """Some texts with vectors that torch gave them.

    model: its fingerprint. vectors: (texts, dim).
    """

    model: str
    texts: list[str]
    vectors: Vectors


def shipped_vectors(encoder: Encoder, corpus: Corpus) -> PassageVectors | None:
    """The shipped vectors of this model and corpus.

    In the order of passage ids; None where they are of others.
    """
    known = _read()
    if known is None or str(known["corpus"]) != corpus.fingerprint or (
            str(known["model"]) != encoder.fingerprint):
        return None
    return PassageVectors(known["vectors"].astype(np.float32),
                          SentenceVectors(known["counts"], known["sentences"]))


def shipped_sample() -> Sample | None:
    """Some texts with their shipped vectors, spread by length."""
    known = _read()
    if known is None:
        return None
    from corpus.load import BUILT_IN, load_corpus

    corpus = load_corpus(BUILT_IN)
    if str(known["corpus"]) != corpus.fingerprint:
        return None
    texts = [corpus.passage[name].content for name in sorted(corpus.passage)]
    by_length = sorted(range(len(texts)), key=lambda place: len(texts[place]))
    spread = np.linspace(0, len(texts) - 1, SAMPLE).astype(int)
    places = [by_length[place] for place in spread]
    return Sample(str(known["model"]), [texts[place] for place in places],
                  known["vectors"][places].astype(np.float32))


def _read() -> dict[str, Any] | None:
    try:
        with np.load(FILE, allow_pickle=False) as file:
            return dict(file)
    except (OSError, ValueError, EOFError, KeyError):
        return None  # then it is encoded
