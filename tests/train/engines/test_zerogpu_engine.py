import contextvars
import os
import threading
import time

import pytest
from safetensors.numpy import load_file

from support.runs.gpu_platform import (
    VISITOR,
    Platform,
    PlatformError,
    request,
    small_data,
    wait_for,
)
from support.runs.job_play import wait_until
from train.engines import EngineError, zerogpu
from train.engines.zerogpu import ZeroGpuEngine, in_words
from train.fit.runner import RunLimits
from train.fit.stopping import Stop
from train.run.events import PausedEvent

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(porsche, tmp_path_factory):
    return small_data(porsche, tmp_path_factory.mktemp("gpu"))


@pytest.fixture
def pieces(monkeypatch):
    """Have each piece pause after some checks instead of some seconds: cuts fall anywhere."""
    def cut(checks):
        def stop(asked, pauses):
            left = [checks]

            def is_over():
                left[0] -= 1
                return left[0] < 0

            return Stop(asked, is_over)
        monkeypatch.setattr(zerogpu, "Stop", stop)
    return cut


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory):
    """The same run in one piece."""
    folder = tmp_path_factory.mktemp("unbroken")
    engine = ZeroGpuEngine(Platform())
    run = request(data).create(folder / "runs")
    engine.start(run)
    wait_for(run, "done")
    assert len(engine._threads) == 1 and not [e for e in run.events() if e.type == "paused"]
    return run


@pytest.mark.parametrize("checks", [11, 14])
def test_a_run_cut_into_pieces_gives_the_result_of_an_unbroken_one(
    data, unbroken, pieces, checks, tmp_path
):
    pieces(checks)
    platform = Platform()
    engine = ZeroGpuEngine(platform, cache=tmp_path / "cache")
    run = request(data).create(tmp_path / "runs")
    engine.start(run)
    statuses = set()
    while run.record().status not in ("done", "failed", "interrupted"):
        engine.look(run)
        statuses.add(run.record().status)
        time.sleep(0.01)
    assert run.record().status == "done", run.record()
    assert statuses <= {"running", "done"}
    assert len(platform.calls) >= 3 and len(set(platform.pids)) == len(platform.calls)
    assert len([e for e in run.events() if e.type == "paused"]) == len(platform.calls) - 1
    assert run.record().metrics == unbroken.record().metrics
    assert run.record().steps_done == unbroken.record().steps_done
    weights = [load_file(each.model / "model.safetensors") for each in (run, unbroken)]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[1])
    epochs = [e.epoch for e in run.events() if e.type == "eval"]
    assert sorted(set(epochs)) == [0, 1, 2] and epochs.count(1) == epochs.count(2) == 1


def test_a_piece_ends_by_itself_before_its_time_is_over(data, tmp_path):
    platform = Platform(limit=30)
    engine = ZeroGpuEngine(platform, seconds=3.0)
    run = request(data).create(tmp_path / "runs")
    run.update(recipe=run.record().recipe.changed(epochs=100))
    engine.start(run)
    wait_until(lambda: len(platform.calls) > 2 and (run.checkpoints / "best").exists(), 120,
               run.record)
    assert not [e for e in run.events() if e.type == "error"]
    assert engine.stop(run)
    wait_for(run, "stopped", 60)
    assert run.has_model and run.record().test
    wait_until(lambda: not (run.folder / zerogpu.STOP_FILE).exists())


def test_a_worker_that_is_killed_at_its_limit_leaves_a_run_that_goes_on(data, tmp_path):
    platform = Platform(limit=0.5)
    platform.before = lambda: time.sleep(5)
    engine = ZeroGpuEngine(platform)
    run = request(data).create(tmp_path / "runs")
    engine.start(run)
    wait_for(run, "interrupted")
    assert "ended the run's worker" in run.record().error
    assert "resume it" in run.record().error
    platform.limit, platform.before = None, lambda: None
    run.update(status="queued", error=None)
    engine.start(run)
    wait_for(run, "done")


def test_a_run_stopped_between_two_pieces_keeps_its_best_checkpoint(data, pieces, tmp_path):
    pieces(14)
    platform = Platform()
    engine = ZeroGpuEngine(platform)
    run = request(data).create(tmp_path / "runs")
    run.update(recipe=run.record().recipe.changed(epochs=100))

    def ask_once_there_is_a_best():
        if (run.checkpoints / "best").exists():
            (run.folder / zerogpu.STOP_FILE).touch()

    platform.before = ask_once_there_is_a_best
    engine.start(run)
    wait_for(run, "stopped")
    assert run.has_model and run.record().test


def test_a_run_stopped_before_it_began_says_so_and_needs_no_second_piece(data, tmp_path):
    platform = Platform()
    engine = ZeroGpuEngine(platform)
    run = request(data).create(tmp_path / "runs")
    go_on = threading.Event()
    fork, platform.fork = platform.fork, lambda *a: (go_on.wait(10), fork(*a))[1]
    engine.start(run)
    assert engine.stop(run)
    go_on.set()
    wait_for(run, "stopped")
    assert len(platform.calls) == 1 and not run.has_model
    assert not engine.stop(run)


