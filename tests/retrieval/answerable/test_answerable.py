"""Whether a question is answered here: by its best score, and by its language."""

import numpy as np
import pytest

from corpus.records import Corpus, Passage, Query
from retrieval.answerable.language import known_languages
from retrieval.answerable.scores import (
    FEWEST,
    MOST,
    UsualScores,
    answered_questions,
    question_vectors,
    usual_scores,
)
from retrieval.compare import WEAK
from retrieval.index import build_index, forget_vectors
from support.fakes import HashingEncoder
from ui.html import comparison
from ui.services.model_pair import ModelPair

THINGS = [f"thing{n}" for n in range(60)]


@pytest.fixture(scope="module")
def collection():
    """Sixty passages with a question each, fifty of them kept out of training."""
    passages = tuple(Passage(f"p{n}", f"The {thing} stands in the hall of the museum today.")
                     for n, thing in enumerate(THINGS))
    queries = {f"q{n}": Query(f"q{n}", f"where does the {thing} stand in the museum")
               for n, thing in enumerate(THINGS)}
    split = {"train": range(10), "dev": range(10, 30), "test": range(30, 60)}
    return Corpus("museum", passages, queries, {
        name: {f"q{n}": {f"p{n}": 1} for n in numbers} for name, numbers in split.items()})


@pytest.fixture(scope="module")
def pair(collection, tmp_path_factory):
    base, tuned = (build_index(HashingEncoder(salt=salt), collection) for salt in ("", "x"))
    pair = ModelPair(collection, base).with_tuned(tuned, None, "about")
    pair.learn_what_is_answered(tmp_path_factory.mktemp("cache"))
    return pair


def test_the_bound_leaves_all_but_a_twentieth_of_answered_questions_above_it():
    usual = UsualScores(np.linspace(0, 1, 101, dtype=np.float32))
    assert usual.least == pytest.approx(0.05)
    assert usual.is_weak(0.049) and not usual.is_weak(0.051)


def test_only_questions_that_nothing_was_trained_on_set_it(collection):
    texts = answered_questions(collection)
    trained = {collection.queries[query_id].text for query_id in collection.qrels["train"]}
    assert len(texts) == 50 and not trained & set(texts)
    few = Corpus("few", collection.passages, collection.queries,
                 {"test": dict(list(collection.qrels["test"].items())[:FEWEST - 1])})
    assert answered_questions(few) == []


def test_of_many_questions_some_are_taken():
    queries = {f"q{n}": Query(f"q{n}", f"question {n}") for n in range(1001)}
    many = Corpus("many", (Passage("p", "text"),), queries,
                  {"test": {query_id: {"p": 1} for query_id in queries}})
    assert MOST / 2 < len(answered_questions(many)) <= MOST


def test_the_best_scores_are_those_a_search_gives(collection):
    encoder = HashingEncoder()
    index, texts = build_index(encoder, collection), answered_questions(collection)
    found = usual_scores(index, encoder.encode_queries(texts))
    searched = sorted(ranking.scores.max() for ranking in index.search_many(texts))
    assert found.best == pytest.approx(searched)
    assert usual_scores(index, encoder.encode_queries(texts[:FEWEST - 1])) is None


def test_vectors_are_kept_and_go_with_the_corpuss(collection, tmp_path):
    encoder, texts = HashingEncoder(), answered_questions(collection)
    first = question_vectors(encoder, collection, texts, tmp_path)
    calls = encoder.calls
    assert np.array_equal(question_vectors(encoder, collection, texts, tmp_path), first)
    assert encoder.calls == calls
    question_vectors(encoder, collection, texts[:-1], tmp_path)  # other questions, other vectors
    assert encoder.calls > calls
    forget_vectors(tmp_path, collection.fingerprint)
    assert list(tmp_path.iterdir()) == []


def test_a_question_that_nothing_is_near_to_is_called_a_weak_match(pair):
    found = pair.compare("best pizza recipe with anchovies")
    assert found.base.weak and found.tuned.weak and found.is_weak
    assert found.sentence.startswith(WEAK)
    assert found.as_json()["weak"] == {"base": True, "tuned": True}
    html = comparison.comparison(found)
    assert f">{WEAK}</p>" in html and html.count(">weak match</span>") == 2


def test_a_question_like_those_it_answers_is_not(pair):
    found = pair.compare("where in the museum does the thing7 stand")
    assert not found.base.weak and not found.tuned.weak
    assert WEAK not in found.sentence and "weak match" not in comparison.comparison(found)


def test_a_question_with_a_known_answer_is_never_called_weak(collection):
    queries = collection.queries | {"far": Query("far", "unlike anything else at all")}
    qrels = collection.qrels | {"test": collection.qrels["test"] | {"far": {"p3": 1}}}
    known = Corpus("museum", collection.passages, queries, qrels)
    base = build_index(HashingEncoder(), known)
    pair = ModelPair(known, base)
    pair.learn_what_is_answered(None)
    assert pair.compare("unlike anything else").base.weak
    assert not pair.compare("unlike anything else at all").base.weak


def test_shorter_vectors_have_a_bound_of_their_own(pair):
    assert pair.compare("best pizza recipe with anchovies", truncate_dim=32).base.weak
    assert not pair.compare("where in the museum does the thing7 stand", truncate_dim=32).base.weak


def test_before_anything_is_learned_nothing_is_claimed(collection):
    found = ModelPair(collection, build_index(HashingEncoder(), collection)).compare("pizza")
    assert not found.base.weak and not found.remark


@pytest.mark.parametrize("question, name", [
    ("Wie lange dauert es, bis das Auto an der Ladesäule wieder voll ist?", "German"),
    ("Combien de temps faut-il pour charger la voiture à la maison ?", "French"),
    ("¿Cuánto tiempo tarda en cargar el coche en casa por la noche?", "Spanish"),
])
def test_another_language_is_called_by_its_name(porsche, question, name):
    known = known_languages(porsche)
    assert known.remark(question) == f"The question looks {name}; the passages here are English."


@pytest.mark.parametrize("question", ["", "959?", "brakes", "12345 67890", "GT3 RS vs GT2 RS"])
def test_too_few_letters_are_no_language(porsche, question):
    assert known_languages(porsche).remark(question) == ""


def test_hardly_a_question_of_the_corpus_is_taken_for_another_language(porsche):
    known = known_languages(porsche)
    wrong = [query.text for query in porsche.queries.values() if known.remark(query.text)]
    assert len(wrong) <= 0.01 * len(porsche.queries)


def test_a_corpus_in_no_language_claims_nothing():
    made_up = Corpus("codes", tuple(Passage(f"p{n}", f"{n:08}") for n in range(30)), {})
    assert known_languages(made_up) is None
