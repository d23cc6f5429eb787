import numpy as np
import pytest
from scipy import stats

from retrieval.metrics import METRICS, PRIMARY
from retrieval.statistics import (
    bootstrap_intervals,
    holm,
    paired_differences,
    randomisation_p,
    standard_error,
)


def test_same_seed_same_interval():
    rng = np.random.default_rng(0)
    base, tuned = rng.random((2, 50, len(METRICS)))
    assert paired_differences(base, tuned, 1) == paired_differences(base, tuned, 1)
    assert paired_differences(base, tuned, 1) != paired_differences(base, tuned, 2)


def test_interval_and_p_agree_with_the_normal_theory_where_it_holds():
    gaps = np.random.default_rng(3).normal(0.02, 0.2, 400)
    base = np.zeros((400, len(METRICS)))
    tuned = base + gaps[:, None]
    found = paired_differences(base, tuned)[PRIMARY]
    error = gaps.std(ddof=1) / 20
    assert found.low == pytest.approx(gaps.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(gaps.mean() + 1.96 * error, abs=0.1 * error)
    assert found.p == pytest.approx(stats.ttest_1samp(gaps, 0).pvalue, abs=0.02)


@pytest.mark.slow
def test_interval_covers_the_true_difference_95_times_in_100():
    """A column is an experiment of its own: 4,000 test sets whose true difference is 0.16."""
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(4):
        gaps = rng.choice([-0.5, 0, 0, 0.3, 1], size=(150, 1000))
        low, high = bootstrap_intervals(gaps, rng)
        covered.append(((low <= 0.16) & (high >= 0.16)).mean())
    assert 0.93 <= np.mean(covered) <= 0.97


def experiments(queries, grouped, count, seed):
    """Gaps as skewed as real ones (tuned often wins much), in so many samples: (queries, samples).

    The true mean is 0.16. Grouped: of three queries two share an answer and, one time in four, its
    fate, as ours do (a correlation of about .13 over all pairs that share one).
    """
    rng = np.random.default_rng(seed)
    gaps = rng.choice([-0.5, 0, 0, 0, 0.37, 0.37, 0.3, 0.74], size=(queries, count))
    if not grouped:
        return gaps, None
    groups = np.arange(queries) - (np.arange(queries) % 3 == 1)
    follows = (np.arange(queries) % 3 == 1)[:, None] & (rng.random(gaps.shape) < 0.25)
    gaps = np.where(follows, np.roll(gaps, 1, axis=0), gaps)
    return gaps, np.unique(groups, return_inverse=True)[1]


@pytest.mark.slow
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("queries", [10, 20, 50, 100, 200])
def test_intervals_cover_the_truth_as_promised_with_few_and_with_grouped_queries(queries, grouped):
    gaps, groups = experiments(queries, grouped, 2_000, queries)
    low, high = bootstrap_intervals(gaps, np.random.default_rng(1), groups)
    assert 0.93 <= ((low <= 0.16) & (high >= 0.16)).mean() <= 0.97


def test_queries_that_share_an_answer_are_resampled_and_flipped_together():
    gaps = np.repeat(np.random.default_rng(2).normal(0.1, 0.3, 30), 4)[:, None]
    groups = np.repeat(np.arange(30), 4)
    low, high = bootstrap_intervals(gaps, np.random.default_rng(1), groups)
    alone = bootstrap_intervals(gaps[::4], np.random.default_rng(1))
    assert (low[0], high[0]) == pytest.approx((alone[0][0], alone[1][0]))
    assert randomisation_p(gaps, np.random.default_rng(1), groups) == pytest.approx(
        randomisation_p(gaps[::4], np.random.default_rng(1)))
    assert standard_error(gaps[:, 0], groups) == pytest.approx(standard_error(gaps[::4, 0]))


def test_the_standard_error_of_queries_each_alone_is_the_usual_one():
    gaps = np.random.default_rng(3).normal(0, 1, 40)
    assert standard_error(gaps) == pytest.approx(stats.sem(gaps))
    assert standard_error(gaps[:1]) == 0


def test_of_a_single_group_nothing_is_known():
    gaps, groups = np.full((3, 2), 0.2), np.zeros(3, int)
    low, high = bootstrap_intervals(gaps, np.random.default_rng(1), groups)
    assert (low.tolist(), high.tolist()) == ([-1, -1], [1, 1])


def test_a_difference_that_is_not_there_is_found_five_times_in_100():
    rng = np.random.default_rng(6)
    gaps = rng.choice([-1.0, -0.37, 0, 0, 0, 0.37, 1], size=(150, 2000))
    assert 0.03 <= (randomisation_p(gaps, rng) < 0.05).mean() <= 0.07


@pytest.mark.slow
def test_many_queries_give_what_normal_theory_gives():
    gaps = np.random.default_rng(7).choice([-0.4, 0, 0, 1], size=(2_500, 3))
    error = gaps.std(axis=0, ddof=1) / np.sqrt(len(gaps))
    for resampler in (np.random.default_rng(1), np.random.default_rng(2)):
        low, high = bootstrap_intervals(gaps, resampler)
        assert low == pytest.approx(gaps.mean(axis=0) - 1.96 * error, abs=0.1 * error.max())
        assert high == pytest.approx(gaps.mean(axis=0) + 1.96 * error, abs=0.1 * error.max())
    noise = np.random.default_rng(8).normal(0.007, 0.2, (2_500, 1))
    assert randomisation_p(noise, np.random.default_rng(3))[0] == pytest.approx(
        stats.ttest_1samp(noise[:, 0], 0).pvalue, abs=0.02)


def test_interval_and_p_are_those_of_scipy():
    gaps = np.random.default_rng(9).choice([-0.5, 0, 0, 0.3, 1], size=60)
    low, high = bootstrap_intervals(gaps[:, None], np.random.default_rng(1))
    theirs = stats.bootstrap((gaps,), np.mean, n_resamples=10_000, method="percentile",
                             rng=np.random.default_rng(2)).confidence_interval
    assert (low[0], high[0]) == pytest.approx((theirs.low, theirs.high), abs=0.01)
    test = stats.permutation_test((gaps - 0.05, np.zeros(60)), lambda a, b: np.mean(a - b),
                                  permutation_type="samples", n_resamples=5_000, vectorized=False,
                                  rng=np.random.default_rng(3))
    ours = randomisation_p((gaps - 0.05)[:, None], np.random.default_rng(4))[0]
    assert ours == pytest.approx(test.pvalue, abs=0.02)


def test_the_exact_p_of_few_queries_is_met():
    assert randomisation_p(np.full((6, 1), 0.4), np.random.default_rng(1))[0] == pytest.approx(
        2 / 2**6, abs=0.006)


def test_holm_corrects_by_hand_and_keeps_the_order():
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_only_the_metrics_that_were_not_declared_beforehand_are_corrected():
    rng = np.random.default_rng(5)
    base = rng.random((80, len(METRICS)))
    found = paired_differences(base, base + rng.normal(0.05, 0.2, base.shape))
    assert found[PRIMARY].p_holm == found[PRIMARY].p
    others = [found[name] for name in METRICS if name != PRIMARY]
    assert [gap.p_holm for gap in others] == holm([gap.p for gap in others])
    assert any(gap.p < 0.05 <= gap.p_holm and gap.outcome == "no clear difference"
               for gap in others)
    assert found[PRIMARY].as_json().keys() == {"value", "low", "high", "p", "p_holm"}
