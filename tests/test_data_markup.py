import pytest

from corpus.check import KINDS, SEVERITIES, Finding, Report
from test_markup import HOSTILE, Tags
from train.engines.offers import Offer
from ui import data_markup

FINDING = Finding("duplicate_pair", "warning", 1234, "Remove the repetitions.", ("one", "two"))
REPORT = Report("pairs", (FINDING,), 1797, 900, 1200, {"train": 1437, "dev": 180, "test": 180})


def test_a_report_says_sizes_what_can_be_shown_and_each_finding():
    html = data_markup.report(REPORT)
    for said in ("<b>1,797</b> pairs", "train 1,437", "test split of 180 questions",
                 "0.063 ndcg@10", "duplicate pair: 1,234", "Look at this", "<li>one</li>",
                 "Remove the repetitions."):
        assert said in html, said
    assert "Nothing found" not in html


def test_a_report_without_findings_or_test_questions_says_so():
    html = data_markup.report(Report("pairs", ()))
    assert "Nothing found that needs mending." in html and "too few test questions" in html


@pytest.mark.parametrize("severity", SEVERITIES)
def test_every_severity_the_check_has_is_put_in_words(severity):
    html = data_markup.report(Report("x", (Finding("x", severity, 1, "", ()),)))
    assert data_markup.SEVERITY_WORDS[severity] in html
    assert {found for found, _ in KINDS.values()} <= set(data_markup.SEVERITY_WORDS)


def test_a_plan_says_pairs_steps_time_memory_place_and_cost():
    html = data_markup.plan({"pairs": 1437, "steps": 540, "seconds": {"low": 60, "high": 180},
                             "memory_bytes": 2.34e9}, "This machine", "$ 0.40")
    for said in ("1,437", "540", "60 s to 3.0 min", "about 2.3 GB", "This machine", "$ 0.40"):
        assert f"<dd>{said}</dd>" in html, said


def test_a_plan_that_is_not_measured_yet_says_that_it_is_being():
    html = data_markup.plan({"pairs": 9, "steps": 3}, "This machine")
    assert "being measured" in html and "Memory" not in html and "Cost" not in html


def test_a_range_that_is_none_is_one_figure():
    html = data_markup.plan({"seconds": {"low": 61.2, "high": 61.4}}, "here")
    assert "<dd>61 s</dd>" in html


OFFERS = [Offer("local", "This machine", "On 2 CPU cores, at no cost."),
          Offer("jobs", "Jobs", "Paid by you.", "Sign in first.")]


def test_what_automatic_takes_is_said_with_why_and_why_not_another():
    html = data_markup.engine_note(OFFERS, "local", "it costs nothing")
    assert "Automatic takes <b>This machine</b>: it costs nothing." in html
    assert "Jobs: Sign in first." in html and "This machine: On 2 CPU cores" in html


def test_where_nothing_can_be_taken_only_the_reason_is_said():
    assert data_markup.engine_note([], None, "Training is off.") == \
        '<div class="t"><p>Training is off.</p></div>'


def test_nothing_of_the_data_becomes_markup():
    finding = Finding(HOSTILE, "error", 1, HOSTILE, (HOSTILE,))
    for html in (data_markup.report(Report(HOSTILE, (finding,))), data_markup.note(HOSTILE, True),
                 data_markup.plan({}, HOSTILE, HOSTILE),
                 data_markup.engine_note([Offer("x", HOSTILE, HOSTILE, HOSTILE)] * 2, "x",
                                         HOSTILE)):
        opened = Tags(html).opened
        assert "img" not in {tag for tag, _ in opened}
        assert not [a for _, attrs in opened for a in attrs if a.startswith("on")]
