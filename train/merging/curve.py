"""Quality and retention of merges by alpha.

Measured on dev and on the general collection. The test split is not looked at: it is for the one
merge that is taken.
"""

from collections.abc import Sequence
from pathlib import Path

from corpus.load import GENERAL, load_corpus
from corpus.records import Corpus
from hub.progress import OnProgress, Progress, silent
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.evaluation import Evidence, evaluate, means
from retrieval.index import build_index
from retrieval.metrics import PRIMARY
from retrieval.retention import SPLIT
from train.run.extra_parts import MergeCurve, MergePoint

from .weights import merged

ALPHAS = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
KEPT = -0.005
"""The loss in ndcg@10 on the general collection that is put up with."""


def measure_curve(
    base: SentenceTransformerEncoder,
    tuned: SentenceTransformerEncoder,
    corpus: Corpus,
    cache: Path | None = None,
    general: Corpus | None = None,
    alphas: Sequence[float] = ALPHAS,
    progress: OnProgress = silent,
) -> MergeCurve:
    """Measure merges of a run's model with its base.

    corpus: the run's data. general: the general collection. progress: told how many passages are
    encoded. ValueError as `merged` and `evaluate`.
    """
    general = general or load_corpus(GENERAL)
    if base.dim != tuned.dim:
        base = base.at(min(base.dim, tuned.dim))
    before = evaluate(build_index(base, general, cache), general, SPLIT)
    each = len(corpus.passages) + len(general.passages)
    done, points = 0, []
    for alpha in alphas:
        # Only the ends are models that somebody else will search with.
        encoder, keep = (tuned, cache) if alpha == 1 else (merged(base, tuned, alpha), None)

        def told(at: Progress, start: int = done, alpha: float = alpha) -> None:
            progress(Progress(start + at.done, each * len(alphas), f"Alpha {alpha:g}"))

        dev = evaluate(build_index(encoder, corpus, keep, told), corpus, "dev")
        done += len(corpus.passages)
        after = evaluate(build_index(encoder, general, keep), general, SPLIT)
        done += len(general.passages)
        gap = Evidence(GENERAL, len(general.passages), before, after).differences[PRIMARY]
        points.append(MergePoint(
            alpha=alpha, dev=means(dev)[PRIMARY], general=means(after)[PRIMARY],
            retention=gap.value, low=gap.low, high=gap.high))
    return MergeCurve(points=tuple(points), chosen=choose(points))


def choose(points: Sequence[MergePoint]) -> float | None:
    """The alpha that keeps retention at the least loss.

    Of those that lose at most `KEPT` elsewhere the one that is best on dev, of equal ones the
    largest. None where all lose more.
    """
    kept = [point for point in points if point.retention >= KEPT]
    return max(kept, key=lambda at: (at.dev, at.alpha)).alpha if kept else None
