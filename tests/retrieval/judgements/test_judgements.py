"""Judgements: the file they are kept in, what holds, and how they count."""

import json
import threading
from dataclasses import replace

import pytest

from retrieval.evaluation import Evidence, evaluate
from retrieval.index import build_index
from retrieval.judgements import store
from retrieval.judgements.rescoring import Rankings, rescored, suspects, to_judge
from retrieval.judgements.store import Judgements, as_trec, merged_grades
from retrieval.metrics import PRIMARY
from support.fakes import HashingEncoder
from support.runs.finished import questions

QUERY = "q46"
"""The first question of the test split; its answer is p46."""


@pytest.fixture
def kept(tmp_path):
    return Judgements(tmp_path / "judgements", questions())


@pytest.fixture(scope="module")
def sides():
    corpus = questions()
    return [build_index(HashingEncoder("base", dim=4), corpus),
            build_index(HashingEncoder("tuned", dim=6), corpus)]


def evidence_of(corpus, sides):
    return Evidence("test", len(corpus.passages), *(evaluate(s, corpus, "test") for s in sides))


def test_a_line_has_who_said_what_and_when_and_the_qrels_stay(kept):
    kept.add(QUERY, "p01", 1, "ada")
    line = json.loads(kept.path.read_text("utf-8"))
    assert set(line) == {"query_id", "passage_id", "grade", "by", "at"}
    assert (line["grade"], line["by"]) == (1, "ada") and line["at"].endswith("+00:00")
    assert kept.path.name == f"{kept.corpus.fingerprint}.jsonl"
    assert kept.corpus.qrels == questions().qrels


def test_the_last_word_holds_and_undo_takes_back_ones_own(kept):
    kept.add(QUERY, "p01", 2, "ada")
    kept.add(QUERY, "p01", 0, "ben")
    kept.add(QUERY, "p02", 1, "ada")
    assert {pid: one.grade for pid, one in kept.current()[QUERY].items()} == {"p01": 0, "p02": 1}
    assert kept.undo("ben").passage_id == "p01"
    assert kept.current()[QUERY]["p01"].grade == 2  # what Ada said holds again
    assert kept.undo("ada").passage_id == "p02"
    assert kept.undo("ada").passage_id == "p01"
    assert kept.undo("ada") is None and kept.current() == {}
    assert len(kept.lines()) == 6  # nothing that was said is lost


def test_what_cannot_be_judged_is_refused_with_why(kept):
    for query, passage, grade, said in (
            ("gone", "p01", 1, "Question 'gone' is not"), (QUERY, "gone", 1, "Passage 'gone'"),
            (QUERY, "p46", 1, "calls this passage an answer"), (QUERY, "p01", 7, "is one of")):
        with pytest.raises(ValueError, match=said):
            kept.add(query, passage, grade, "ada")
    assert not kept.path.exists()


def test_a_passage_that_vanished_and_a_damaged_line_are_left_out(kept):
    kept.add(QUERY, "p01", 2, "ada")
    with kept.path.open("ab") as file:
        file.write(json.dumps({"query_id": QUERY, "passage_id": "gone", "grade": 2, "by": "ada",
                               "at": ""}).encode() + b'\n[1]\n{"query_id": "q46", "pas')
    kept.add(QUERY, "p02", 0, "ben")
    assert set(kept.current()[QUERY]) == {"p01", "p02"}
    less = replace(kept.corpus, passages=kept.corpus.passages[2:])
    moved = Judgements(kept.folder, less)
    moved.folder.joinpath(moved.path.name).write_bytes(kept.path.read_bytes())
    assert set(moved.current()[QUERY]) == {"p02"}


