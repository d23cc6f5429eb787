import numpy as np
import pytest

from corpus.records import Corpus, Query
from retrieval.bm25 import build_lexical_index
from retrieval.evaluation import Evidence, evaluate, means
from retrieval.explain import shared_words, train_questions, why_moved, worst_regressions
from retrieval.index import build_index
from retrieval.metrics import PRIMARY
from retrieval.truncation import AtDim, dims_to_try, quality_by_dim, smallest_within
from support.evidence import side
from support.fakes import PASSAGES, QUERIES, HashingEncoder


@pytest.fixture
def sides(corpus):
    return (build_index(HashingEncoder("base", salt="x"), corpus),
            build_index(HashingEncoder("tuned"), corpus))


def test_why_gives_both_scores_of_the_answer_and_of_the_strongest_wrong_passage(corpus, sides):
    found = why_moved(["q3"], corpus, *sides, split="dev")[0]
    for standing, index in ((found.base, sides[0]), (found.tuned, sides[1])):
        ranking = index.search_many([QUERIES["q3"].text])[0]
        assert (standing.rank, standing.score) == (ranking.rank("p2"), ranking.score("p2"))
        wrong = next((pid, score) for pid, score in ranking.top(2) if pid != "p2")
        assert (standing.wrong_id, standing.wrong_score) == wrong
        assert (standing.margin > 0) == (standing.rank == 1)
    assert f"from rank {found.base.rank} to {found.tuned.rank}" in found.sentence


def test_with_several_answers_none_of_them_is_the_wrong_one(corpus, sides):
    found = why_moved(["q4"], corpus, *sides)[0]
    assert found.wrong.id not in ("p4", "p6")
    assert found.answer.id in ("p4", "p6")


def test_the_nearest_training_question_is_the_one_most_alike():
    queries = dict(QUERIES) | {"t": Query("t", "How big is the rear luggage compartment?")}
    corpus = Corpus("c", PASSAGES, queries, {"train": {"q1": {"p1": 1}, "q2": {"p5": 1}},
                                             "test": {"t": {"p1": 1}}})
    index = build_index(HashingEncoder(), corpus)
    found = why_moved(["t"], corpus, index, index,
                      trained=train_questions(corpus, index.encoder))[0]
    assert found.trained[0].id == "q1"
    assert found.same_answer
    assert 0.5 < found.trained[1] < 1


def test_a_corpus_without_training_questions_has_no_nearest_one():
    corpus = Corpus("c", PASSAGES, QUERIES, {"test": {"q1": {"p1": 1}}})
    index = build_index(HashingEncoder(), corpus)
    trained = train_questions(corpus, index.encoder)
    assert why_moved(["q1"], corpus, index, index, trained=trained)[0].trained is None


def test_shared_words_are_content_words_once_whatever_their_ending():
    assert shared_words("Are the brakes, the brake marked?", "A braking mark.") == (
        "brake", "marked")


def test_bm25_can_be_a_side(corpus, sides):
    found = why_moved(["q4"], corpus, build_lexical_index(corpus), sides[1])[0]
    assert found.base.rank == 1 and found.base.score > 1


def test_a_question_that_is_gone_is_named(corpus, sides):
    with pytest.raises(ValueError, match="'q9'.*is not in the data of six any more"):
        why_moved(["q9"], corpus, *sides)


def test_the_worst_regressions_come_first_and_wins_never():
    evidence = Evidence("test", 99, side([1, 1, 5, 3]), side([4, 9, 1, 3]))
    assert worst_regressions(evidence) == ["q1", "q0"]
    assert worst_regressions(evidence, 1) == ["q1"]


def test_the_dims_are_powers_of_two_the_trained_ones_and_all():
    assert dims_to_try(384, [96, 500]) == [8, 16, 32, 64, 96, 128, 256, 384]
    assert dims_to_try(4) == [4]


def test_quality_at_a_dim_is_that_of_the_truncated_index(porsche):
    queries = list(porsche.qrels["test"])[:12]
    answers = {pid for q in queries for pid in porsche.qrels["test"][q]}
    corpus = Corpus("part", tuple(p for p in porsche.passages if p.id in answers), porsche.queries,
                    {"test": {q: porsche.qrels["test"][q] for q in queries}})
    base = build_index(HashingEncoder("base", dim=16, salt="y"), corpus)
    tuned, seen = build_index(HashingEncoder("tuned"), corpus), []
    rows = quality_by_dim(corpus, base, tuned, [24], 
                           progress=lambda at: seen.append((at.done, at.total)))
    assert [row.dim for row in rows] == [8, 16, 24, 32, 64]
    assert seen[-1] == (5, 5)
    assert [row.base is None for row in rows] == [False, False, True, True, True]
    for row in rows:
        cut = evaluate(tuned.truncated(row.dim), corpus, "test")
        assert row.tuned == pytest.approx(means(cut)[PRIMARY])
        assert row.bytes == 4 * row.dim * len(corpus.passages)
        assert row.search_ms > 0
        assert row.quantized["int8"].tuned == pytest.approx(row.tuned, abs=0.1)
        assert row.quantized["binary"].bytes < row.quantized["int8"].bytes < row.bytes
        assert row.as_json()["tuned_binary"] == row.quantized["binary"].tuned
    calls = tuned.encoder.calls
    quality_by_dim(corpus, base, tuned)
    assert tuned.encoder.calls == calls + 1


def test_a_split_without_queries_has_no_quality_by_dim(corpus, sides):
    with pytest.raises(ValueError, match="has no queries"):
        quality_by_dim(Corpus("c", PASSAGES, QUERIES, {}), *sides)


def test_the_shortest_vectors_that_lose_next_to_nothing_are_found():
    rows = [AtDim(8, 0.1, 0.2, 0, 0), AtDim(16, 0.3, 0.595, 0, 0), AtDim(32, 0.4, 0.6, 0, 0)]
    assert smallest_within(rows).dim == 16
    assert smallest_within([]) is None
    assert np.isclose(rows[1].as_json()["tuned"], 0.595)
