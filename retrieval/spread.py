"""How much the base model's ndcg@10 differs from query to query, on a sample that takes seconds."""

import importlib.util
import logging
from collections.abc import Callable

import numpy as np

from corpus.power import FEWEST_QUERIES, Spread
from corpus.records import Corpus
from corpus.tokens import PACKAGE

from .encoder import EMBEDDED_MODEL, Encoder, ModelError, load_encoder
from .evidence import judge
from .index import build_index
from .metrics import PRIMARY
from .pool import TOKENS, small_pool

log = logging.getLogger("retrieval")
SPLIT = "test"


def base_spread(
    corpus: Corpus, progress: Callable[[int, int], None] = lambda done, total: None
) -> Spread | None:
    """The spread of the embedded model; None where it is not here, or the data gives none."""
    if len(corpus.qrels.get(SPLIT, {})) < FEWEST_QUERIES:
        return None
    if importlib.util.find_spec(PACKAGE) is None:
        return None
    try:
        encoder = load_encoder(EMBEDDED_MODEL).cut_at(TOKENS)
        return measured_spread(corpus, encoder, progress=progress)
    except (ModelError, ImportError, OSError, MemoryError, RuntimeError) as error:
        # A damaged package, or a process with less memory than torch takes: torch says the latter
        # in any of these ways. The rest of the check stands without it.
        log.warning("The base model is not judged, so its spread is assumed: %.200s", error)
        return None


def measured_spread(
    corpus: Corpus, encoder: Encoder, seed: int = 42,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Spread | None:
    """Standard deviation and mean of a model's ndcg@10 over queries of the test split.

    Up to 150 queries, drawn by `seed`, are judged against their relevant passages and those nearest
    in words, up to 1,200 in all. encoder: cut to `TOKENS` already. None where fewer than two
    queries are left, or the model has no usable vector for one. progress: told how many passages
    are encoded.
    """
    sample = small_pool(corpus, SPLIT, seed)
    judged = sample.qrels[SPLIT]
    if len(judged) < 2:
        return None
    try:
        index = build_index(encoder, sample, progress=progress)
        values = [query.metrics[PRIMARY] for query in judge(index, sample, SPLIT).values()]
    except ValueError:  # not measured is not the same as zero
        return None
    whole = len(sample.passages) == len(corpus.passages) and len(judged) == len(corpus.qrels[SPLIT])
    return Spread(float(np.std(values, ddof=1)), float(np.mean(values)), len(values),
                  len(sample.passages), not whole)
