"""Record parts for what is done after training.

Merges with the base, cross-validation.
"""

from dataclasses import dataclass

from retrieval.metrics import PRIMARY
from retrieval.statistics import NO_DIFFERENCE

from .parts import RecordedEvidence
from .schema import JsonObject


@dataclass(frozen=True, kw_only=True)
class MergePoint(JsonObject):
    """One merge of a run with its base, as measured.

    alpha: share of the fine-tuned weights. dev, general: mean ndcg@10 on the dev split and on the
    general collection. retention: general minus the base's, with its 95 % interval.
    """

    alpha: float
    dev: float
    general: float
    retention: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class MergeCurve(JsonObject):
    """The merges of a run that were measured.

    chosen: the alpha that keeps retention at the least loss on dev, None where none does.
    """

    points: tuple[MergePoint, ...] = ()
    chosen: float | None = None


@dataclass(frozen=True, kw_only=True)
class RecordedMerge(JsonObject):
    """What a merged model was made of: both parents.

    alpha: share of the fine-tuned weights. base, tuned: fingerprints of the two; run: the id of the
    run that made the tuned one.
    """

    alpha: float
    run: str = ""
    base: str = ""
    tuned: str = ""


@dataclass(frozen=True, kw_only=True)
class CrossValidation(RecordedEvidence):
    """Recorded evidence over all questions, by folds.

    Each question was tested once, by a model that never saw its answer. folds: how many models.
    """

    folds: int = 0

    @property
    def outcome(self) -> str:
        """`better`, `worse` or no clear difference."""
        gap = (self.unseen or self).difference[PRIMARY]
        if gap.low > 0 or gap.high < 0:
            return "better" if gap.low > 0 else "worse"
        return NO_DIFFERENCE