def test_two_people_at_once_lose_nothing(kept):
    def judges(name):
        for number in range(25):
            kept.add(QUERY, f"p{number:02}", number % 3, name)

    both = [threading.Thread(target=judges, args=(name,)) for name in ("ada", "ben")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert len(kept.lines()) == 50
    assert len(kept.path.read_bytes().splitlines()) == 50


def test_grades_count_beside_the_datas_own(kept):
    said = {"p01": kept.add(QUERY, "p01", 2, "a"), "p02": kept.add(QUERY, "p02", 1, "a"),
            "p03": kept.add(QUERY, "p03", 0, "a")}
    assert merged_grades(kept.corpus, "test", QUERY, said) == {
        "p46": 2, "p01": 2, "p02": 1, "p03": 0}
    lines = as_trec(kept.corpus, kept.current()).splitlines()
    assert f"{QUERY} 0 p01 2" in lines and f"{QUERY} 0 p03 0" in lines and "q00 0 p00 2" in lines
    assert all(len(line.split()) == 4 for line in lines)
    assert store._field("a b%") == "a%20b%25"


def test_the_passages_to_judge_are_those_on_top_of_either_side_without_the_answer(kept, sides):
    rankings = [Rankings(side, kept.corpus) for side in sides]
    found = to_judge(QUERY, kept.corpus, "test", rankings)
    text = [kept.corpus.queries[QUERY].text]
    tops = {pid for side in sides for pid, _ in side.search_many(text)[0].top(3)}
    assert set(found) == tops - {"p46"} and found == to_judge(QUERY, kept.corpus, "test",
                                                              rankings[::-1])
    with pytest.raises(ValueError, match="not in car_parts any more"):
        to_judge("gone", kept.corpus, "test", rankings)


def test_both_sides_are_scored_again_without_encoding_a_passage(kept, sides):
    evidence = evidence_of(kept.corpus, sides)
    base, tuned = (Rankings(side, kept.corpus) for side in sides)
    assert rescored(evidence, kept.corpus, base, tuned, {}) == (evidence, 0)
    passage = to_judge(QUERY, kept.corpus, "test", [base, tuned])[0]
    calls = [side.encoder.calls for side in sides]
    kept.add(QUERY, passage, 2, "ada")
    found, count = rescored(evidence, kept.corpus, base, tuned, kept.current())
    assert count == 1 and [side.encoder.calls for side in sides] == calls  # nothing at all
    both = replace(kept.corpus, qrels={"test": kept.corpus.qrels["test"] | {
        QUERY: {"p46": 1, passage: 1}}})
    assert found.base == evaluate(sides[0], both, "test")
    assert found.tuned == evaluate(sides[1], both, "test")
    kept.undo("ada")
    assert rescored(evidence, kept.corpus, base, tuned, kept.current())[0] == evidence


def test_a_passage_that_answers_in_part_gains_less(kept, sides):
    evidence = evidence_of(kept.corpus, sides)
    rankings = [Rankings(side, kept.corpus) for side in sides]
    top = sides[1].search_many([kept.corpus.queries[QUERY].text])[0].top(1)[0][0]
    if top == "p46":
        top = to_judge(QUERY, kept.corpus, "test", rankings)[0]
    values = []
    for grade in (0, 1, 2):
        kept.add(QUERY, top, grade, "ada")
        found, _ = rescored(evidence, kept.corpus, *rankings, kept.current())
        values.append(found.tuned[QUERY].metrics[PRIMARY])
    assert values[0] == evidence.tuned[QUERY].metrics[PRIMARY]
    assert len(set(values)) == 3


def test_a_question_is_suspect_where_all_sides_agree_on_a_passage_that_nobody_marked(kept, sides):
    evidence = evidence_of(kept.corpus, sides)
    same = [Rankings(sides[0], kept.corpus)] * 3
    found = suspects(kept.corpus, evidence, same, {})
    wrong = [q for q, judged in evidence.base.items() if judged.best_rank != 1]
    assert found == wrong and found
    first = same[0].first([found[0]])[0]
    kept.add(found[0], first, 0, "ada")
    assert suspects(kept.corpus, evidence, same, kept.current()) == found[1:]
    mixed = [Rankings(side, kept.corpus) for side in sides]
    assert set(suspects(kept.corpus, evidence, mixed, {})) < set(wrong)
