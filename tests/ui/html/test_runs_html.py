from dataclasses import replace

import pytest

from support.markup import HOSTILE, Tags
from ui.html.runs import no_run, run_panel
from ui.services.run_state import LOST_AFTER, RunState

RUN = RunState(id="20260101T000000Z-a", status="running", data="porsche", base="owner/base",
               recipe="tandem", engine="local", owner=None, created="2026-01-01T00:00:00+00:00",
               phase="training", step=30, steps=120, epochs=3, share=0.25, left_s=65.0,
               loss=((1, 0.9), (30, 0.4)), dev=((0, 0.61), (1, 0.66)), examples_per_second=41.7,
               memory=1.5e9, device="cpu", log=("A line.",))
DONE = replace(RUN, status="done", share=None, left_s=None, seconds=183.0, has_model=True,
               verdict="Fine-tuned is better: …", mood="up", test=(0.6, 0.7))


def test_a_running_run_says_phase_step_time_left_speed_and_memory():
    html = run_panel(RUN)
    for said in ("Running", "<strong>Training</strong>", "step 30 of 120", "about 65 s left",
                 "42 pairs a second", "1.5 GB", 'value="25"', "120 in 3 epochs"):
        assert said in html, said


def test_each_curve_is_told_in_words_with_the_base_first():
    html = run_panel(RUN)
    assert "Loss 0.900 at first, 0.400 now." in html
    assert "Base 0.610 · epoch 1 0.660" in html
    assert html.count("<svg") == 2 and "t-level" in html


def test_without_a_measured_base_there_is_no_line_of_it():
    html = run_panel(replace(RUN, dev=((1, 0.66),)))
    assert "t-level" not in html and "Base 0" not in html


@pytest.mark.parametrize("place, said", [(0, "it is next"), (1, "1 run goes before it"),
                                         (4, "4 runs go before it")])
def test_a_waiting_run_says_its_place(place, said):
    waits = replace(RUN, status="queued", place=place, phase="", loss=(), dev=(), step=0)
    assert said in run_panel(waits) and "Waiting" in run_panel(waits)


def test_a_run_that_says_nothing_any_more_is_not_taken_for_one_that_goes_on():
    assert "nothing heard" not in run_panel(replace(RUN, silent_s=LOST_AFTER - 1))
    assert "nothing heard for 5 min" in run_panel(replace(RUN, silent_s=300))


def test_a_finished_run_says_its_verdict_and_how_long_it_took():
    html = run_panel(DONE)
    assert 'data-mood="up"' in html and DONE.verdict in html and "3.0 min" in html
    assert "<progress" not in html and "pairs a second" not in html
    assert "Compare and Scoreboard show this run." not in html
    assert "Compare and Scoreboard show this run." in run_panel(DONE, now_showing=True)


@pytest.mark.parametrize("status, word", [("failed", "Failed"), ("interrupted", "Interrupted"),
                                          ("stopped", "Stopped")])
def test_how_a_run_ended_early_is_said_and_announced(status, word):
    html = run_panel(replace(RUN, status=status, error="The loss became nan."))
    assert f">{word}</span>" in html
    assert '<p class="t-error" role="alert">The loss became nan.</p>' in html


def test_a_run_that_has_said_nothing_yet_is_drawn():
    bare = RunState("a", "running", "", "", "", "local", None, "")
    html = run_panel(bare)
    Tags(html)
    assert "<strong>Starting</strong>" in html and "<svg" not in html


@pytest.mark.parametrize("state", [
    replace(RUN, id=HOSTILE, data=HOSTILE, base=HOSTILE, recipe=HOSTILE, device=HOSTILE,
            phase=HOSTILE, log=(HOSTILE,), status=HOSTILE),
    replace(RUN, **{name: HOSTILE for name in ("id", "data", "base", "recipe", "device", "phase")},
            log=(HOSTILE,)),
    replace(DONE, error=HOSTILE, verdict=HOSTILE),
    replace(RUN, status="failed", error=HOSTILE),
])
def test_nothing_of_a_record_becomes_markup(state):
    html = run_panel(state, now_showing=True)
    opened = Tags(html).opened
    assert "img" not in {tag for tag, _ in opened}
    assert not [a for _, attrs in opened for a in attrs if a.startswith("on")]


def test_markup_is_well_formed():
    for html in (no_run(), run_panel(RUN), run_panel(DONE, True)):
        Tags(html)
