import random

import pytest

from corpus.check.check import check_corpus
from corpus.check.languages import MOST_TEXTS, Languages, Told, languages, told_of
from corpus.records import Corpus, Passage, Query
from support.fakes import small_corpus

GERMAN = [
    "Wie oft muss ich das Öl wechseln lassen?", "Warum ruckelt das Getriebe beim Anfahren?",
    "Kann ich mit dem Wagen einen Anhänger ziehen?", "Wo finde ich die Sicherung für das Radio?",
    "Was kostet eine Inspektion nach drei Jahren?", "Darf ich andere Reifen aufziehen lassen?",
    "Wie lange dauert das Laden an einer Wallbox?", "Welches Kühlmittel gehört in den Motor?",
    "Warum leuchtet die gelbe Lampe im Cockpit?", "Wie stelle ich den Spiegel elektrisch ein?",
    "Was bedeutet die Meldung über den Luftdruck?", "Ist der Kofferraum groß genug für ein Rad?",
]
ENGLISH = [
    "How often do I have to change the oil?", "Why does the gearbox jerk when pulling away?",
    "Can I tow a trailer with this car?", "Where is the fuse of the radio?",
    "What does a service cost after three years?", "May I fit tyres of another size?",
    "How long does it take to charge at home?", "Which coolant belongs into the engine?",
    "Why is the yellow light on in the cockpit?", "How do I set the mirror electrically?",
    "What does the message about pressure mean?", "Is the boot large enough for a bicycle?",
]
JARGON = ["kubectl get pods -n kube-system", "P0420 B1S2", "SELECT id FROM users", "991.2 GTS PDK",
          "CVE-2021-44228 log4j RCE", "git rebase -i HEAD~3", "M10x1.5 35 Nm", "HDMI 2.1 eARC",
          "B6 S4 V8 ECU", "rm -rf /var/log/*", "Error 0x80070005", "npm ERR! ELIFECYCLE"]
SHORT = ["Öl", "Reifen", "Motor", "Kühler", "Spiegel", "Zündung", "Radio", "Größe", "Laden",
         "Bremse", "Getriebe", "Preis"] * 30


def in_languages(questions, passages):
    return Languages(told_of(questions), told_of(passages))


def test_german_is_told_and_said_where_the_base_model_knows_english_only():
    told = in_languages(GERMAN, GERMAN)
    assert told.as_json() == {"questions": {"de": 1.0}, "passages": {"de": 1.0}}
    found = told.finding()
    assert (found.kind, found.severity, found.count, found.treatment) == (
        "languages", "warning", 1, "kept")
    assert "multilingual base model" in found.action
    assert "Questions: German 100%" in found.examples[0]
    assert told.finding(base_is_english=False) is None


def test_questions_in_another_language_than_the_passages_are_a_warning_whatever_the_base():
    found = in_languages(GERMAN, ENGLISH).finding(base_is_english=False)
    assert (found.severity, found.count) == ("warning", 2)
    assert "check the columns" in found.action


def test_a_second_language_with_a_real_share_is_said_and_one_text_of_it_is_not():
    mixed = in_languages(ENGLISH + GERMAN[:3], ENGLISH)
    assert (mixed.finding().severity, mixed.finding().count) == ("info", 2)
    assert in_languages(ENGLISH * 3 + GERMAN[:1], ENGLISH).finding() is None


@pytest.mark.parametrize("texts", [ENGLISH, JARGON * 5, [], ["?"], ["12 345"] * 50, GERMAN[:9]])
def test_english_jargon_and_too_few_texts_give_no_finding(texts):
    assert in_languages(texts, texts).finding() is None


def test_made_up_words_are_no_language():
    rng = random.Random(7)
    texts = ["".join(rng.choice("abcdefghij ") for _ in range(60)) for _ in range(200)]
    assert in_languages(texts, texts).finding() is None


def test_short_texts_are_joined_where_most_are_too_short_to_tell():
    told = told_of(SHORT)
    assert told.main == "de"
    assert told.looked_at < len(SHORT)


def test_languages_that_are_taken_for_one_another_are_no_finding_of_their_own():
    sides = Languages(Told({"da": 20}, 20), Told({"nb": 12, "da": 8}, 20))
    assert sides.finding(base_is_english=False) is None


@pytest.mark.parametrize("name", ["porsche", "general"])
def test_the_built_in_corpora_are_english(name):
    from corpus.load import load_corpus

    told = languages(load_corpus(name))
    assert told.as_json() == {"questions": {"en": 1.0}, "passages": {"en": 1.0}}
    assert told.finding() is None


def test_a_bounded_sample_spread_over_all_is_looked_at():
    texts = [ENGLISH[i % 12] if i < 3000 else GERMAN[i % 12] for i in range(6000)]
    passages = tuple(Passage(f"p{i}", text) for i, text in enumerate(texts))
    told = languages(Corpus("large", passages, {"q": Query("q", "a?")}))
    assert told.passages.looked_at <= MOST_TEXTS
    assert told.passages.shares["de"] == pytest.approx(0.5, abs=0.1)


def test_the_report_has_the_languages():
    assert check_corpus(small_corpus()).as_json()["languages"] == {"questions": {}, "passages": {}}
