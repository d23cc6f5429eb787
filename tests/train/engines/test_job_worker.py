"""What runs inside a job, with a training process that only pretends: a few lines of Python."""

import json
import signal
import sys
import threading
import time

import pytest

from support.fake_hub.jobs import TOKEN
from support.runs.job_play import jobs_hub
from train.engines.jobs import worker
from train.engines.jobs.hub import UserHub
from train.engines.jobs.protocol import heard, record_line
from train.engines.jobs.worker import RemoteJob

PRETEND = """\
import json, os, pathlib, signal, sys, time
run = pathlib.Path(sys.argv[1])
record = json.loads((run / "run.json").read_text())

def write(**changes):
    record.update(changes)
    (run / "new.json").write_text(json.dumps(record))
    os.replace(run / "new.json", run / "run.json")

def tell(**event):
    with (run / "events.jsonl").open("a") as events:
        events.write(json.dumps(event) + "\\n")

def end(status):
    (run / "model").mkdir()
    (run / "model" / "modules.json").write_text("[]")
    tell(type="done", status=status)
    write(status=status, metrics={})
    sys.exit(0)

signal.signal(signal.SIGTERM, lambda *_: end("stopped"))
there = sorted(path.name for path in (run / "checkpoints").glob("*"))
write(status="running", process={"pid": os.getpid()}, resumed=there)
tell(type="phase", phase="train")
(run / "checkpoints").mkdir(exist_ok=True)
(run / "checkpoints" / "state.pt.part").write_bytes(b"half")
(run / "checkpoints" / "state.pt").write_bytes(b"state")
"""


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job fetched into a folder; `goes_on` is what its training does after a checkpoint."""
    for name in ("LOOK_EVERY", "STOP_EVERY"):
        monkeypatch.setattr(worker, name, 0.02)
    with jobs_hub() as hub:
        hub.repo("vera/r", "vera")
        (tmp_path / "tandem").mkdir()
        (tmp_path / "request").mkdir()
        record = {"schema": 1, "status": "queued", "data": {"source": "request/data/faq.csv"},
                  "base_model": {"name": "request/base/mine"}}
        (tmp_path / "request" / "job.json").write_text(json.dumps({"mark": "m", "record": record}))

        def make(goes_on, **options):
            pretend = tmp_path / "pretend.py"
            pretend.write_text(PRETEND + goes_on)
            monkeypatch.setattr(worker, "training",
                                lambda run: [sys.executable, str(pretend), str(run.folder)])
            made = RemoteJob(tmp_path, "vera/r", UserHub(TOKEN, hub.endpoint), **options)
            made.at = hub
            return made

        yield make


def said(capsys):
    return [word for line in capsys.readouterr().out.splitlines() if (word := heard(line, "m"))]


def test_a_job_tells_each_event_once_and_leaves_its_result(job, capsys):
    inside = job('time.sleep(0.2); end("done")')
    assert inside.run_to_the_end() == 0
    words = said(capsys)
    assert [(word.n, word.value["type"]) for word in words if word.n] == [(1, "phase"), (2, "done")]
    assert [word.value.get("resumed") for word in words if not word.n][-1] == []
    assert set(inside.at.files("vera/r")) == {
        "result-m/run.json", "result-m/events.jsonl", "result-m/model/modules.json"}


def test_a_record_is_told_in_a_line_that_no_log_cuts_up():
    record = {"status": "done", "device": "T4", "data": {"samples": ["x" * 9000]}}
    word = heard(record_line("m", record), "m")
    assert word is not None and word.value == {"device": "T4"}


def test_a_job_finds_its_data_and_its_base_where_they_were_fetched(job, tmp_path):
    record = job("").run.record()
    assert record.data.source == str(tmp_path / "request/data/faq.csv")
    assert record.base_model.name == str(tmp_path / "request/base/mine")


def test_a_job_that_is_asked_to_stop_ends_with_its_best_checkpoint(job):
    inside = job("time.sleep(60)")
    inside.at.put("vera/r", {"stop-m": b""})
    began = time.monotonic()
    assert inside.run_to_the_end() == 0
    assert time.monotonic() - began < 30
    assert inside.run.record().status == "stopped"
    assert "result-m/model/modules.json" in inside.at.files("vera/r")


def test_the_stop_of_an_earlier_job_does_not_stop_this_one(job):
    inside = job('time.sleep(0.3); end("done")')
    inside.at.put("vera/r", {"stop-earlier": b""})
    assert inside.run_to_the_end() == 0 and inside.run.record().status == "done"


def test_training_that_is_killed_leaves_its_checkpoint_and_no_result(job, capsys):
    inside = job("os.kill(os.getpid(), signal.SIGKILL)")
    assert inside.run_to_the_end() == 1
    files = inside.at.files("vera/r")
    assert files == {"checkpoints/state.pt": b"state"}  # and nothing half written
    assert f"killed by signal {signal.SIGKILL.value}" in capsys.readouterr().out


def test_a_fit_that_fails_hands_over_its_record_and_fails_the_job(job):
    inside = job('write(status="failed", error="The loss became nan."); sys.exit(1)')
    assert inside.run_to_the_end() == 1
    record = json.loads(inside.at.files("vera/r")["result-m/run.json"])
    assert record["error"] == "The loss became nan."


def test_checkpoints_are_uploaded_while_a_job_trains(job):
    wait = ('gone = run.parent / "seen"\nwhile not gone.exists(): time.sleep(0.02)\nend("stopped")')
    inside = job(wait, upload_every=0.05)
    uploaded = []

    def see(repo, operations, message):
        uploaded.append(sorted(operation.path_in_repo for operation in operations))
        (inside.folder / "seen").touch()
        return "sha"

    inside.hub.commit = see
    assert inside.run_to_the_end() == 0
    assert uploaded[0] == ["checkpoints/state.pt"] and len(uploaded) == 2


def test_a_job_that_goes_on_finds_the_checkpoints_that_were_uploaded(job, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "state.pt").write_bytes(b"earlier")
    inside = job('end("done")')
    assert inside.run_to_the_end() == 0
    assert inside.run.record().to_json()["resumed"] == ["state.pt"]


def test_a_result_is_offered_again_to_a_hub_that_does_not_answer(job, monkeypatch):
    inside = job('end("done")')
    pauses, here, sleep = [], threading.get_ident(), time.sleep

    def wait(seconds):
        if threading.get_ident() != here:  # a thread that another test has left
            sleep(seconds)
        elif seconds >= 5:
            pauses.append(seconds)
            inside.at.refuse.clear()

    monkeypatch.setattr(worker.time, "sleep", wait)
    inside.at.refuse["POST", "/commit/"] = 503, "busy"
    assert inside.run_to_the_end() == 0
    assert pauses == [5.0] and "result-m/run.json" in inside.at.files("vera/r")


def test_a_result_that_nobody_takes_fails_the_job_and_says_so(job, monkeypatch, capsys):
    monkeypatch.setattr(worker, "TRIES", 1)
    inside = job('end("done")')
    inside.at.refuse["POST", "/commit/"] = 403, "no write access"
    assert inside.run_to_the_end() == 1
    out = capsys.readouterr().out
    assert "could not be uploaded" in out and TOKEN not in out
