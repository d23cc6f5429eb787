"""The general collection: large enough, well formed, nothing of cars in it, and fixed."""

import json
import re
from pathlib import Path

import pytest

import corpus
from corpus.check.check import check_path
from corpus.check.near_duplicates import near_duplicates
from corpus.check.style import shared_words
from corpus.load import load_corpus

FOLDER = Path(corpus.__file__).parent / "general"
CAR_WORDS = re.compile(
    r"\b(?:cars?|vehicles?|automobiles?|engines?|motors?|motorists?|motorcycles?|turbo\w*|petrol|"
    r"diesel|gasoline|gearbox\w*|clutch\w*|brak(?:e|es|ed|ing)|steering|tyres?|tires?|dealers?|"
    r"batter(?:y|ies)|drivers?|driving|dashboards?|windscreens?|horsepower|porsche|garages?|"
    r"lorr(?:y|ies)|trucks?|motorways?)\b",
    re.IGNORECASE,
)


@pytest.fixture(scope="module")
def general():
    return load_corpus("general")


@pytest.fixture(scope="module")
def report():
    return check_path("general")


def relevant(general):
    return {query_id: {passage_id for passage_id, grade in grades.items() if grade > 0}
            for query_id, grades in general.qrels["test"].items()}


def test_it_is_large_enough_to_show_a_loss(general, report):
    assert len(general.passages) >= 600
    assert len(general.queries) >= 150
    assert report.detectable_difference <= 0.04


def test_nothing_is_wrong_with_it_but_that_it_cannot_be_trained_on(report):
    assert not report.ok
    wrong = {f.kind: f.examples for f in report.findings if f.severity != "info"}
    assert wrong.keys() == {"no_split", "too_few_pairs"}
    assert [example for example in wrong["too_few_pairs"] if "test" in example] == []


def test_it_has_a_test_split_alone(general):
    assert list(general.qrels) == ["test"]


def test_every_query_is_judged_and_about_the_topic_of_its_passage(general):
    answers = relevant(general)
    assert answers.keys() == general.queries.keys()
    for query_id, query in general.queries.items():
        own = query_id.rpartition(".")[0]
        assert own in answers[query_id], query_id
        assert query.topic == general.passage[own].topic, query_id


def test_nearly_every_query_has_one_relevant_passage(general):
    several = [query_id for query_id, ids in relevant(general).items() if len(ids) > 1]
    assert 10 <= len(several) <= len(general.queries) / 10
    assert all(len(ids) <= 2 for ids in relevant(general).values())


def test_ids_say_topic_and_number_and_are_gapless(general):
    numbers: dict[str, int] = {}
    for passage in general.passages:
        numbers[passage.topic] = numbers.get(passage.topic, 0) + 1
        assert passage.id == f"g-{passage.topic}-{numbers[passage.topic]:03}"
    assert len(numbers) >= 24
    assert min(numbers.values()) >= 20


def test_passages_have_a_title_of_their_own_and_are_of_the_length_promised(general):
    titles = [passage.title for passage in general.passages]
    assert all(titles) and len(set(titles)) == len(titles)
    for passage in general.passages:
        assert 25 <= len(passage.text.split()) <= 70, passage.id


def test_most_questions_are_asked_in_other_words_than_the_answer(general):
    shared = list(shared_words(general, relevant(general)))
    assert sum(words > 2 for words in shared) <= len(shared) / 3


def test_no_pattern_of_sentence_comes_again_and_again(report):
    for what in ("questions", "passages"):
        assert report.writing["commonest_pattern"][what]["share"] <= 0.01, what


def test_no_passage_nearly_repeats_another_or_one_of_the_corpus_on_cars(general, porsche):
    texts = [passage.text for passage in (*porsche.passages, *general.passages)]
    pairs = near_duplicates(texts)
    assert [pair for pair in pairs if pair[1] >= len(porsche.passages)] == []


def test_nothing_in_it_is_about_cars(general):
    texts = [passage.content for passage in general.passages]
    texts += [query.text for query in general.queries.values()]
    assert [found.group() for text in texts for found in CAR_WORDS.finditer(text)] == []


def test_the_search_for_car_words_finds_them_in_the_corpus_on_cars(porsche):
    found = sum(bool(CAR_WORDS.search(passage.content)) for passage in porsche.passages)
    assert found > len(porsche.passages) / 3


def test_passages_and_queries_are_the_committed_ones(general):
    """Figures can be compared only on the same data: change both, and measure anew."""
    fixed = json.loads((FOLDER / "FINGERPRINTS.json").read_text("utf-8"))
    assert fixed["corpus"] == general.fingerprint
    assert fixed["splits"] == general.split_fingerprints
    assert fixed["split_sizes"] == {"train": 0, "dev": 0, "test": len(general.queries)}
