"""The built-in corpus: what it must hold, how it must be written, and that its splits are fixed."""

import json
from pathlib import Path

import pytest

import corpus
from corpus.check.check import check_path
from corpus.check.near_duplicates import near_duplicates

FINGERPRINTS = Path(corpus.__file__).parent / "porsche" / "FINGERPRINTS.json"
MODEL_LINES = {
    "911", "718", "Boxster/Cayman", "Taycan", "Panamera", "Cayenne", "Macan", "356", "912", "914",
    "924", "928", "944", "959", "968", "Carrera GT", "918 Spyder",
}
SOURCES = {"general", "manufacturer", "EPA", "ADEME", "Open EV Data", "TopGear"}


@pytest.fixture(scope="module")
def report():
    return check_path("porsche")


@pytest.fixture(scope="module")
def writing(report):
    return report.writing


def test_nothing_stands_in_the_way_of_using_it(report):
    wrong = [f"{f.kind}: {f.examples}" for f in report.findings if f.severity != "info"]
    assert not wrong
    assert report.ok


def test_it_is_large_enough(report):
    assert report.pairs >= 1_800
    assert report.passages >= 1_100
    assert report.splits["test"] >= 180


def test_it_covers_the_topics_and_every_model_line(writing):
    assert len(writing["by_topic"]) >= 12
    assert writing["by_model_line"].keys() == MODEL_LINES


def test_every_passage_says_its_topic_its_model_line_and_where_its_facts_are_from(porsche):
    for passage in porsche.passages:
        assert passage.title and passage.topic and passage.model_line, passage.id
        assert {source.strip() for source in passage.source.split(",")} <= SOURCES, passage.id


def test_every_query_is_judged_in_one_split(porsche):
    judged = [query_id for qrels in porsche.qrels.values() for query_id in qrels]
    assert sorted(judged) == sorted(porsche.queries)


def test_no_passage_answers_in_two_splits(porsche):
    answers = {split: {pair.passage.id for pair in porsche.pairs(split)} for split in porsche.qrels}
    assert not answers["train"] & answers["dev"]
    assert not answers["train"] & answers["test"]
    assert not answers["dev"] & answers["test"]


def test_questions_and_passages_are_of_the_length_people_write(writing):
    questions, passages = writing["tokens"]["questions"], writing["tokens"]["passages"]
    assert 6 <= questions["min"] and questions["max"] <= 30
    assert 15 <= questions["mean"] <= 18
    assert 10 <= passages["min"] and passages["max"] <= 240
    assert 38 <= passages["mean"] <= 55
    assert writing["tokens"]["passages_with_title"]["max"] <= 240


@pytest.mark.parametrize("what", ["questions", "passages"])
def test_no_pattern_of_sentence_comes_again_and_again(writing, what):
    pattern = writing["commonest_pattern"][what]
    assert pattern["share"] <= 0.02, pattern


def test_no_passage_nearly_repeats_another(report, porsche):
    assert "near_duplicate_passage" not in {finding.kind for finding in report.findings}
    assert near_duplicates([passage.text for passage in porsche.passages]) == []  # without titles
    assert report.writing["distinct_passages"] == report.passages


def test_many_questions_are_asked_in_other_words_than_the_answer(writing):
    assert writing["at_most_one_shared_word_beside_names"] >= 0.60


def test_corpus_and_splits_are_the_committed_ones(porsche):
    """Figures can be compared only on the same data: change both, and measure anew."""
    fixed = json.loads(FINGERPRINTS.read_text("utf-8"))
    assert fixed["corpus"] == porsche.fingerprint
    assert fixed["splits"] == porsche.split_fingerprints
    assert fixed["split_sizes"] == {split: len(qrels) for split, qrels in porsche.qrels.items()}
