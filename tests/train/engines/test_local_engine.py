import os
import signal
import time

import pytest

from train.engines import EngineError
from train.engines.local import NICENESS, LocalEngine, spare_cores
from train.run.record import create_run
from train.run.spec import RunSpec

pytestmark = pytest.mark.slow


def wait_for(run, status, seconds=60):
    end = time.monotonic() + seconds
    while run.record().status != status:
        assert time.monotonic() < end, run.record()
        time.sleep(0.05)


@pytest.fixture
def engine(tmp_path):
    engine = LocalEngine(tmp_path)
    yield engine
    engine.abandon()


def test_one_core_is_left_free_and_there_is_always_one_to_train_on():
    assert 1 <= spare_cores() <= max(1, (os.cpu_count() or 2) - 1)


def test_a_run_starts_in_a_process_of_its_own_at_the_lowest_priority(engine, tmp_path):
    run = RunSpec().create(tmp_path / "runs")
    engine.start(run)
    child = engine.children[run.id]
    assert os.getpriority(os.PRIO_PROCESS, child.pid) == NICENESS
    assert os.getsid(child.pid) != os.getsid(0)


def test_a_run_that_cannot_start_says_why(engine, tmp_path):
    run = RunSpec(data="nothing.jsonl").create(tmp_path / "runs")
    engine.start(run)
    wait_for(run, "failed")
    assert "There is no corpus at nothing.jsonl" in run.record().error


def test_a_run_directory_without_a_request_is_refused_and_left_alone(engine, tmp_path):
    run = create_run(tmp_path / "runs", "a")
    before = run.record()
    with pytest.raises(EngineError, match="does not say what the run was asked to do"):
        engine.start(run)
    assert run.record() == before
    assert [path.name for path in run.folder.iterdir()] == ["run.json"]


def test_a_run_stopped_as_it_starts_says_so(engine, tmp_path):
    run = RunSpec().create(tmp_path / "runs")
    engine.start(run)
    assert engine.stop(run)
    wait_for(run, "stopped")


def test_a_run_killed_from_outside_is_interrupted_and_can_be_resumed(engine, tmp_path):
    run = RunSpec().create(tmp_path / "runs")
    engine.start(run)
    wait_for(run, "running")
    os.kill(engine.children[run.id].pid, signal.SIGKILL)
    wait_for(run, "interrupted", 10)
    assert "killed" in run.record().error and "resumed" in run.record().error
    assert not engine.stop(run)


def test_a_run_killed_before_it_began_is_interrupted_too_and_goes_on_from_where_it_was(
    engine, tmp_path
):
    run = RunSpec().create(tmp_path / "runs")
    run.update(status="interrupted")  # by an earlier kill
    engine.start(run)
    assert run.record().status == "queued"
    os.kill(engine.children[run.id].pid, signal.SIGKILL)
    wait_for(run, "interrupted", 10)
    assert "killed" in run.record().error and "resumed" in run.record().error


def test_a_run_deleted_while_it_runs_harms_nobody(engine, tmp_path):
    run = RunSpec().create(tmp_path / "runs")
    engine.start(run)
    run.delete()
    engine.abandon()
    engine.children[run.id].wait(10)


def test_a_run_that_is_at_work_is_not_started_again(engine, tmp_path):
    run = RunSpec().create(tmp_path / "runs")
    engine.start(run)
    wait_for(run, "running")
    with pytest.raises(EngineError, match="is running: there is nothing to start"):
        engine.start(run)
    assert run.record().status == "running"


def test_a_run_abandoned_before_it_began_waits_for_the_next_start_of_the_app(engine, tmp_path):
    run = RunSpec().create(tmp_path / "runs")
    engine.start(run)
    child = engine.children[run.id]
    engine.abandon()
    child.wait(10)
    time.sleep(0.2)  # for whoever would write something now
    assert run.record().status in ("queued", "interrupted")


def test_a_queued_run_is_left_as_it_is_by_a_look(engine, tmp_path):
    run = RunSpec().create(tmp_path / "runs")
    engine.look(run)
    assert run.record().status == "queued"


def test_a_resumed_run_is_queued_at_once_so_that_nobody_takes_its_old_end_for_the_new(
    engine, tmp_path
):
    run = RunSpec(data="nothing.jsonl").create(tmp_path / "runs")
    run.update(status="interrupted", error="Its process ended.")
    engine.start(run)
    record = run.record()
    assert record.status != "interrupted" and record.error != "Its process ended."
    wait_for(run, "failed")


def test_a_run_at_work_when_the_app_ends_has_its_turn_again_at_the_next_start(engine, tmp_path):
    run = RunSpec().create(tmp_path / "runs")
    engine.start(run)
    wait_for(run, "running")
    engine.abandon()
    record = run.record()
    assert (record.status, record.process, record.error) == ("queued", None, None)
    assert "goes on from its last checkpoint" in record.note
    engine.abandoned = False
    engine.start(run)
    wait_for(run, "running")
    assert run.record().note is None
