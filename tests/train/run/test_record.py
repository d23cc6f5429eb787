import json
import os
import subprocess
import sys
import time
from dataclasses import FrozenInstanceError, replace

import pytest

from train.run.events import event_of
from train.run.process import this_process
from train.run.record import (
    Run,
    RunError,
    create_run,
    list_runs,
    mark_interrupted,
    open_run,
)


def test_a_new_run_is_queued_and_its_folder_is_named_by_time_and_slug(tmp_path):
    run = create_run(tmp_path, "Bank FAQ / é")
    assert run.record().status == "queued"
    assert run.id.split("Z-")[1] == "bank-faq"


def test_two_runs_of_one_second_have_folders_of_their_own(tmp_path):
    assert create_run(tmp_path, "a").folder != create_run(tmp_path, "a").folder


def test_a_clock_set_back_makes_no_run_older_than_those_before_it(tmp_path, monkeypatch):
    from datetime import UTC, datetime

    from train.run import record as room

    class Clock(datetime):
        hour_ = 12

        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 5, 5, cls.hour_, tzinfo=UTC)

    monkeypatch.setattr(room, "datetime", Clock)
    made = [create_run(tmp_path, "b").id]
    Clock.hour_ = 11
    made += [create_run(tmp_path, "a").id, create_run(tmp_path, "a").id]
    assert made == sorted(set(made))
    assert [run.id for run in list_runs(tmp_path)] == made[::-1]
    (tmp_path / "99991231T235959Z-by-hand").mkdir()
    assert create_run(tmp_path, "c").id.startswith("20260505T11")


def test_an_event_after_half_a_line_is_a_line_of_its_own(tmp_path):
    run = create_run(tmp_path, "a")
    run.append(event_of({"type": "log", "text": "x"}))
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b'{"type": "step", "st')
    run.append(event_of({"type": "started", "step": 0, "steps": 1}))
    run.append(event_of({"type": "done"}))
    assert [event.type for event in run.events()] == ["log", "started", "done"]


def test_half_a_last_line_of_events_waits_and_a_damaged_line_is_left_out(tmp_path):
    run = create_run(tmp_path, "a")
    run.append(event_of({"type": "log", "text": "ü"}))
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b'\xff garbage\n[1]\n{"type": "step", "st')
    assert [event.type for event in run.events()] == ["log"]
    with (run.folder / "events.jsonl").open("ab") as file:
        file.write(b'ep": 1}\n')
    assert [event.type for event in run.events()] == ["log", "step"]


@pytest.mark.parametrize("content, said", [
    (None, "has no run.json"), ("", "cannot be read"), ("[]", "no known status"),
    ('{"status": "dancing", "schema": 1}', "no known status"),
    ('{"status": "done", "schema": 99}', "written by a newer Tandem"),
    ('{"status": "done"}', "newer Tandem"),
])
def test_a_folder_that_is_no_run_says_why(tmp_path, content, said):
    if content is not None:
        (tmp_path / "run.json").write_text(content)
    with pytest.raises(RunError, match=said):
        Run(tmp_path).record()


def test_unreadable_runs_are_not_listed_and_the_newest_is_first(tmp_path):
    for name in ("20260101T000000Z-a", "20260102T000000Z-b"):
        open_run(tmp_path / name)
    (tmp_path / "20260103T000000Z-c").mkdir()
    (tmp_path / "20260103T000000Z-c" / "run.json").write_text("{")
    assert [run.id[-1] for run in list_runs(tmp_path)] == ["b", "a"]


def test_a_folder_with_something_else_in_it_is_not_made_a_run(tmp_path):
    (tmp_path / "holiday.jpg").write_text("x")
    with pytest.raises(RunError, match="is not a run"):
        open_run(tmp_path)


def test_a_run_whose_process_is_gone_is_interrupted_and_one_that_lives_is_not(tmp_path):
    gone, alive, reused = (open_run(tmp_path / name) for name in "abc")
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    gone.update(status="running", process={"pid": child.pid, "started": "1"})
    alive.update(status="running", process=this_process())
    rebooted = open_run(tmp_path / "d")
    rebooted.update(status="running", process=replace(this_process(), boot="another start"))
    assert mark_interrupted(rebooted)
    reused.update(status="running", process={"pid": os.getpid(), "started": "another time"})
    assert [mark_interrupted(run) for run in (gone, alive, reused)] == [True, False, True]
    assert gone.record().status == "interrupted"
    assert "resumed" in gone.record().error


def test_records_are_replaced_whole(tmp_path):
    run = open_run(tmp_path / "a")
    run.update(note="é" * 1000)
    assert json.loads((run.folder / "run.json").read_text("utf-8"))["note"] == "é" * 1000
    assert [path.name for path in run.folder.iterdir()] == ["run.json"]


def aged(run):
    """Let a record be of an hour ago: long enough to be known again."""
    at = time.time() - 3600
    os.utime(run.folder / "run.json", (at, at))


def test_a_record_that_has_not_changed_is_parsed_once(tmp_path, monkeypatch):
    run = open_run(tmp_path / "a")
    aged(run)
    first = run.record()
    monkeypatch.setattr(json, "loads", lambda text: pytest.fail("parsed again"))
    assert run.record() == first


def test_a_record_is_read_as_it_is_now_however_fast_it_changes(tmp_path):
    run = open_run(tmp_path / "a")
    for status in ("failed", "queued", "failed", "queued") * 25:  # all of one length
        run.update(status=status)
        assert run.record().status == status
    aged(run)
    assert run.record().status == "queued"
    run.update(status="failed")
    aged(run)
    assert run.record().status == "failed"


def test_whoever_changes_what_they_read_changes_it_for_nobody_else(tmp_path):
    run = open_run(tmp_path / "a")
    aged(run)
    run.record().to_json()["status"] = "done"
    with pytest.raises(FrozenInstanceError):
        run.record().status = "done"
    assert run.record().status == "queued"
