from dataclasses import replace

import numpy as np
import pytest

from corpus.records import Corpus
from retrieval import evaluation as room
from retrieval.evaluation import Evidence, evaluate, means
from retrieval.index import build_index
from retrieval.metrics import PRIMARY
from support.evidence import side
from support.fakes import PASSAGES, QUERIES, HashingEncoder, small_corpus


def test_judged_ranks_and_metrics_of_a_split(corpus):
    judged = evaluate(build_index(HashingEncoder(), corpus), corpus, "dev")
    assert set(judged) == {"q3"}
    assert set(judged["q3"].ranks) == {"p2"}
    assert means(judged)["mrr@10"] == pytest.approx(1 / judged["q3"].ranks["p2"])


def test_a_split_without_queries_is_refused_by_name():
    empty = Corpus("none", PASSAGES, QUERIES, {"test": {}})
    with pytest.raises(ValueError, match="The test split of none has no queries"):
        evaluate(build_index(HashingEncoder(), empty), empty, "test")


def test_a_model_that_always_wins_is_better_and_the_reverse_worse():
    low, high = side([5] * 40), side([1] * 40)
    won, lost = Evidence("test", 9, low, high), Evidence("test", 9, high, low)
    assert won.verdict.startswith("Fine-tuned is better: +0.613 ndcg@10")
    assert lost.verdict.startswith("Fine-tuned is worse")
    assert won.outcomes == {"won": 40, "lost": 0, "tied": 0}


def test_the_same_model_twice_shows_no_clear_difference():
    same = Evidence("test", 9, side([1, 2, 3]), side([1, 2, 3]))
    assert same.verdict.startswith("No clear difference")
    gap = same.differences[PRIMARY]
    assert (gap.value, gap.low, gap.high, gap.p) == (0, 0, 0, 1)


def test_how_large_a_difference_the_queries_could_have_shown_is_said():
    rng = np.random.default_rng(5)
    ranks = rng.integers(1, 9, (2, 100))
    evidence = Evidence("test", 9, side(ranks[0]), side(ranks[1]))
    gaps = np.array(list(evidence.gaps.values()))
    assert evidence.detectable == pytest.approx(2.802 * gaps.std(ddof=1) / 10)
    assert f"a difference of {evidence.detectable:.3f} or more" in evidence.verdict
    assert "too little to tell" in Evidence("test", 9, side([2]), side([2])).verdict


def test_queries_stand_with_the_worst_regression_first_and_say_how_they_went():
    evidence = Evidence("test", 99, side([1, 5, 3, 40]), side([9, 1, 3, 80]))
    assert [(q.query_id, q.outcome, q.base_rank, q.tuned_rank) for q in evidence.queries] == [
        ("q0", "lost", 1, 9), ("q2", "tied", 3, 3), ("q3", "both miss", 40, 80),
        ("q1", "won", 5, 1)]


def test_sides_with_other_queries_are_not_compared():
    with pytest.raises(ValueError, match="different queries"):
        Evidence("test", 9, side([1, 2]), side([1]))


def test_rows_of_a_run_give_back_the_same_evidence():
    base, tuned = side([2, 1, 9]), side([1, 1, 30])
    rows = [{"split": "test", "query_id": q,
             "base": {"ranks": dict(base[q].ranks), "metrics": dict(base[q].metrics)},
             "tuned": {"ranks": dict(tuned[q].ranks), "metrics": dict(tuned[q].metrics)}}
            for q in base]
    read = Evidence.from_rows(rows, "test", 9)
    assert read.as_json() == Evidence("test", 9, base, tuned).as_json()
    with pytest.raises(ValueError, match="not measured its dev split"):
        Evidence.from_rows(rows, "dev", 9)


def test_a_model_without_a_usable_vector_is_not_measured_instead_of_zero(corpus):
    index = build_index(HashingEncoder("broken"), corpus)
    place = index.ids.index("p2")
    vectors = index.vectors.copy()
    vectors[place] = 0
    with pytest.raises(ValueError, match="broken gives no usable vector for passage 'p2'"):
        evaluate(replace(index, vectors=vectors), corpus, "dev")
    for value in (0, np.nan):
        with pytest.raises(ValueError, match="no usable vector for query 'q3'.*not measured"):
            evaluate(replace(index, vectors=np.full_like(vectors, value)), corpus, "dev")


def test_a_query_whose_answer_is_gone_is_named(corpus):
    gone = Corpus("six", PASSAGES[:1] + PASSAGES[2:], QUERIES, corpus.qrels)
    with pytest.raises(ValueError, match="answer 'p2' of query 'q3' is not among the 5 passages"):
        evaluate(build_index(HashingEncoder(), gone), gone, "dev")


def test_three_queries_are_too_few_to_tell_even_when_all_are_won():
    few = Evidence("test", 9, side([5] * 3), side([1] * 3))
    assert few.verdict.startswith("No clear difference")
    assert "fewer than 6 questions" in few.verdict
    assert Evidence("test", 9, side([5] * 6), side([1] * 6)).verdict.startswith("Fine-tuned is b")


def test_of_many_passages_few_rankings_are_held_at_a_time_and_nothing_changes(monkeypatch):
    corpus = small_corpus()
    index = build_index(HashingEncoder(), corpus)
    whole = evaluate(index, corpus, "train")
    asked = []

    class Counting(type(index)):
        def search_many(self, queries):
            asked.append(len(queries))
            return super().search_many(queries)

    monkeypatch.setattr(room, "SCORES", 2 * len(corpus.passages))
    side = Counting(index.encoder, index.ids, index.vectors)
    assert evaluate(side, corpus, "train") == whole
    assert max(asked) == 2 and sum(asked) == len(corpus.qrels["train"])
