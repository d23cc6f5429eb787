"""The built-in corpus: which car, which years and which answer must never be in doubt."""

import re
from collections import Counter

import pytest

from corpus.records import Corpus, Passage

TITLE = re.compile(r"(?P<car>[^:,]+), (?P<years>(?:from )?\d{4}(?:–\d{4})?): (?P<what>\S.*)")
NAMES = {
    "911": r"911s?|nine.eleven|nine-oh-one|carreras?|carerra|targas?|gt[23]s?|speedster|dakar|s/t|"
           r"sc|c[24]s?|99[1-7](?:\.\d)?s?|964|930s?|rs 2\.7|ducktails?|911[st]|turbo s",
    "718": r"718s?|gt4|spyder|cayman|boxster|rs 60",
    "Boxster/Cayman": r"boxsters?|caymans?|98[167](?:\.\d)?",
    "Taycan": r"taycans?",
    "Panamera": r"pan+a?mer+a|panameras?|panamara|pan+amera|pana",
    "Cayenne": r"cayenn?es?|cayene|cayanne",
    "Macan": r"macans?",
    "356": r"356s?", "912": r"912s?", "914": r"914s?|916", "924": r"924s?", "928": r"928s?",
    "944": r"944s?|951", "959": r"959s?", "968": r"968s?",
    "Carrera GT": r"carrera gt|cgts?", "918 Spyder": r"918s?",
}
"""How owners name a line, with the misspellings that are in the questions."""
TYPES = {"911": r"911|930", "718": r"718", "Boxster/Cayman": r"Boxster|Cayman"}
IN_TEXTS = {"Boxster/Cayman": "Boxster|Cayman", "918 Spyder": "918"}
SHORT_YEAR = re.compile(r"(?<![\w’'])[’'](?!\d\ds\b)\d\d\b")
ENOUGH_MESSAGES = 300
SENTENCE_END = re.compile(r"[.!?] \S")


@pytest.fixture(scope="module")
def named(porsche):
    """Each passage with the parts of its title."""
    return {passage: TITLE.fullmatch(passage.title) for passage in porsche.passages}


def test_every_title_names_car_and_model_years_before_the_matter(named):
    assert [passage.id for passage, title in named.items() if title is None] == []


def test_every_title_names_the_line_its_passage_belongs_to(named):
    assert [passage.id for passage, title in named.items()
            if not re.match(TYPES.get(passage.model_line, re.escape(passage.model_line)),
                            title["car"])] == []


def test_years_run_forward_and_lie_in_the_life_of_the_maker(named):
    for passage, title in named.items():
        years = [int(year) for year in re.findall(r"\d{4}", title["years"])]
        assert years == sorted(set(years)) and 1948 <= years[0] <= years[-1] <= 2026, passage.title


def test_a_car_has_the_same_years_wherever_it_is_named(named):
    years: dict[str, set[str]] = {}
    for title in named.values():
        years.setdefault(title["car"], set()).add(title["years"])
    for car, spans in years.items():
        whole = max(spans, key=_length)
        assert all(_within(span, whole) for span in spans), (car, spans)


def test_every_text_says_by_itself_which_line_it_is_about(porsche):
    for passage in porsche.passages:
        line = IN_TEXTS.get(passage.model_line, passage.model_line)
        assert re.search(rf"(?<![\w.])(?:{line})(?!\w)", passage.text), passage.id


def test_every_question_names_the_line_that_its_answer_is_about(porsche):
    assert [query.id for query in porsche.queries.values()
            if not _names(query.model_line, query.text)] == []


def test_years_in_questions_have_four_digits(porsche):
    assert [query.id for query in porsche.queries.values() if SHORT_YEAR.search(query.text)] == []


def test_judgements_name_queries_and_passages_that_exist(porsche):
    for qrels in porsche.qrels.values():
        for query_id, judged in qrels.items():
            assert query_id in porsche.queries
            assert judged.keys() <= porsche.passage.keys()
            assert query_id.rpartition(".")[0] in judged


def test_many_questions_are_messages_of_several_sentences(porsche):
    assert sum(bool(SENTENCE_END.search(q.text)) for q in porsche.queries.values()) \
        >= ENOUGH_MESSAGES


def test_few_texts_begin_with_a_colon(porsche):
    opened = Counter(_colon_in_first_sentence(passage) for passage in porsche.passages)
    assert opened[True] <= 0.13 * len(porsche.passages)


@pytest.mark.parametrize(("question", "answers"), [
    ("does the boxster have a frunk", {"boxster-059", "boxster-061", "718-060"}),
    ("does the taycan have one pedal driving", {"taycan-017"}),
    ("is there a hybrid 911", {"911-061", "911-055"}),
    ("how much can a cayenne tow", {"cayenne-161"}),
    ("why is the ignition key on the left in a 911", {"911-402"}),
], ids=["frunk", "one pedal", "hybrid", "tow", "ignition"])
def test_what_a_visitor_is_likely_to_ask_has_an_answer(porsche, question, answers):
    assert _judged(porsche, question) == answers


def _names(line: str, text: str) -> bool:
    return bool(re.search(rf"(?<![\w.])(?:{NAMES[line]})(?!\w)", text, re.IGNORECASE))


def _length(span: str) -> int:
    first, last = _ends(span)
    return last - first


def _within(span: str, whole: str) -> bool:
    (first, last), (start, end) = _ends(span), _ends(whole)
    return start <= first and last <= end


def _ends(span: str) -> tuple[int, int]:
    years = [int(year) for year in re.findall(r"\d{4}", span)]
    return years[0], 9999 if span.startswith("from") else years[-1]


def _colon_in_first_sentence(passage: Passage) -> bool:
    return bool(re.search(r"\w: ", re.split(r"(?<=[a-z0-9)])[.!?] ", passage.text)[0]))


def _judged(corpus: Corpus, question: str) -> set[str]:
    query = next(query for query in corpus.queries.values() if query.text == question)
    return {passage for qrels in corpus.qrels.values() for passage in qrels.get(query.id, ())}
