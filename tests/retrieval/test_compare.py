import pytest

from retrieval.bm25 import build_lexical_index
from retrieval.compare import MAX_QUERY, QueryError, check_k, check_query, compare, ordinal
from retrieval.index import build_index
from support.fakes import HashingEncoder


@pytest.fixture
def base(corpus):
    return build_index(HashingEncoder("base", salt="other", dim=3), corpus, sentences=True)


@pytest.fixture
def tuned(corpus):
    return build_index(HashingEncoder("tuned"), corpus, sentences=True)


def test_movement_is_base_rank_minus_tuned_rank_on_both_sides(corpus, base, tuned):
    result = compare("yellow calipers", corpus, base, tuned, k=6)
    base_rank = {hit.passage_id: hit.rank for hit in result.base.hits}
    tuned_rank = {hit.passage_id: hit.rank for hit in result.tuned.hits}
    assert base_rank != tuned_rank
    for hit in [*result.base.hits, *result.tuned.hits]:
        assert hit.movement == base_rank[hit.passage_id] - tuned_rank[hit.passage_id]
    assert {h.other_rank for h in result.tuned.hits} == set(range(1, 7))


def test_the_known_answer_is_found_wherever_it_ranks(corpus, base, tuned):
    result = compare("What are the yellow calipers?", corpus, base, tuned, k=1)
    assert result.known == {"p5"}
    assert result.tuned.answer_rank == 1
    assert result.base.answer.passage_id == "p5"
    assert result.as_json()["known_answer"] == {
        "passage_ids": ["p5"], "base_rank": result.base.answer_rank, "tuned_rank": 1}


def test_of_several_known_answers_each_side_is_judged_by_its_best(corpus, base, tuned):
    result = compare("towing with a Cayenne", corpus, base, tuned, k=6)
    ranks = {hit.passage_id: hit.rank for hit in result.tuned.hits}
    assert result.tuned.answer_rank == min(ranks["p4"], ranks["p6"])


def test_sentence_says_who_put_the_answer_where(corpus, base, tuned):
    result = compare("What are the yellow calipers?", corpus, base, tuned)
    assert result.base.answer_rank > 1
    assert result.sentence == (
        f"Fine-tuned puts the answer first; Base had it {ordinal(result.base.answer_rank)}.")
    assert compare("What are the yellow calipers?", corpus, tuned, tuned).sentence == (
        "Both put the answer first.")


def test_sentence_of_ones_own_question_says_how_the_lists_differ(corpus, base, tuned):
    said = compare("calipers", corpus, base, tuned, k=2).sentence
    assert said.startswith("The two disagree: Base had Fine-tuned’s first passage")
    same = compare("calipers", corpus, tuned, tuned, k=2).sentence
    assert same == "Both put the same passage first; they share 2 of the first 2."


def test_without_a_tuned_model_base_stands_alone(corpus, base):
    result = compare("calipers", corpus, base, None)
    assert result.as_json()["tuned"] is None
    assert result.as_json()["latency_ms"]["tuned"] is None
    assert all(hit.movement is None for hit in result.base.hits)
    assert "There is no fine-tuned model yet" in result.sentence


def test_the_lexical_side_is_ranked_and_does_not_move(corpus, base, tuned):
    result = compare("calipers", corpus, base, tuned, lexical=build_lexical_index(corpus))
    assert result.lexical.hits[0].passage_id == "p5"
    assert result.lexical.hits[0].movement is None


def test_the_nearest_sentence_is_looked_for_in_the_first_hits_only(corpus, tuned, monkeypatch):
    from retrieval import compare as room

    monkeypatch.setattr(room, "MOST_NEAREST", 1)
    hits = compare("yellow calipers", corpus, tuned, None, k=6).base.hits
    assert len(hits) == 6
    assert hits[0].text[slice(*hits[0].nearest)] == "They are marked by yellow calipers."
    assert {hit.nearest for hit in hits[1:]} == {None}


def test_hits_have_the_contracted_fields(corpus, base, tuned):
    (hit, *_) = compare("calipers", corpus, base, tuned).as_json()["tuned"]
    assert set(hit) == {"rank", "passage_id", "score", "title", "text", "movement", "relevant"}


@pytest.mark.parametrize("query", ["", "   \n", None, 7])
def test_no_question_is_refused(query):
    with pytest.raises(QueryError):
        check_query(query)


def test_a_question_of_100_000_characters_is_refused_with_both_figures():
    with pytest.raises(QueryError, match=f"100,000 characters; at most {MAX_QUERY:,}"):
        check_query("x" * 100_000)


@pytest.mark.parametrize("query", [
    "<script>alert(1)</script>", "${1+1}", "{{7*7}}", "🚗💨", "كم سرعة السيارة", "a\x00b",
    "half an emoji: \ud83d",
])
def test_odd_questions_are_searched_like_any_other(corpus, base, tuned, query):
    assert len(compare(query, corpus, base, tuned).tuned.hits) == 5


@pytest.mark.parametrize("k", [0, -1, 10_000, "x", None, 2.5, float("nan"), True, "", "9" * 500,
                               10**400, [5], float("inf")])
def test_a_bad_k_is_refused_with_its_range_and_value(k):
    with pytest.raises(QueryError, match="k must be a whole number from 1 to 50, not"):
        check_k(k)


@pytest.mark.parametrize("k, meant", [(5, 5), (5.0, 5), ("7", 7)])
def test_k_may_come_as_any_whole_number(k, meant):
    assert check_k(k) == meant


@pytest.mark.parametrize("rank, said", [
    (1, "first"), (10, "tenth"), (11, "11th"), (12, "12th"), (21, "21st"), (102, "102nd"),
    (1003, "1,003rd"), (111, "111th"),
])
def test_ordinals(rank, said):
    assert ordinal(rank) == said
