import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.fakes import FakeEngine
from train.engines import EngineError
from train.engines import queue as room
from train.engines.queue import Queue
from train.run.record import RunError, create_run, list_runs
from train.run.spec import RunSpec

TOKEN = "hf_secret"


@pytest.fixture
def engine():
    return FakeEngine()


@pytest.fixture
def queue(tmp_path, engine):
    return Queue(tmp_path / "runs", {"local": engine, "jobs": FakeEngine("jobs")})


def status(run):
    return run.record().status


def asked(run, second):
    """Say that a run was asked for in another second than the others of its test."""
    run.update(created=f"2026-01-01T00:00:{second:02}+00:00")
    return run


def three(queue):
    return [asked(queue.submit(RunSpec()), second) for second in range(3)]


def test_one_run_runs_and_the_others_wait_in_order_with_their_place(queue, engine):
    first, second, third = three(queue)
    queue.look()
    queue.look()
    assert engine.started == [first.id]
    assert [status(run) for run in (first, second, third)] == ["running", "queued", "queued"]
    assert [queue.place(run) for run in (first, second, third)] == [0, 1, 2]


def test_when_a_run_ends_the_one_that_has_waited_longest_begins(queue, engine):
    first, second, third = three(queue)
    queue.look()
    first.update(status="done")
    queue.look()
    assert engine.started == [first.id, second.id]
    assert [queue.place(run) for run in (first, second, third)] == [0, 0, 1]


def test_a_run_that_goes_on_waits_behind_those_that_were_there_before(queue, engine):
    early, other = asked(queue.submit(RunSpec()), 0), asked(queue.submit(RunSpec()), 1)
    early.update(status="failed")
    queue.resume(early)
    assert queue.place(early) == 1
    queue.look()
    assert engine.started == [other.id]


def test_runs_on_different_devices_do_not_wait_for_each_other(queue, engine):
    here = queue.submit(RunSpec())
    there, beside = (queue.submit(RunSpec(engine="jobs", flavor=name)) for name in ("a10g", "l4"))
    queue.look()
    assert [status(run) for run in (here, there, beside)] == ["running"] * 3
    assert [queue.place(run) for run in (here, there, beside)] == [0, 0, 0]


def test_a_run_that_a_command_line_began_occupies_its_device_too(queue, engine):
    create_run(queue.runs, "by-hand").update(status="running")
    waiting = queue.submit(RunSpec())
    queue.look()
    assert engine.started == []
    assert queue.place(waiting) == 1


def test_a_run_that_a_command_line_is_about_to_begin_is_left_alone(queue, engine):
    run = create_run(queue.runs, "by-hand")
    queue.look()
    assert engine.started == [] and status(run) == "queued"


def test_two_submits_at_once_make_two_runs_and_start_one(queue, engine):
    together = threading.Barrier(8)

    def submit(_):
        together.wait()
        run = queue.submit(RunSpec())
        queue.look()
        return run.id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(submit, range(8)))
    assert len(ids) == len(list_runs(queue.runs)) == 8
    assert len(engine.started) == 1


def test_a_run_is_not_started_before_its_token_is_kept(queue, engine, monkeypatch):
    created = RunSpec.create

    def slowly(request, runs):
        run = created(request, runs)
        looking = threading.Thread(target=queue.look)
        looking.start()  # the queue's own thread looks just now
        looking.join(0.05)
        return run

    monkeypatch.setattr(RunSpec, "create", slowly)
    run = queue.submit(RunSpec(), TOKEN)
    queue.look()
    assert engine.tokens == {run.id: TOKEN}


def test_asking_for_a_place_does_not_make_a_run_start_twice(queue, engine, monkeypatch):
    engine.on_start = lambda run: None  # it has begun, but has not said so yet
    first = queue.submit(RunSpec())
    monkeypatch.setattr(room, "list_runs", lambda runs: [])  # listed before the run was there
    queue._begun.add(first.id)
    queue.place(first)
    monkeypatch.undo()
    queue.look()
    assert engine.started == []


def test_a_run_that_has_begun_and_not_said_so_keeps_its_device(queue, engine):
    engine.on_start = lambda run: None
    first, second, _ = three(queue)
    queue.look()
    queue.look()
    assert engine.started == [first.id]
    assert queue.place(second) == 1


def test_a_run_that_ends_between_two_looks_can_go_on_and_is_started_again(queue, engine):
    run = queue.submit(RunSpec())
    queue.look()
    run.update(status="interrupted")  # nobody looked while it ended
    queue.resume(run)
    queue.look()
    assert engine.started == [run.id, run.id]


