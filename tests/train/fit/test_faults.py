"""What goes wrong in mid-run, tried for real with a tiny model: kill, stop, disk, memory, clock."""

import json
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from corpus.load import load_corpus
from support.runs.children import Child, wait_for
from support.samples import write_beir, write_lines
from support.services import ROOT
from support.tiny import tiny_model_for
from train.run.record import Run, mark_interrupted

pytestmark = pytest.mark.slow
RATE = ("--set", "learning_rate=0.003", "--set", "batch_size=8", "--set", "dropout=0.1")


@pytest.fixture(scope="session")
def data(porsche, tmp_path_factory):
    return write_beir(porsche, tmp_path_factory.mktemp("faults") / "data", passages=60)


@pytest.fixture(scope="session")
def model(data, tmp_path_factory):
    return tiny_model_for(load_corpus(str(data)), tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def start(data, model, tmp_path):
    """Starts a fit and returns its run and its process; all are ended after the test."""
    children = []

    def started(*more, out="run", base=model, data=data, home=tmp_path, **patches):
        child = Child("fit", "--data", data, "--base", base, "--out", tmp_path / out, *RATE, *more,
                      home=home, **patches)
        children.append(child)
        return Run(tmp_path / out), child

    yield started
    for child in children:
        child.process.kill()


def at_step(run, step):
    return lambda: any(event.type == "loss" and event.step >= step for event in run.events())


def result(run):
    """What must be the same whatever happened in between."""
    rows = (run.folder / "per_query.jsonl").read_bytes()
    return rows, run.record().history, run.record().metrics


def test_a_run_killed_in_mid_epoch_goes_on_to_the_very_same_result(start):
    whole, child = start(out="whole")
    assert child.wait() == 0, child.said
    # A state after each step; and steps slow enough to be killed among them.
    run, child = start(out="killed", checkpoints__EVERY=0.0, checkpoints__MOST=1e9)
    wait_for(at_step(run, 14))
    child.kill()
    assert run.record().status == "running"
    assert mark_interrupted(run)
    state = run.checkpoints / "state.pt"
    assert state.exists()
    child = start("--resume", out="killed")[1]
    assert child.wait() == 0, child.said
    assert run.record().status == "done"
    resumed = [event for event in run.events() if event.type == "started"][1]
    assert resumed.resumed and resumed.step > 10  # after the state of the first epoch
    assert result(run) == result(whole)
    assert not run.checkpoints.exists()


def test_the_second_of_two_starts_says_who_has_the_run_and_leaves_it_alone(start):
    run, first = start("--set", "epochs=100")
    wait_for(at_step(run, 2))
    second = start("--resume")[1]
    assert second.wait() == 1
    assert f"is running already, in process {first.pid}" in second.said
    assert run.record().status == "running"
    assert run.record().process.pid == first.pid
    step = at_step(run, getattr(run.events()[-1], "step", 0) + 1)
    wait_for(step)  # it goes on as if nothing had been


def test_a_run_stopped_before_its_first_step_has_no_model_and_can_be_resumed(start):
    run, child = start()
    wait_for(lambda: run.events())
    asked = time.monotonic()
    child.stop()
    child.stop()  # a second time changes nothing
    assert child.wait() == 0, child.said
    assert time.monotonic() - asked < 5
    record = run.record()
    assert (record.status, record.ended_by, record.steps_done) == ("stopped", "stop", 0)
    assert "before its first checkpoint" in record.error
    assert not run.has_model
    assert start("--resume")[1].wait() == 0
    assert run.record().status == "done" and run.record().error is None


def test_a_stopped_run_has_a_result_and_resumed_ends_as_if_it_had_never_been_stopped(start):
    whole, child = start(out="whole")
    assert child.wait() == 0, child.said
    run, child = start(checkpoints__EVERY=0.0, checkpoints__MOST=1e9)
    wait_for((run.checkpoints / "best" / "vectors.npy").exists)
    asked = time.monotonic()
    child.stop()
    assert child.wait() == 0, child.said
    assert time.monotonic() - asked < 5
    assert run.record().status == "stopped" and run.has_model
    assert run.record().metrics["test"].tuned
    assert start("--resume")[1].wait() == 0
    assert result(run) == result(whole)


def test_a_base_deleted_in_mid_run_is_trained_to_the_end_and_missed_when_resuming(
    start, model, tmp_path
):
    base = shutil.copytree(model, tmp_path / "base")
    run, child = start(base=base)
    other, second = start(base=base, out="other", checkpoints__EVERY=0.0)
    wait_for(at_step(run, 2))
    wait_for(at_step(other, 2))
    second.kill()
    shutil.rmtree(base)
    assert child.wait() == 0, child.said
    assert run.record().status == "done" and run.has_model
    again = start("--resume", base=base, out="other")[1]
    assert again.wait() == 1
    assert "There is no model folder at" in other.record().error
    assert "Traceback" not in again.said


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no disk can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def filled(disk, but):
    """Leave so many bytes of a disk free, on which a run writes and removes meanwhile."""
    with (disk / "filler").open("wb", buffering=0) as filler:
        while shutil.disk_usage(disk).free > but:
            try:
                filler.write(b"x" * 50_000)
            except OSError:  # the run was quicker: full is what was wanted
                return


def test_a_full_disk_is_said_and_with_room_the_run_goes_on_from_its_last_state(start, small_disk):
    whole, child = start(out="whole")
    assert child.wait() == 0, child.said
    run, child = start(out="disk/run", checkpoints__EVERY=0.0, checkpoints__MOST=1e9,
                       checkpoints__check_room=print)  # the disk itself is to refuse
    wait_for(at_step(run, 3))
    filled(small_disk, but=200_000)
    assert child.wait() == 1, child.said
    record = run.record()
    assert record.status == "failed"
    assert f"The disk is full where the run {run.id} is" in record.error
    assert str(run.folder.parent) not in record.error and "Errno" not in record.error
    assert "resume" in record.error
    assert "Traceback" not in child.said
    assert (run.events()[-1].type, run.events()[-1].text) == ("error", record.error)
    assert sorted(path.name for path in run.checkpoints.iterdir())[-1] == "state.pt"
    (small_disk / "filler").unlink()
    again = start("--resume", out="disk/run", machine__SPARE=0)[1]
    assert again.wait() == 0, again.said
    assert result(run) == result(whole)


def test_too_little_room_is_seen_before_writing(tmp_path):
    from train.fit.machine import check_room

    with pytest.raises(OSError, match="MB are needed and .* MB are free"):
        check_room(tmp_path, 1 << 60)


def test_memory_that_runs_out_says_what_to_lower(tmp_path):
    import torch

    from train.fit.errors import foreseen, sentence
    from train.recipe import Recipe
    from train.run.record import open_run

    run = open_run(tmp_path)
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    for error in (caught.value, MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")):
        assert "lower batch_size (it is 32), or set mini_batch_size" in sentence(
            error, run, Recipe())
        assert foreseen(error, run)


def test_memory_that_really_runs_out_ends_the_run_with_what_to_lower(tmp_path):
    resource = pytest.importorskip("resource")
    data = write_lines(tmp_path / "long.jsonl", [
        {"anchor": f"What is said of thing {n}? " * 8, "positive": f"Thing {n} has parts. " * 60}
        for n in range(200)])
    most = 3_000_000_000  # enough to load and measure, not for such batches
    child = subprocess.run(
        [sys.executable, "-m", "train", "fit", "--data", data, "--recipe", "seed", "--set",
         "batch_size=512", "--set", "max_seq_length=256", "--out", tmp_path / "run"],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (most, most)))
    record = Run(tmp_path / "run").record()
    assert child.returncode == 1 and record.status == "failed"
    assert "Memory ran out" in record.error and "lower batch_size (it is 512)" in record.error
    assert "Traceback" not in child.stderr


def test_a_run_of_a_newer_tandem_is_refused_and_nothing_is_written(start, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text(json.dumps({"schema": 99, "status": "interrupted"}))
    run, child = start("--resume")
    assert child.wait() == 1
    assert "written by a newer Tandem" in child.said
    assert [path.name for path in run.folder.iterdir()] == ["run.json"]


def test_resuming_with_other_data_is_refused_and_with_the_same_elsewhere_goes_on(
    start, data, porsche, tmp_path
):
    run, child = start()
    wait_for(at_step(run, 2))
    child.kill()
    other = write_beir(porsche, tmp_path / "other", passages=30)
    refused = start("--resume", data=other)[1]
    assert refused.wait() == 1
    assert "was started on other data" in refused.said
    assert run.record().status == "interrupted"
    moved = shutil.copytree(data, tmp_path / "moved")
    assert start("--resume", data=moved)[1].wait() == 0
    assert run.record().data.source == str(moved)


@pytest.mark.parametrize("rows, said", [
    ([("a?", "A."), ("b?", "B."), ("c?", "C.")], "Add pairs"),
    ([(f"question {i}?", "The same answer.") for i in range(40)], "add other answers"),
])
def test_pairs_that_cannot_be_trained_on_say_so(start, tmp_path, rows, said):
    import re

    path = write_lines(tmp_path / "few.jsonl", [{"anchor": a, "positive": p} for a, p in rows])
    run, child = start(data=path)
    assert child.wait() == 1
    assert re.search(said, run.record().error)
    assert "Traceback" not in child.said


def test_a_damaged_state_is_said_and_the_run_can_begin_again(start):
    run, child = start(checkpoints__EVERY=0.0)
    wait_for(at_step(run, 2))
    child.kill()
    state = run.checkpoints / "state.pt"
    state.write_bytes(state.read_bytes()[:1000])
    again = start("--resume")[1]
    assert again.wait() == 1
    assert "cannot be read" in run.record().error
    assert "Traceback" not in again.said
    assert start("--resume")[1].wait() == 0
    assert run.record().status == "done"


def test_a_flipped_bit_of_a_state_is_said_and_the_run_can_begin_again(start):
    run, child = start(checkpoints__EVERY=0.0)
    wait_for(at_step(run, 2))
    child.kill()
    state = run.checkpoints / "state.pt"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1  # in the weights: it would be read without a word
    state.write_bytes(content)
    assert start("--resume")[1].wait() == 1
    assert "is damaged" in run.record().error and not state.exists()


def test_an_answer_of_50000_words_is_cut_and_trained_on(start, tmp_path):
    rows = [{"anchor": f"what of {i}?", "positive": f"it is {i}."} for i in range(40)]
    rows[7]["positive"] += " and so on" * 17_000
    run, child = start(data=write_lines(tmp_path / "long.jsonl", rows))
    assert child.wait() == 0, child.said
    assert run.record().status == "done"


def test_another_thread_that_asks_to_stop_is_not_broken_off_itself():
    from train.fit.stopping import Stop, StopRequestedError

    stop, said = Stop(), []
    with stop.interrupts():
        thread = threading.Thread(target=lambda: said.append(stop.ask()))
        thread.start()
        thread.join()
    assert said == [None] and stop()
    with pytest.raises(StopRequestedError), stop.interrupts():
        pass


def test_a_signal_breaks_off_what_takes_long():
    from train.fit.stopping import Stop, StopRequestedError

    stop = Stop()
    before = signal.signal(signal.SIGALRM, lambda *_: stop.ask())
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    start = time.monotonic()
    try:
        with pytest.raises(StopRequestedError), stop.interrupts():
            time.sleep(30)
        stop.ask()  # outside of it, and a second time: nothing is raised
        with pytest.raises(StopRequestedError):
            stop.check()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - start < 10
