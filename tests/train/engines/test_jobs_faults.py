"""What can go wrong with a job, and what is left of the run then."""

import json
import time

import pytest

from support.fake_hub.jobs import TOKEN
from support.runs.job_play import QUICK, wait_until
from train.engines import EngineError, jobs
from train.engines.jobs import JobsEngine
from train.engines.jobs.protocol import event_line

pytestmark = pytest.mark.slow


def test_a_job_that_fails_gives_its_last_line_without_tokens(play):
    job = play.start()
    play.hub.print(job, "Resolving …", f"error: no space left for {TOKEN} and hf_{'x' * 30}")
    play.hub.move(job, "ERROR", "Job failed with exit code 1")
    play.wait_for("failed")
    error = play.run.record().error
    assert "no space left for (token) and (token)" in error and "exit code 1" in error


def test_a_fit_that_fails_gives_its_own_sentence(play):
    job = play.start()
    play.hub.put(play.repo, {f"result-{play.mark}/run.json": json.dumps(
        {"schema": 1, "status": "failed", "error": "The loss became nan at step 3."}).encode()})
    play.hub.move(job, "ERROR")
    play.wait_for("failed")
    assert play.run.record().error == "The loss became nan at step 3."


def test_a_job_that_ran_out_of_time_can_be_resumed_from_what_it_uploaded(play):
    job = play.start()
    play.hub.print(job, *play.parts()[0])
    play.hub.put(play.repo, {"checkpoints/state.pt": b"a state"})
    play.hub.move(job, "ERROR", "Job timeout")
    play.wait_for("interrupted")
    assert "Job timeout" in play.run.record().error
    play.run.update(status="queued", error=None)
    play.engine.start(play.run, TOKEN)
    wait_until(lambda: len(play.hub.jobs) == 2, what=play.run.record)
    assert "checkpoints/state.pt" in play.hub.files(play.repo)
    second = play.hub.jobs["job2"]
    play.hub.move(second, "RUNNING")
    play.hub.print(second, *play.lines())
    play.finish(second)
    play.wait_for("done")


def test_a_hub_that_is_gone_for_a_while_is_found_again_and_no_event_twice_or_lost(play):
    job = play.start()
    first, rest = play.parts()
    play.hub.print(job, "once", *first)
    wait_until(lambda: play.numbers() == [1, 2, 3])
    play.hub.fall()
    wait_until(lambda: play.run.record().note, what=play.run.record)
    assert "Lost contact since" in play.run.record().note and play.status == "running"
    play.hub.print(job, *rest)
    time.sleep(0.3)  # several attempts
    assert play.status == "running"
    play.hub.fall(False)
    wait_until(lambda: play.run.record().note is None, what=play.run.record)
    play.finish(job)
    play.wait_for("done")
    assert play.numbers() == [said.n for said in play.events]
    assert (play.run.folder / "process.log").read_text().count("once") == 1


def test_a_start_whose_answer_is_lost_is_one_job_and_not_two(play):
    play.hub.lose_answer.append(("POST", "/api/jobs/vera"))
    play.engine.start(play.run, TOKEN)
    wait_until(lambda: play.run.record().engine.job or play.status == "failed")
    assert play.run.record().engine.job == play.hub.only_job().id
    assert not play.hub.lose_answer


def test_a_job_that_was_started_as_the_app_was_killed_is_taken_up_and_not_started_twice(play):
    job = play.start()
    restarted(play)
    play.run.update(engine=play.run.record().engine.changed(job=None))  # not written any more
    play.engine = JobsEngine(endpoint=play.hub.endpoint, pace=QUICK)
    play.engine.look(play.run)
    assert play.status == "interrupted"
    mark = play.mark
    play.run.update(status="queued")
    play.engine.start(play.run, TOKEN)
    wait_until(lambda: play.run.record().engine.job == job.id, what=play.run.record)
    assert play.mark == mark and len(play.hub.jobs) == 1
    play.hub.print(job, *play.lines())
    play.finish(job)
    play.wait_for("done")


