"""What a test split can show.

The smallest difference in ndcg@10, and from what it is reckoned.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .findings import whole_number

POWER_FACTOR = 2.802
"""1.960 + 0.842: two-sided at 5 %, with 80 % power."""
ASSUMED_SD = 0.30
"""Standard deviation, over queries, of the difference in ndcg@10 between two models: a typical
value, for data on which the base model has not been measured."""
CORRELATION = 0.7
"""Of base's and tuned's ndcg@10, over the queries of a test split, as if both had the same spread:
1 - sd(difference)² / (2 sd(base)²).

Seen on test splits of runs in 2026-11, recipes `seed`, `tandem` and `quick`: .65 to .70 on the
built-in corpus, which gains .21 to .22 (3 runs), .78 to .84 on a bank's FAQ, which gains .07 to .10
(9 runs). The more a model gains the less it resembles base, so .7 is on the careful side.
"""
LEAST_SD = 0.15
"""The smallest spread of a difference that is believed: where base finds nearly nothing, or nearly
everything, it hardly differs from query to query, and what is trained from it will all the same."""
FEWEST_QUERIES = 10
"""Test queries below which a spread measured on them says nothing."""
WORTHWHILE = 0.05
"""A gain in ndcg@10 that one would not want to miss."""
LARGEST_GAIN = 0.15
"""A gain in ndcg@10 that most fine-tunes stay below: what shows only more is too small to tell."""


@dataclass(frozen=True)
class Spread:
    """Spread of the base model's ndcg@10 over test queries.

    sd_base, base_ndcg: standard deviation and mean over `queries`. passages: those that were
    searched; sampled: they, or the queries, are not all there are, so that finding is easier than
    it will be and the figures are an approximation. (Of sd_base: .393 for .392 on the built-in
    corpus, .385 for .405 on 1,428 passages of a bank, .235 for .286 on 4,848 of medicine, 2026-11.)
    """

    sd_base: float
    base_ndcg: float
    queries: int
    passages: int
    sampled: bool

    @property
    def sd(self) -> float:
        """Standard deviation of tuned minus base over queries.

        Of two figures with the same spread and a correlation r: sd · √(2 (1 - r)).
        """
        return max(LEAST_SD, self.sd_base * math.sqrt(2 * (1 - CORRELATION)))

    @property
    def usable(self) -> bool:
        """Whether it says anything.

        Enough queries, and not all of them equal.
        """
        return self.queries >= FEWEST_QUERIES and self.sd_base > 0

    @classmethod
    def from_json(cls, value: object, base_ndcg: object) -> "Spread":
        """The spread that `as_json` gave; ValueError for anything else."""
        if not isinstance(value, Mapping):
            raise ValueError("The spread of a report must be an object.")
        return cls(_share(value.get("sd_base")), _share(base_ndcg), whole_number(value, "queries"),
                   whole_number(value, "passages"), value.get("sampled") is True)

    def as_json(self) -> dict[str, Any]:
        """The spread as the report has it.

        The mean stands beside it, as `base_ndcg@10`.
        """
        return {"sd_base": round(self.sd_base, 4), "sd": round(self.sd, 4),
                "queries": self.queries, "passages": self.passages, "sampled": self.sampled}


def shown_by(standard_error: float) -> float:
    """The smallest difference that test queries show.

    With 80 % power at 5 % two-sided, for a paired comparison. The one rule for it: before a
    fine-tune its standard error is reckoned from base's spread, afterwards it is that of the pair's
    own differences. standard_error: of the mean difference.
    """
    return POWER_FACTOR * standard_error


def detectable_difference(queries: int, sd: float = ASSUMED_SD) -> float | None:
    """The smallest difference that so many test queries show.

    In mean ndcg@10. sd: standard deviation of the difference from query to query. None without
    queries.
    """
    return round(shown_by(sd / math.sqrt(queries)), 4) if queries else None


def queries_needed(difference: float, sd: float = ASSUMED_SD) -> int:
    """Test queries needed to show such a difference.

    In mean ndcg@10.
    """
    return math.ceil((POWER_FACTOR * sd / difference) ** 2)


@dataclass(frozen=True)
class Power:
    """What so many test queries can show.

    spread: as measured on base, None where it was not.
    """

    queries: int
    spread: Spread | None = None

    @property
    def measured(self) -> bool:
        """Whether base's own spread on this data was measured.

        Rather than assumed.
        """
        return self.spread is not None and self.spread.usable

    @property
    def sd(self) -> float:
        """Standard deviation of the difference, from query to query."""
        return self.spread.sd if self.spread is not None and self.measured else ASSUMED_SD

    @property
    def detectable(self) -> float | None:
        """The smallest difference in mean ndcg@10 that can be shown.

        None without queries.
        """
        return detectable_difference(self.queries, self.sd)

    @property
    def left_to_gain(self) -> float | None:
        """What base leaves, where all of the corpus was searched.

        A sample makes finding easy.
        """
        whole = self.spread is not None and not self.spread.sampled and self.spread.queries > 0
        return 1 - self.spread.base_ndcg if self.spread is not None and whole else None

    @property
    def too_small(self) -> bool:
        """Whether only implausibly large gains would show."""
        could, left = self.detectable, self.left_to_gain
        return could is None or could > LARGEST_GAIN or (left is not None and could > left)

    def sentence(self) -> str:
        """What the test split can show, for a person."""
        if not self.queries:
            return "There are no test questions: nothing can be measured."
        how = f"it takes {queries_needed(WORTHWHILE, self.sd):,} questions to show {WORTHWHILE}"
        said = (f"{_questions(self.queries)} can show a difference of {self.detectable:.3f} "
                f"ndcg@10 or more")
        left = self.left_to_gain
        if self.too_small and left is not None and (self.detectable or 0) > left:
            said += f", and base, at {1 - left:.3f}, leaves {left:.3f} to gain"
        return f"{said}: too small to tell, {how}" if self.too_small else said


def _share(value: object) -> float:
    if not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"A figure of a spread must be between 0 and 1, not {value!r:.40}.")
    return float(value)


def _questions(count: int) -> str:
    return f"{count:,} {'question' if count == 1 else 'questions'}"
