"""Jobs that take turns on one thread."""

import sys
import threading

import pytest

from hub.progress import Progress
from support.waiting import until
from ui.services import worker as room
from ui.services.worker import BusyError, Stage, Task, Worker


def parts(name, count, log, gate=None):
    for at in range(count):
        assert gate is None or gate.wait(10)
        log.append(name)
        yield Stage("encoding", name, Progress(at + 1, count))
    yield Stage("ready", name)


def test_jobs_take_turns_so_that_a_short_one_is_soon_done():
    worker, log, gate = Worker("test"), [], threading.Event()
    long, short = Task("long", parts("long", 50, log, gate)), Task("short", parts("short", 2, log))
    worker.add(long)
    worker.add(short)
    gate.set()
    until(lambda: long.stage.ended)
    assert short.stage.kind == long.stage.kind == "ready"
    assert log.index("short") <= 2 and log.count("long") == 50
    assert "long" in log[log.index("short") + 1:]


def test_the_thread_ends_with_the_work_and_begins_again_with_more():
    worker, log = Worker("test"), []
    for _ in range(2):
        job = Task("a", parts("a", 1, log))
        worker.add(job)
        until(lambda job=job: job.stage.ended)
        until(lambda: worker._thread is None)
    assert log == ["a", "a"] and worker.jobs == []


@pytest.mark.parametrize("error, said", [
    (ValueError("No such model."), "No such model."),
    (OSError(28, "No space left on device", "/secret"), "The disk is full"),
    (KeyError("x"), "Something unforeseen went wrong: KeyError"),
    (MemoryError(), "not enough memory"), (None, "ended without a result")])
def test_what_goes_wrong_in_one_is_said_and_the_others_go_on(error, said):
    def broken():
        if error:
            raise error
        yield from ()

    worker, other = Worker("test"), Task("b", parts("b", 3, []))
    job = Task("a", broken())
    worker.add(job)
    worker.add(other)
    until(lambda: job.stage.ended and other.stage.ended)
    assert job.stage.kind == "failed" and said in job.stage.text
    assert "/secret" not in job.stage.text
    assert other.stage.kind == "ready"


def test_a_stopped_job_does_no_more_and_says_how_far_it_was():
    worker, log, gate = Worker("test"), [], threading.Semaphore(3)
    job = Task("a", (stage for stage in parts("a", 99, log)
                    if gate.acquire(timeout=10)))
    worker.add(job)
    until(lambda: job.stage.progress.done == 3)
    worker.stop(job)
    assert job.stage.kind == "stopped" and "at 3 of 99" in job.stage.text
    gate.release(50)
    until(lambda: worker.jobs == [])
    assert len(log) <= 5


def test_only_so_many_jobs_wait(monkeypatch):
    monkeypatch.setattr(room, "MOST_JOBS", 2)
    worker, gate = Worker("test"), threading.Event()
    for name in "ab":
        worker.add(Task(name, parts(name, 1, [], gate)))
    with pytest.raises(BusyError, match="2 others are waiting"):
        worker.add(Task("c", parts("c", 1, [])))
    gate.set()
    until(lambda: worker.jobs == [])
    worker.add(Task("c", parts("c", 1, [])))


@pytest.mark.skipif(sys.platform != "linux", reason="priority is a thread's own on Linux alone")
def test_the_work_gives_way_to_those_that_answer_questions():
    import os

    seen = []

    def look():
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        yield Stage("ready", "")

    worker, before = Worker("test"), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    job = Task("a", look())
    worker.add(job)
    until(lambda: job.stage.ended)
    assert seen == [room.NICENESS] and before < room.NICENESS
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before