def test_the_minutes_a_run_may_take_are_of_all_its_pieces_together(data, pieces, tmp_path):
    pieces(30)
    engine = ZeroGpuEngine(Platform(), limits=RunLimits(max_minutes=0.01))
    run = request(data).create(tmp_path / "runs")
    run.update(recipe=run.record().recipe.changed(epochs=100))
    engine.start(run)
    wait_for(run, "stopped")
    assert run.has_model and run.record().steps_done < 1000


def test_pieces_count_against_whoever_visits_and_the_newest_visit_counts(data, pieces, tmp_path):
    pieces(14)
    platform = Platform()
    engine = ZeroGpuEngine(platform)
    run = request(data).create(tmp_path / "runs")

    def handler(ticket):  # what a Gradio handler is to a thread: a context with a request
        VISITOR.set(ticket)
        engine.visit(run)

    contextvars.copy_context().run(handler, "first")
    threading.Thread(target=engine.start, args=(run,)).start()  # the queue has no request
    wait_until(lambda: len(platform.calls) == 1, 30)
    contextvars.copy_context().run(handler, "second")
    wait_for(run, "done")
    visitors = [visitor for visitor, _ in platform.calls]
    assert visitors[0] == "first" and set(visitors[1:]) == {"second"}


def test_a_visit_that_is_too_old_waits_for_the_page_and_goes_on(data, tmp_path):
    platform = Platform()
    engine = ZeroGpuEngine(platform)
    run = request(data).create(tmp_path / "runs")
    platform.errors.append(PlatformError("ZeroGPU client error", "Expired ZeroGPU proxy token"))
    engine.start(run)
    wait_until(lambda: platform.calls, 10)
    contextvars.copy_context().run(lambda: (VISITOR.set("again"), engine.visit(run)))
    wait_for(run, "done")
    assert [visitor for visitor, _ in platform.calls] == [None, "again"]


def test_a_visit_that_nobody_renews_interrupts_the_run(data, tmp_path):
    platform = Platform()
    engine = ZeroGpuEngine(platform, patience=0.1)
    run = request(data).create(tmp_path / "runs")
    platform.errors.append(PlatformError("ZeroGPU client error", "Expired ZeroGPU proxy token"))
    engine.start(run)
    wait_for(run, "interrupted")
    assert "has been away too long" in run.record().error


def test_a_piece_that_gets_nowhere_asks_for_more_time_and_gives_up_at_the_most(
    data, pieces, tmp_path
):
    pieces(0)
    platform = Platform()
    engine = ZeroGpuEngine(platform)
    run = request(data).create(tmp_path / "runs")
    platform.fork = lambda *_: run.append(PausedEvent(step=0, measured=0))
    engine.start(run)
    wait_for(run, "interrupted")
    assert [seconds for _, seconds in platform.calls] == [60, 120, 240, 300]
    assert "run it on Jobs" in run.record().error


@pytest.mark.parametrize("title, message, means", [
    ("ZeroGPU quota exceeded", "You have exceeded your free ZeroGPU quota (60s requested vs. 3s "
     "left). Try again in 1:00:00.", "quota is used up"),
    ("ZeroGPU quota exceeded", "Space app has reached its GPU limit.", "quota is used up"),
    ("ZeroGPU pending credits exceeded", "You have too many ZeroGPU credits", "quota is used up"),
    ("ZeroGPU illegal duration", "The requested GPU duration (300s) is larger than the maximum "
     "allowed", "for that long"),
    ("ZeroGPU queue timeout", "No GPU was available after 60s", "no GPU free"),
    ("ZeroGPU client error", "Expired ZeroGPU proxy token", "away too long"),
    ("ZeroGPU worker error", "GPU task aborted", "ended the run's worker"),
    ("ZeroGPU worker error", "RuntimeError", "could not go on"),
])
def test_each_refusal_of_the_platform_says_what_to_do(title, message, means):
    said = in_words(PlatformError(title, message))
    assert means in said and "esume it" in said
    assert means == "away too long" or message[:40] in said


def test_an_error_of_the_fit_itself_is_the_runs_own(data, tmp_path):
    engine = ZeroGpuEngine(Platform())
    run = request(data).create(tmp_path / "runs")
    run.update(base_model={"name": str(tmp_path / "nothing"), "revision": None})
    engine.start(run)
    wait_for(run, "failed")
    assert "nothing" in run.record().error


def test_a_run_whose_app_is_gone_is_interrupted_at_the_next_look(data, tmp_path):
    run = request(data).create(tmp_path / "runs")
    run.update(status="running", process={"pid": os.getpid(), "started": "0"})
    engine = ZeroGpuEngine(Platform())
    engine.look(run)
    assert run.record().status == "interrupted"
    with pytest.raises(EngineError, match="cannot be started again"):
        broken = request(data).create(tmp_path / "runs")
        broken.update(recipe=None)
        engine.start(broken)


def test_a_visitors_run_asks_the_hub_as_the_visitor_and_an_owners_as_the_owner(monkeypatch):
    from huggingface_hub import get_token

    monkeypatch.setenv("HF_TOKEN", "hf_ownerOwnerOwner")
    with zerogpu.asking_as("vera", "hf_visitor"):
        assert get_token() == "hf_visitor"
    with zerogpu.asking_as("vera", None):
        assert get_token() is None
    with zerogpu.asking_as(None, None):
        assert get_token() == "hf_ownerOwnerOwner"
    assert get_token() == "hf_ownerOwnerOwner"
