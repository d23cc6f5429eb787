import re
from dataclasses import replace

import pytest

from corpus.records import Corpus, Passage, Query
from hub.progress import Progress
from retrieval.bm25 import build_lexical_index
from retrieval.compare import compare
from retrieval.evaluation import Evidence
from retrieval.index import build_index
from support.evidence import side
from support.fakes import HashingEncoder, small_corpus
from support.markup import HOSTILE, Tags
from train.report.evidence_html import scoreboard
from ui.html import comparison, elements
from ui.html.board import nothing_measured
from ui.services.progress import OpeningState, duration, time_left


def compared(query="What are the yellow calipers?", k=5, lexical=False, corpus=None):
    corpus = corpus or small_corpus()
    base = build_index(HashingEncoder("a/base", salt="other", dim=3), corpus, sentences=True)
    tuned = build_index(HashingEncoder("tuned"), corpus, sentences=True)
    return compare(query, corpus, base, tuned, k, build_lexical_index(corpus) if lexical else None)


def test_the_known_answer_is_marked_on_both_sides():
    html = comparison.comparison(compared(k=6))
    assert html.count("★ answer") == 2
    assert html.count("data-answer") == 3  # two cards and the line between them


def test_a_known_answer_below_the_list_is_shown_all_the_same():
    result = compared(k=1)
    assert result.base.answer_rank > 1
    html = comparison.comparison(result)
    assert "further down" in html
    assert html.count("★ answer") == 2


def test_each_moved_passage_says_where_it_came_from():
    result = compared()
    html = comparison.comparison(result)
    moved = [hit for hit in result.tuned.hits if hit.movement]
    assert moved
    for hit in moved:
        way = "up" if hit.movement > 0 else "down"
        assert f'aria-label="{way} {abs(hit.movement)}; rank {hit.other_rank} in Base"' in html


def test_a_line_joins_each_passage_that_is_in_both_lists():
    result = compared()
    both = {h.passage_id for h in [*result.base.hits, result.base.answer]} & \
        {h.passage_id for h in [*result.tuned.hits, result.tuned.answer]}
    assert comparison.comparison(result).count("<path") == len(both) > 0


def test_words_and_nearest_sentence_are_marked():
    html = comparison.comparison(compared())
    assert "<mark>yellow</mark>" in html
    assert re.search(r'class="t-near">[^<]*They are marked by ', html)


@pytest.mark.parametrize("where", ["title", "text", "query"])
def test_nothing_of_the_data_becomes_markup(where):
    passage = Passage("p1", "Plain words. More words here.", "Title")
    query = "plain words"
    if where == "query":
        query = HOSTILE
    else:
        passage = replace(passage, **{where: f"plain {HOSTILE}"})
    corpus = Corpus("h", (passage, Passage("p2", "Other.")), {"q": Query("q", query)},
                    {"test": {"q": {"p1": 1}}})
    html = comparison.comparison(compared(query, corpus=corpus, lexical=True))
    assert "img" not in {tag for tag, _ in Tags(html).opened}
    assert not [a for _, attrs in Tags(html).opened for a in attrs if a.startswith("on")]


def test_errors_states_and_the_board_escape_what_they_are_given():
    for html in (elements.error(HOSTILE), nothing_measured("off", HOSTILE),
                 elements.state(OpeningState("failed", HOSTILE, HOSTILE, Progress(1, 2))),
                 scoreboard(Evidence("test", 3, side([1]), side([2])), HOSTILE)):
        assert "img" not in {tag for tag, _ in Tags(html).opened}


@pytest.mark.parametrize("kind, said", [
    ("loading", "is being read"), ("waiting", "is being read"), ("training", "is being made"),
    ("ready", "Nothing is measured yet."), ("off", "there is no fine-tuned model"),
    ("failed", "there is no fine-tuned model")])
def test_a_board_without_a_verdict_says_there_is_no_model_only_where_there_is_none(kind, said):
    html = nothing_measured(kind, "")
    assert said in html and ("no fine-tuned" in html) == (kind in ("off", "failed"))


def test_markup_is_well_formed():
    for html in (elements.header(), elements.empty(), elements.waiting(),
                 comparison.comparison(compared(lexical=True)),
                 comparison.comparison(compared(k=1))):
        Tags(html)


def test_without_a_tuned_model_its_column_says_that_it_is_being_made():
    corpus = small_corpus()
    alone = compare("calipers", corpus, build_index(HashingEncoder(), corpus), None)
    assert "being made right now" in comparison.comparison(alone, comparison.TRAINING)
    assert "no fine-tuned model yet" in comparison.comparison(alone)


def test_the_board_shows_fifteen_metrics_and_the_primary_first():
    html = scoreboard(Evidence("test", 9, side([5, 1, 3]), side([1, 2, 3])), "")
    assert len(re.findall(r'<th scope="row">', html)) == 15
    assert re.search(r'<tr data-primary><th scope="row">([^<]+)', html).group(1) == "ndcg@10"


def test_the_state_shows_progress_time_left_and_the_curve_so_far():
    html = elements.state(OpeningState("training", "Fine-tuning", "step 3 of 9",
                                       Progress(1, 3, left_s=42),
                                       ((0, 0.5), (1, 0.61))))
    assert 'value="33"' in html
    assert "about 40 s left" in html
    assert "Base <b>0.500</b>" in html and "epoch 1 <b>0.610</b>" in html


def test_the_board_calls_its_two_sides_as_it_is_told_to():
    evidence = Evidence("test", 9, side([5] * 40), side([1] * 40))
    html = scoreboard(evidence, "", names=("Left", "Right"))
    assert '<th scope="col">Left</th><th scope="col">Right</th>' in html
    assert "Right is better" in html and "lost, 0 tied by Right" in html
    assert "Base" not in html and "Fine-tuned" not in html


def test_the_names_of_the_sides_are_escaped():
    evidence = Evidence("test", 3, side([1]), side([2]))
    html = scoreboard(evidence, "", names=(HOSTILE, HOSTILE))
    assert "img" not in {tag for tag, _ in Tags(html).opened}


@pytest.mark.parametrize("seconds, said", [
    (0, "a few seconds left"), (4.9, "a few seconds left"), (42, "about 40 s left"),
    (89, "about 90 s left"), (90, "about 2 min left"), (3600, "about 60 min left")])
def test_the_time_left_is_said_no_more_exactly_than_it_is_known(seconds, said):
    assert time_left(seconds) == said


@pytest.mark.parametrize("seconds, said", [
    (0, "0 s"), (89, "89 s"), (90, "1.5 min"), (5399, "90.0 min"), (5400, "1.5 h")])
def test_a_duration_is_said_in_the_unit_that_fits(seconds, said):
    assert duration(seconds) == said