def restarted(play):
    """The app after a restart: nothing of the engine is in memory any more."""
    play.engine.abandon()
    play.hub.fall()  # the old watch ends with its connection
    wait_until(lambda: not play.engine._watched(play.run))
    play.hub.fall(False)
    play.later.append(JobsEngine(endpoint=play.hub.endpoint, pace=QUICK))
    return play.later[-1]


def test_after_a_restart_a_run_waits_for_its_user_and_is_followed_on(play):
    job = play.start()
    first, rest = play.parts()
    play.hub.print(job, *first)
    wait_until(lambda: play.numbers() == [1, 2, 3])
    engine = restarted(play)
    play.run.update(note=None)
    with (play.run.folder / "events.jsonl").open("ab") as events:
        events.write(b'{"type": "step", "half')  # killed while it wrote
    engine.look(play.run)
    assert play.status == "running" and "sign in as vera" in play.run.record().note
    play.hub.tokens["other"] = {"name": "otto"}
    with pytest.raises(EngineError, match="paid by vera"):
        engine.attach(play.run, "other")
    play.hub.print(job, *rest)
    for _ in range(5):  # a page that is open looks every second
        engine.visit(play.run, TOKEN)
    wait_until(lambda: engine._watched(play.run))
    engine.attach(play.run, TOKEN)
    play.finish(job)
    play.wait_for("done")
    assert play.numbers() == [said.n for said in play.events]
    assert play.run.record().note is None


def test_an_owner_who_comes_back_with_a_sign_in_that_is_no_good_is_told_so(play, monkeypatch):
    monkeypatch.setattr(jobs, "TRY_EVERY", 5.0)
    play.start()
    engine = restarted(play)
    engine.visit(play.run, None)
    engine.visit(play.run, "hf_expired")
    wait_until(lambda: "Sign in again" in (play.run.record().note or ""))
    asked = len(play.hub.asked)
    engine.visit(play.run, "hf_expired")  # not with every look
    assert len(play.hub.asked) == asked and play.status == "running"
    monkeypatch.setattr(jobs, "TRY_EVERY", 0.0)
    engine.visit(play.run, TOKEN)
    wait_until(lambda: engine._watched(play.run))


def test_a_run_can_be_stopped_after_a_restart_by_whoever_pays(play):
    play.start()
    engine = restarted(play)
    with pytest.raises(EngineError, match="Sign in"):
        engine.stop(play.run)
    assert engine.stop(play.run, TOKEN)
    play.wait_for("stopped")


def test_a_restart_before_the_job_was_started_is_an_interruption(play):
    play.run.update(status="running", engine={"name": "jobs", "flavor": "t4-small", "job": None})
    play.engine.look(play.run)
    assert play.status == "interrupted"


def test_a_token_that_expires_in_the_middle_leaves_the_run_as_it_is(play):
    job = play.start()
    play.hub.print(job, *play.parts()[0])
    wait_until(play.numbers)
    user = play.hub.tokens.pop(TOKEN)
    play.hub.fall()
    time.sleep(0.1)
    play.hub.fall(False)
    wait_until(lambda: "Sign in again" in (play.run.record().note or ""), what=play.run.record)
    assert play.status == "running"
    wait_until(lambda: not play.engine._watched(play.run))
    play.engine.look(play.run)
    play.hub.tokens["hf_" + "anotherAnotherAnother"] = user
    play.engine.attach(play.run, "hf_" + "anotherAnotherAnother")
    play.finish(job)
    play.wait_for("done")


def test_hostile_lines_of_a_log_are_no_events(play):
    job = play.start()
    forged = event_line("0" * 16, 1, {"type": "done", "status": "done"})
    play.hub.print(
        job, forged, f"tandem:{play.mark}:event:1 {{broken", f"tandem:{play.mark}:event:2 [1]",
        f"tandem:{play.mark}:event:3 " + json.dumps({"type": "log", "text": "x" * 100_000}),
        f"tandem:{play.mark}:event:0 " + json.dumps({"type": "log"}),
        f"tandem:{play.mark}:event:4 " + json.dumps({"type": "\0nul"}),
        f"tandem:{play.mark}:event:5 " + "[" * 50_000,
        "nul \0 escape \x1b[31m" + "y" * 1_000_000, "",
        f"tandem:{play.mark}:record:0 " + json.dumps({"status": "done", "owner": "mallory",
                                                      "metrics": {}, "device": "Abacus"}),
    )
    wait_until(lambda: play.run.record().device == "Abacus", what=play.run.record)
    assert play.numbers() == [] and play.status == "running"
    assert play.run.record().owner == "vera" and not play.run.record().metrics
    log = (play.run.folder / "process.log").read_text("utf-8")
    assert "\0" not in log and "\x1b" not in log and len(log) < 10_000
    play.hub.print(job, *play.lines())
    play.finish(job)
    play.wait_for("done")
    assert play.numbers() == [said.n for said in play.events]


