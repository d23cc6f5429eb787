"""What a verdict says where test questions were given away by train or dev."""

from dataclasses import replace

import pytest

from corpus.records import Corpus, Passage, Query
from corpus.split import leaked_queries
from retrieval.evaluation import Evidence
from retrieval.metrics import PRIMARY
from support.evidence import side

N = 40


def corpus(**qrels):
    passages = tuple(Passage(f"p{i}", f"Answer {i}") for i in range(5)) + (
        Passage("same", "ANSWER  0"),)
    queries = {f"q{i}": Query(f"q{i}", f"Question {i}?") for i in range(5)}
    queries["again"] = Query("again", "question 0")
    return Corpus("c", passages, queries, qrels)


def evidence(leaked, base=9, tuned=1):
    """All questions won, but for the leaked ones that alone are won."""
    return Evidence("test", 99, side([base] * N), side([tuned] * N), leaked=leaked)


def test_a_question_or_an_answer_that_stands_in_train_or_dev_is_leaked():
    found = leaked_queries(corpus(
        train={"q0": {"p0": 1}}, dev={"q1": {"p1": 1}},
        test={"again": {"p4": 1}, "q2": {"same": 1}, "q3": {"p1": 1}, "q4": {"p3": 1}}), "test")
    assert found == {"again", "q2", "q3"}  # as a question, as an equal answer, by dev
    assert leaked_queries(corpus(train={"q0": {"p0": 1}}, test={"q1": {"p1": 1}}), "test") == set()


def test_dev_is_given_away_by_train_and_never_by_test():
    of = corpus(train={"q0": {"p0": 1}}, dev={"q1": {"p0": 1}, "q2": {"p2": 1}},
                test={"q3": {"p2": 1}})
    assert leaked_queries(of, "dev") == {"q1"} and leaked_queries(of, "train") == set()


def test_clean_splits_say_that_neither_was_trained_on_them_and_unknown_ones_do_not():
    assert "40 questions neither was trained on here." in evidence(frozenset()).verdict
    assert "neither" not in evidence(None).verdict
    assert "on 40 questions of the test split" in evidence(None).verdict


def test_a_verdict_is_that_of_the_questions_that_were_not_leaked():
    leaked = frozenset(f"q{i}" for i in range(20))
    ranks = [1] * 20 + [9] * 20  # all that was gained was gained on leaked ones
    found = Evidence("test", 99, side([9] * N), side(ranks), leaked=leaked)
    assert found.differences[PRIMARY].outcome == "better"
    assert found.outcome != "better" and found.verdict.startswith("No clear difference")
    assert "on 20 questions neither was trained on here" in found.verdict
    assert "on all 40 questions, of which 20 were trained on" in found.verdict
    figures = found.as_json()
    assert figures["leaked"] == 20 and figures["unseen"]["queries"] == 20
    assert figures["unseen"]["difference"][PRIMARY]["value"] == 0


def test_where_all_were_leaked_there_is_no_verdict():
    found = evidence(frozenset(f"q{i}" for i in range(N)))
    assert found.verdict.startswith("No verdict: all 40 questions")
    assert found.unseen is None and "unseen" not in found.as_json()
    assert "neither" not in found.verdict and "better" not in found.verdict


@pytest.mark.parametrize("leaked", [None, frozenset(), frozenset({"q3"})])
def test_rows_keep_what_is_known_of_leaks(leaked):
    found = evidence(leaked)
    again = Evidence.from_rows(found.as_rows(), "test", 99)
    assert again.leaked == leaked and again.verdict == found.verdict


def test_rows_of_before_leaks_were_looked_for_say_nothing_of_them():
    rows = [{key: row[key] for key in ("split", "query_id", "base", "tuned")}
            for row in evidence(frozenset()).as_rows()]
    assert Evidence.from_rows(rows, "test", 99) == replace(evidence(None), leaked=None)
