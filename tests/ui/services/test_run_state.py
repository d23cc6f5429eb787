import time

import pytest

from train.run.events import event_of
from train.run.record import RunError, create_run
from ui.services.run_state import MOST_LOG, recorded_state, run_state


@pytest.fixture
def run(tmp_path):
    return create_run(tmp_path / "runs", "a")


def told(run, *events, status="running", **changes):
    """A run whose events were written in this order, a second apart, the last one just now."""
    run.update(status=status, **changes)
    for before, event in enumerate(reversed(events)):
        event.setdefault("time", time.time() - before)
    for event in events:
        run.append(event_of(event))
    return run_state(run)


def phase(name):
    return {"type": "phase", "phase": name}


def step(number, share, left=60.0, **more):
    return {"type": "step", "step": number, "share": share, "left_s": left, "loss": 0.5} | more


def loss(number, value):
    return {"type": "loss", "step": number, "loss": value}


def evaluated(epoch, value):
    return {"type": "eval", "epoch": epoch, "metrics": {"ndcg@10": value}}


def test_a_queued_run_has_its_place_and_nothing_else_yet(run):
    state = run_state(run, 2)
    assert (state.status, state.place, state.active, state.usable) == ("queued", 2, True, False)
    assert (state.loss, state.dev, state.share, state.left_s) == ((), (), None, None)


def test_a_running_run_says_how_far_it_is(run):
    state = told(run, phase("load"), phase("train"), evaluated(0, 0.5), loss(1, 0.9),
                 loss(2, 0.8), step(2, 0.25, 90.0, examples_per_second=40.0), steps=8,
                 recipe={"name": "tandem", "epochs": 3}, device="cpu")
    assert (state.phase, state.step, state.steps, state.epochs) == ("training", 2, 8, 3)
    assert state.loss == ((1, 0.9), (2, 0.8)) and state.dev == ((0, 0.5),)
    assert (state.share, state.examples_per_second, state.device) == (0.25, 40.0, "cpu")


def test_half_a_last_line_waits_for_the_next_look(run):
    told(run, phase("train"), loss(1, 0.9))
    with (run.folder / "events.jsonl").open("a") as file:
        file.write('{"type": "loss", "step": 2, "lo')
    assert run_state(run).loss == ((1, 0.9),)


def test_the_time_left_counts_down_since_the_last_word(run):
    state = told(run, {**step(2, 0.25, 90.0), "time": time.time() - 30})
    assert 59 < state.left_s <= 60 and 30 <= state.silent_s < 31
    assert told(run, {**step(3, 0.5, 10.0), "time": time.time() - 30}).left_s == 0


def test_a_clock_that_goes_back_makes_nothing_negative(run):
    state = told(run, {**step(2, 0.25, 90.0), "time": time.time() + 3600})
    assert state.left_s == 90 and state.silent_s == 0


def test_a_resumed_run_shows_progress_since_then_and_the_whole_curves(run):
    state = told(run, phase("load"), phase("train"), loss(1, 0.9), evaluated(1, 0.6),
                 step(9, 0.9, 5.0), phase("load"))
    assert (state.step, state.share, state.left_s) == (0, None, None)
    assert state.phase == "loading the model"
    assert state.loss == ((1, 0.9),) and state.dev == ((1, 0.6),)


def test_what_a_resumed_run_did_again_replaces_what_it_did_before(run):
    state = told(run, phase("load"), loss(2, 0.9), loss(3, 0.8), evaluated(1, 0.5), phase("load"),
                 loss(3, 0.7), evaluated(1, 0.6))
    assert state.loss == ((2, 0.9), (3, 0.7)) and state.dev == ((1, 0.6),)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), None])
def test_a_loss_that_is_no_number_is_no_point(run, value):
    state = told(run, loss(1, 0.9), loss(2, value), loss(float("inf"), 0.5), evaluated(1, value))
    assert state.loss == ((1, 0.9),) and state.dev == ()


@pytest.mark.parametrize("event", [
    {}, {"type": "step"}, {"type": "loss"}, {"type": "eval"}, {"type": "eval", "metrics": None},
    {"type": "eval", "metrics": {}}, {"type": "phase"}, {"type": "log"}, {"type": "unknown"},
    {"type": "step", "step": "many", "share": 0.5, "left_s": None}, {"time": "noon"},
])
def test_an_event_without_what_it_should_say_does_no_harm(run, event):
    state = told(run, phase("train"), event)
    assert state.status == "running" and state.loss == () and state.dev == ()


def test_a_phase_that_is_not_known_is_shown_by_its_name(run):
    assert told(run, phase("warm-up")).phase == "warm-up"


def test_the_log_is_the_last_lines_none_of_them_endless(run):
    lines = [{"type": "log", "text": f"{n} " + "x" * 10_000} for n in range(20)]
    state = told(run, *lines, {"type": "error", "text": "It broke."})
    assert len(state.log) == MOST_LOG and state.log[-1] == "It broke."
    assert max(map(len, state.log)) <= 500


def test_a_run_from_a_newer_schema_says_so(run):
    run.update(schema=99)
    with pytest.raises(RunError, match="newer Tandem"):
        run_state(run)


def test_a_run_that_is_gone_says_so(run):
    run.delete()
    with pytest.raises(RunError, match="no run.json"):
        run_state(run)


def outcome(gap, verdict):
    return {"test": {"base": {"ndcg@10": 0.5}, "tuned": {"ndcg@10": 0.5 + gap},
                     "difference": {"ndcg@10": {"value": gap, "low": gap, "high": gap}},
                     "verdict": verdict}}


@pytest.mark.parametrize("gap, verdict, mood", [
    (0.1, "Fine-tuned is better: …", "up"), (-0.1, "Fine-tuned is worse: …", "down"),
    (0.01, "No clear difference: …", ""),
])
def test_the_verdict_of_a_run_has_its_mood(run, gap, verdict, mood):
    state = told(run, status="done", metrics=outcome(gap, verdict), seconds=61.5)
    assert (state.verdict, state.mood, state.test) == (verdict, mood, (0.5, 0.5 + gap))
    assert not state.active and state.seconds == 61.5


@pytest.mark.parametrize("status, usable", [("done", True), ("stopped", True), ("failed", False),
                                            ("interrupted", False), ("running", False)])
def test_a_model_is_usable_once_its_run_is_over(run, status, usable):
    assert not told(run, status=status).usable
    run.model.mkdir()
    (run.model / "modules.json").write_text("[]")
    assert run_state(run).usable == usable


def test_the_record_alone_gives_what_a_list_shows(run):
    told(run, loss(1, 0.5), status="done", metrics=outcome(0.1, "better"))
    alone, whole = recorded_state(run), run_state(run)
    assert alone.test == whole.test == (0.5, 0.6) and alone.status == whole.status
    assert whole.loss and not alone.loss
