"""What a cross-validation takes, said before it starts."""

from collections.abc import Mapping
from typing import Any

from corpus.check.power import detectable_difference
from corpus.records import Corpus

EACH = (0.75, 1.0)
"""What a fold takes of the run itself, least and most: it learns from a little less."""
USUAL_GAIN = 0.08
"""What a fine-tune usually gains in ndcg@10: +.06 and +.09 on real question sets, more on the
built-in corpus, nothing on some (bench/RESULTS.md)."""


def seconds_of_folds(seconds: Mapping[str, float], folds: int) -> dict[str, float]:
    """Seconds of the folds, from those of the run itself."""
    low, high = (seconds[end] * folds * each
                 for end, each in zip(("low", "high"), EACH, strict=True))
    return {"low": round(low, 1), "high": round(high, 1)}


def with_folds(said: Mapping[str, Any], folds: int | None) -> dict[str, Any]:
    """An estimate with what the folds take beside it."""
    if not folds or "seconds" not in said:
        return dict(said) | ({"folds": {"count": folds}} if folds else {})
    return dict(said) | {"folds": {"count": folds,
                                   "seconds": seconds_of_folds(said["seconds"], folds)}}


def offer(corpus: Corpus, sd: float, folds: int) -> str:
    """Why to cross-validate, in a sentence.

    Empty where the test split can show what a fine-tune usually gains, or all questions together
    cannot either. sd: of the difference from query to query.
    """
    test = len(corpus.qrels.get("test", {}))
    every = len({query_id for qrels in corpus.qrels.values() for query_id in qrels})
    shown, pooled = detectable_difference(test, sd), detectable_difference(every, sd)
    if pooled is None or pooled >= 1 or (shown is not None and shown <= USUAL_GAIN):
        return ""
    now = f"show {shown:.2f} or more" if shown else "show nothing"
    return (f"Your {test:,} test questions can {now}, and a fine-tune usually gains about "
            f"{USUAL_GAIN}. Cross-validated over {folds} folds all {every:,} questions are tested, "
            f"which shows about {pooled:.2f}.")