@pytest.mark.parametrize("error", [EngineError("There is no credit."), OSError("Disk full.")])
def test_a_run_that_its_engine_cannot_start_fails_with_the_sentence(queue, engine, error):
    def refuse(run):
        raise error

    engine.on_start = refuse
    first, second, _ = three(queue)
    queue.look()
    assert status(first) == "failed"
    assert first.record().error == str(error)
    assert engine.started == [run.id for run in (first, second, _)]  # the next had its turn


def test_an_engine_with_a_fault_fails_the_run_and_the_queue_goes_on(queue, engine):
    def break_down(run):
        raise KeyError(TOKEN)

    engine.on_start = break_down
    run = queue.submit(RunSpec())
    elsewhere = queue.submit(RunSpec(engine="jobs"))
    queue.look()
    assert status(run) == "failed"
    assert run.record().error == "It could not be started: KeyError."
    assert status(elsewhere) == "running"


def test_no_run_is_made_for_an_engine_that_is_not_there(queue):
    with pytest.raises(EngineError, match="There is no engine 'cloud' here"):
        queue.submit(RunSpec(engine="cloud"))
    assert list_runs(queue.runs) == []


def test_a_waiting_run_whose_engine_is_gone_fails_with_a_sentence(queue):
    run = queue.submit(RunSpec(engine="jobs"))
    Queue(queue.runs, {"local": FakeEngine()}).look()
    assert status(run) == "failed" and "no engine 'jobs' here" in run.record().error


def test_stopping_a_waiting_run_takes_it_out_of_the_queue(queue, engine):
    first, second, third = three(queue)
    queue.look()
    queue.stop(second)
    assert status(second) == "stopped" and "before it began" in second.record().error
    assert engine.stopped == []
    first.update(status="done")
    queue.look()
    assert engine.started == [first.id, third.id]


def test_stopping_a_running_run_reaches_its_engine_with_the_token(queue, engine):
    run = queue.submit(RunSpec(), TOKEN)
    queue.look()
    queue.stop(run)
    assert engine.stopped == [(run.id, TOKEN)]


def test_stopping_a_run_that_has_begun_and_not_said_so_reaches_its_engine(queue, engine):
    engine.on_start = lambda run: None
    run = queue.submit(RunSpec())
    queue.look()
    queue.stop(run)
    assert engine.stopped == [(run.id, None)]
    assert status(run) == "queued"  # the engine says how it ends


def test_stopping_a_run_that_is_over_is_refused(queue):
    run = queue.submit(RunSpec())
    run.update(status="done")
    with pytest.raises(RunError, match="is not running"):
        queue.stop(run)


@pytest.mark.parametrize("ended", ["interrupted", "failed", "stopped"])
def test_a_run_that_ended_early_goes_on(queue, engine, ended):
    run = queue.submit(RunSpec())
    run.update(status=ended, error="It broke.")
    queue.resume(run)
    assert run.record().error is None
    queue.look()
    assert engine.started == [run.id]


@pytest.mark.parametrize("now", ["queued", "running", "done"])
def test_a_run_that_did_not_end_early_does_not_go_on(queue, now):
    run = queue.submit(RunSpec())
    run.update(status=now)
    with pytest.raises(RunError, match=f"is {now}: only a run that ended early can go on"):
        queue.resume(run)
    assert status(run) == now


def test_a_run_that_was_never_asked_for_cannot_go_on(queue):
    run = create_run(queue.runs, "by-hand")
    run.update(status="failed")
    with pytest.raises(RunError, match="Start a new run"):
        queue.resume(run)
    assert status(run) == "failed"


def test_a_restart_continues_the_queue(queue, engine):
    first, second, third = three(queue)
    queue.look()
    first.update(status="interrupted")  # its process went with the app
    engine = FakeEngine()
    Queue(queue.runs, {"local": engine}).look()
    assert engine.started == [second.id]
    assert [status(run) for run in (first, second, third)] == ["interrupted", "running", "queued"]


@pytest.mark.parametrize("now", ["queued", "running"])
def test_a_run_that_waits_or_runs_is_not_deleted(queue, now):
    run = queue.submit(RunSpec())
    run.update(status=now)
    with pytest.raises(RunError, match=f"is {now}: stop it first"):
        queue.delete(run)
    assert run.folder.is_dir()


def test_a_run_that_is_over_is_deleted_whole(queue):
    run = queue.submit(RunSpec())
    run.update(status="done")
    queue.delete(run)
    assert not run.folder.exists()


