"""The retention dial, without a browser."""

import json
import sys

import pytest

from hub.progress import drained
from support.markup import Tags
from train.run.extra_parts import MergeCurve, MergePoint
from train.run.record import create_run
from ui.html.dial import dial, said
from ui.services.board.merging import MergingError, MergingService
from ui.services.process import CancelledError
from ui.tabs.board_handlers import ended, told
from ui.tabs.dial import shown_curve

POINTS = tuple(MergePoint(alpha=alpha, dev=dev, general=0.6 + lost, retention=lost, low=lost - 0.01,
                          high=lost + 0.01)
               for alpha, dev, lost in ((0.5, 0.6, 0.002), (0.8, 0.7, -0.004), (1.0, 0.72, -0.03)))


def test_the_curve_marks_the_alpha_that_is_chosen_and_says_why():
    curve = MergeCurve(points=POINTS, chosen=0.8)
    html = dial(curve)
    Tags(html)
    assert "0.8*" in html and "-0.004 (-0.014 to +0.006)" in html
    assert said(curve).startswith("Alpha 0.8 keeps what Base could do elsewhere (-0.004 where")
    assert "0.700 on kept-out questions instead of 0.720" in said(curve)
    assert "nothing to merge for" in said(MergeCurve(points=POINTS, chosen=1.0))
    assert said(MergeCurve(points=POINTS)).startswith("No merge keeps")
    assert dial(MergeCurve()) == ""


def test_the_slider_stands_at_the_chosen_alpha():
    assert shown_curve(MergeCurve(points=POINTS, chosen=0.8))[3] == 0.8
    assert shown_curve(MergeCurve(points=POINTS))[3] == 1
    assert shown_curve(None)[0].visible


def printing(answer):
    return lambda run, more: [sys.executable, "-c",
                              f"import sys; sys.stdout.write({json.dumps(answer)!r})"]


def test_measuring_merges_says_how_far_it_is_and_can_be_stopped(tmp_path):
    run = create_run(tmp_path / "runs", "r")
    line = '{"progress": [3, 9], "text": "Alpha 0.5"}'
    worker = MergingService(tmp_path, tmp_path / "runs", lambda run, more: [
        sys.executable, "-c", (f"import sys, time; print({line!r}, file=sys.stderr, flush=True);"
                               " time.sleep(60)")])
    shown = told(worker.curve(run), "Merges", lambda html: html)
    while "Alpha 0.5" not in (html := next(shown)):
        assert "Merges" in html
    assert 'value="0.333"' in html
    worker.measuring.stop(run)
    with pytest.raises(CancelledError) as stopped:
        list(shown)
    assert "stopped, and nothing of it is kept" in ended(stopped.value)
    assert "alert" in ended(MergingError("It is gone."))
    worker.measuring.stop(run)  # nothing is measured any more


def test_a_merge_is_made_once_and_what_went_wrong_is_said(tmp_path):
    run = create_run(tmp_path / "runs", "r")
    worker = MergingService(tmp_path, tmp_path / "runs", printing({"error": "It is gone."}))
    for act in (worker.curve, lambda run: worker.take(run, 0.8)):
        with pytest.raises(MergingError, match="It is gone"):
            drained(act(run))
    with pytest.raises(ValueError, match="alpha must be"):
        drained(worker.take(run, 0.2))
    worker.command = printing({"run": "x"})
    made = drained(worker.take(run, 0.8))
    assert made.id == f"{run.id}-merged-80"
    made.folder.mkdir()
    made.update(status="done")
    worker.command = printing({"error": "asked twice"})
    assert drained(worker.take(run, 0.8)) == made
    run.update(merge_curve=MergeCurve(points=POINTS, chosen=0.8))
    assert drained(worker.curve(run)).chosen == 0.8