@pytest.mark.parametrize("name", ["model/pytorch_model.bin", "model/custom.py", "model/a.pkl",
                                  "model/.hidden.json"])
def test_a_result_with_files_that_could_run_code_is_not_taken_over(play, name):
    job = play.start()
    play.finish(job, **{name: b"cos\nsystem\n"})
    play.wait_for("failed")
    assert "only safetensors" in play.run.record().error and not play.run.has_model


def test_a_result_that_would_load_code_of_its_own_is_not_taken_over(play):
    job = play.start()
    modules = [{"idx": 0, "name": "0", "path": "", "type": "custom_code.Module"}]
    play.finish(job, **{"model/modules.json": json.dumps(modules).encode()})
    play.wait_for("failed")
    assert "custom_code.Module" in play.run.record().error and not play.run.has_model


@pytest.mark.parametrize("record", [b"not json", b"[]", b'{"status": "running"}'])
def test_a_result_whose_record_is_none_is_said(play, record):
    job = play.start()
    play.finish(job, **{"run.json": record})
    play.wait_for("failed")
    assert "not the record" in play.run.record().error


def test_a_job_that_ends_without_a_result_says_so(play):
    job = play.start()
    play.hub.print(job, "bye")
    play.hub.move(job, "COMPLETED")
    play.wait_for("failed")
    assert "without a result" in play.run.record().error
    assert "bye" in play.run.record().error


def test_a_run_deleted_while_it_is_watched_ends_the_watch(play):
    job = play.start()
    play.run.delete()
    play.hub.print(job, *[event_line("0", 1, {"type": "log"})] * 3)
    play.hub.move(job, "COMPLETED")
    wait_until(lambda: not play.engine._watched(play.run))
    assert not play.run.folder.exists()


def test_a_stop_as_the_job_ends_by_itself_is_no_error(play):
    job = play.start()
    play.hub.refuse["POST", "/cancel"] = 409, "The job has ended"
    with pytest.raises(EngineError, match="has ended"):
        play.engine.stop(play.run)
    job.stage = "COMPLETED"  # and the watch has not looked yet
    play.engine.stop(play.run)


@pytest.mark.parametrize("keep, refused", [(False, False), (True, False), (False, True)])
def test_the_repository_of_a_run_goes_when_its_result_is_here(play, keep, refused):
    play.engine.keep = keep
    if refused:
        play.hub.refuse["DELETE", "/api/repos/delete"] = 403, "missing scope: manage-repos"
    play.finish(play.start())
    play.wait_for("done")
    wait_until(lambda: not play.engine._watched(play.run))
    assert play.run.has_model
    assert (("model", play.repo) in play.hub.repos) is (keep or refused)
    told = [event.text for event in play.run.events() if event.type == "log"]
    assert any(f"{play.repo} is empty now" in text and "manage-repos" in text
               for text in told) is refused
    if refused:  # what may not be deleted has nothing in it, and no history
        repository = play.hub.repos["model", play.repo]
        assert set(repository.head.files) == {".gitattributes"}
        assert len(repository.commits) == 1


def test_where_a_token_may_neither_delete_nor_write_the_log_says_where_the_files_are(play):
    job = play.start()
    play.hub.refuse["DELETE", "/api/repos/delete"] = 403, "missing scope: manage-repos"
    play.hub.refuse["POST", "/commit/"] = 403, "read only"
    play.finish(job)
    play.wait_for("done")
    wait_until(lambda: not play.engine._watched(play.run))
    told = [event.text for event in play.run.events() if event.type == "log"]
    assert any("stay in" in text and play.repo in text for text in told)