def test_a_token_reaches_the_engine_and_is_nowhere_else(queue, engine, tmp_path):
    run = queue.submit(RunSpec(), TOKEN)
    assert TOKEN not in repr(queue)
    queue.look()
    assert engine.tokens == {run.id: TOKEN}
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert written and not any(TOKEN in path.read_text("utf-8") for path in written)


def test_a_token_is_forgotten_when_its_run_is_over(queue):
    ran, waited = queue.submit(RunSpec(), TOKEN), queue.submit(RunSpec(), TOKEN)
    queue.look()
    ran.update(status="done")
    queue.stop(waited)
    queue.look()
    assert queue._tokens == {}


@pytest.mark.parametrize("fault", [ValueError("gone"), OSError("gone"), KeyError("pid"),
                                   AttributeError("x")])
def test_a_fault_of_one_run_does_not_stop_the_others(queue, engine, fault):
    sick = queue.submit(RunSpec(engine="jobs"))
    sick.update(status="running")
    queue.engines["jobs"].broken[sick.id] = fault
    behind, well = queue.submit(RunSpec(engine="jobs")), queue.submit(RunSpec())
    queue.look()
    assert status(well) == "running"
    assert status(behind) == "queued"  # whoever cannot be looked at may well go on


def test_records_deleted_or_damaged_do_not_end_the_queues_thread(queue, engine, monkeypatch):
    monkeypatch.setattr(room, "LOOK_EVERY", 0.005)
    first, second, third = three(queue)
    known = list_runs(queue.runs)
    second.delete()
    (third.folder / "run.json").write_text("{")
    listed = room.list_runs
    monkeypatch.setattr(room, "list_runs", lambda runs: known)  # listed before that happened
    queue.open()
    try:
        end = time.monotonic() + 60
        while not engine.started:
            assert time.monotonic() < end
            time.sleep(0.005)
        monkeypatch.setattr(room, "list_runs", listed)
        first.update(status="done")
        last = queue.submit(RunSpec())
        while engine.started != [first.id, last.id]:
            assert time.monotonic() < end, engine.started
            time.sleep(0.005)
    finally:
        queue.close()


def test_closing_ends_the_looking_and_lets_the_engines_go(queue, engine):
    queue.close()
    queue.submit(RunSpec())
    queue.look()
    assert engine.abandoned and engine.started == []


def ended(queue, second, size=1000):
    run = asked(queue.submit(RunSpec()), second)
    run.update(status="done")
    run.checkpoints.mkdir()
    (run.checkpoints / "state").write_bytes(b"x" * size)
    return run


def renamed(run, name):
    """The list of runs goes by their folders' names, the oldest last."""
    run.folder.rename(run.folder.parent / name)
    return type(run)(run.folder.parent / name)


def test_the_oldest_checkpoints_of_ended_runs_go_first_and_models_stay(tmp_path, engine):
    queue = Queue(tmp_path / "runs", {"local": engine}, max_disk=20_000)
    old, new = (renamed(ended(queue, n, 8000), f"2026010{n}T000000Z-a") for n in (1, 2))
    old.model.mkdir()
    (old.model / "modules.json").write_text("[]")
    active = renamed(queue.submit(RunSpec()), "20250101T000000Z-a")
    active.checkpoints.mkdir()
    (active.checkpoints / "state").write_bytes(b"x" * 4000)
    queue.look()
    assert engine.started == [active.id]
    assert not old.checkpoints.exists() and old.has_model
    assert new.checkpoints.exists() and active.checkpoints.exists()


def test_a_full_disk_without_checkpoints_is_said_with_what_to_do(tmp_path, engine):
    queue = Queue(tmp_path / "runs", {"local": engine}, max_disk=5000)
    kept = ended(queue, 0)
    kept.model.mkdir()
    (kept.model / "weights").write_bytes(b"x" * 9000)
    run = queue.submit(RunSpec())
    queue.look()
    assert status(run) == "failed" and engine.started == []
    assert "TANDEM_MAX_DISK_GB: delete runs" in run.record().error
    assert not kept.checkpoints.exists() and (kept.model / "weights").exists()


def test_an_engine_is_told_when_the_owner_looks_at_an_active_run_and_of_no_other(queue, engine):
    run = queue.submit(RunSpec(), TOKEN)
    queue.look()
    queue.visit(run, TOKEN)
    assert engine.visits == [(run.id, TOKEN)]
    run.update(status="done")
    queue.visit(run, TOKEN)
    assert engine.visits == [(run.id, TOKEN)]
