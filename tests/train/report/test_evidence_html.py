import json
import re
from html import unescape

import numpy as np
import pytest

from corpus.records import Query
from retrieval.evaluation import REST, Evidence, Judged, by_topic, one_answer_each, rank_moves
from retrieval.metrics import PRIMARY, query_metrics
from support.evidence import side
from support.markup import HOSTILE, Tags
from train.report.charts import Bar, dim_lines, forest, rank_scatter
from train.report.evidence_html import p_text, pictures, scoreboard


def two_answers(ranks):
    return {q: Judged({"a": a, "b": b}, query_metrics({"a": a, "b": b}, {"a": 1, "b": 1}))
            for q, (a, b) in ranks.items()}


def topics(names):
    return {f"q{i}": Query(f"q{i}", f"Question {i}", topic=name) for i, name in enumerate(names)}


def evidence(n=40):
    rng = np.random.default_rng(2)
    return Evidence("test", 99, side(rng.integers(1, 60, n)), side(rng.integers(1, 9, n)))


def test_metrics_that_repeat_with_one_answer_each_are_said_and_folded():
    html = scoreboard(evidence(), "")
    open_part, folded = html.split('<details class="t-fold">')[:2]
    assert "recall@" not in open_part and "precision@" not in open_part
    assert len(re.findall(r'<th scope="row">(?:recall|precision)@', folded)) == 8
    assert "precision@k is accuracy@k divided by k" in folded


def test_with_several_answers_a_query_all_fifteen_stand_open():
    several = Evidence("test", 9, two_answers({"q": (1, 7)}), two_answers({"q": (1, 2)}))
    assert not one_answer_each(several)
    html = scoreboard(several, "")
    assert "<details" not in html
    assert len(re.findall(r'<th scope="row">', html)) == 15


def test_topics_have_their_own_differences_and_small_ones_go_together():
    names = ["brakes"] * 20 + ["doors"] * 12 + ["rare"] * 3 + [""] * 5
    found = by_topic(evidence(), topics(names))
    assert [(t.name, t.queries) for t in found] == [("brakes", 20), ("doors", 12), (REST, 8)]
    gaps = [evidence().gaps[f"q{i}"] for i in range(20)]
    assert found[0].value == pytest.approx(np.mean(gaps))
    assert found[0].low < found[0].value < found[0].high
    assert by_topic(evidence(), topics(["one"] * 40)) == ()
    assert by_topic(evidence(), {}) == ()


def test_the_forest_has_a_row_a_metric_with_its_figures_as_text():
    html = scoreboard(evidence(), "")
    gap = evidence().differences[PRIMARY]
    assert (f"<title>ndcg@10: {gap.value:+.3f} ({gap.low:+.3f} to {gap.high:+.3f})</title>"
            in html)
    picture = forest("T", [Bar("a", 0.1, -0.1, 0.3), Bar("b", -0.2, -0.3, -0.1, "down")], "said")
    assert picture.count('class="t-mid"') == 2
    assert 'aria-label="said"' in picture and ">said</p>" in picture


def test_wins_stand_below_the_diagonal_and_losses_above():
    moves = rank_moves(Evidence("test", 99, side([50, 1, 3]), side([1, 50, 3])))
    html = rank_scatter(moves, ("Base", "Fine-tuned"), "said")
    dots = {way: (float(x), float(y)) for way, x, y in
            re.findall(r'circle data-way="(\w+)" cx="([\d.]+)" cy="([\d.]+)"', html)}
    middle = dots["same"]
    assert dots["up"][0] > middle[0] and dots["up"][1] > middle[1]
    assert dots["down"][0] < middle[0] and dots["down"][1] < middle[1]


def test_ranks_run_the_usual_way_from_first_to_last():
    html = rank_scatter({(1, 100): 1, (100, 1): 1}, ("Base", "Fine-tuned"), "said")
    across = [float(x) for x in re.findall(r'<text x="([\d.]+)"[^>]*middle">(?:1|10|100)<', html)]
    up = [float(y) for y in re.findall(r'y="([\d.]+)" text-anchor="end">(?:1|10|100)<', html)]
    assert across == sorted(across) and up == sorted(up, reverse=True)
    assert len(across) == len(up) == 3


def test_a_dot_knows_the_questions_it_opens():
    found = Evidence("test", 99, side([50, 50, 3]), side([1, 1, 3]))
    html = pictures(found, ("Base", "Fine-tuned"), (), opens=True)
    opened = [json.loads(unescape(ids)) for ids in re.findall(r"data-open='([^']+)'", html)]
    assert sorted(map(sorted, opened)) == [["q0", "q1"], ["q2"]]
    assert "data-open" not in pictures(found, ("Base", "Fine-tuned"), ())


@pytest.mark.parametrize("longest", [12, 21, 40, 75, 200])
def test_names_stand_whole_in_a_forest_and_leave_neither_side(longest):
    words = ("infotainment and connectivity " * 9)[:longest].strip()
    picture = forest("T", [Bar("a", 0.1, -0.1, 0.3), Bar(words, 0.1, -0.1, 0.3)], "said")
    lines = [text for text in re.findall(r'<text x="0" y="\d+">([^<]+)<', picture)]
    assert "".join(lines[1:]).replace(" ", "") == words.replace(" ", "")
    assert all(len(line) * 6.9 < 400 for line in lines) and "…" not in picture


def test_ten_thousand_questions_make_a_picture_of_bounded_size():
    rng = np.random.default_rng(1)
    moves = {(int(a), int(b)): 1 for a, b in rng.integers(1, 100_000, (10_000, 2))}
    assert len(rank_scatter(moves, ("Base", "Fine-tuned"), "")) < 250_000


def test_the_board_says_the_ranks_in_words():
    html = scoreboard(Evidence("test", 99, side([50, 1, 3]), side([1, 50, 3])), "")
    assert "The answer rose for 1 question, fell for 1, stayed for 1" in html


def test_pictures_escape_names_and_are_well_formed():
    for html in (forest(HOSTILE, [Bar(HOSTILE, 0.1, 0, 0.2)], HOSTILE),
                 rank_scatter({(1, 2): 3}, (HOSTILE, HOSTILE), HOSTILE),
                 dim_lines(HOSTILE, {HOSTILE: [(8, 0.1), (16, 0.2)], "b": [(8, 0.3)]}, [16],
                           HOSTILE),
                 scoreboard(evidence(), HOSTILE, (HOSTILE, HOSTILE),
                            by_topic(evidence(), topics([HOSTILE] * 20 + ["b"] * 20)))):
        tags = {tag for tag, _ in Tags(html).opened}
        assert "img" not in tags and "svg" in tags


def test_nothing_to_draw_draws_nothing():
    assert forest("T", [], "") == rank_scatter({}, ("a", "b"), "") == dim_lines("T", {}, [], "") \
        == ""


def test_a_p_below_what_resamples_can_tell_is_said_so():
    assert (p_text(0.0001), p_text(0.0124)) == ("< 0.001", "0.012")
