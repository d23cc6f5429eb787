import json
import pickle
import subprocess
import sys
import time
import traceback

import pytest

from retrieval.models import load_encoder
from support.fake_hub.jobs import TOKEN
from support.runs.job_play import wait_until
from train.engines import EngineError, Flavor
from train.engines.jobs import estimated_cost
from train.engines.jobs.pricing import INSTALL_SECONDS, LONGEST_S, SHORTEST_S, time_limit
from train.engines.jobs.protocol import heard, record_line
from train.run.parts import RecordedEstimate

pytestmark = pytest.mark.slow


def refused(play, match):
    """Refused to a handler that asks, and to a run that was started all the same."""
    flavor = play.run.record().engine.flavor
    with pytest.raises(EngineError, match=match) as refusal:
        play.engine.check(TOKEN, flavor)
    said = "".join(traceback.format_exception(refusal.value))
    assert TOKEN not in said and TOKEN.encode() not in pickle.dumps(refusal.value)
    assert refusal.value.__context__ is None and refusal.value.__cause__ is None
    play.engine.start(play.run, TOKEN)
    play.wait_for("failed")
    assert play.run.record().error == str(refusal.value)
    assert not play.hub.jobs and not play.hub.repos
    play.run.update(status="queued")


# What a real job did: its own command in a process of its own.


def test_a_job_trains_what_was_uploaded_and_hands_over_its_result(real_job):
    run, record = real_job.run, real_job.run.record()
    assert record.status == "done", (record.error, real_job.printed)
    assert set(record.metrics) == {"dev", "test"}
    assert {row["split"] for row in run.per_query()} == {"dev", "test"}
    assert load_encoder(str(run.model)).dim == 32
    mark = record.engine.mark
    told = [said.n for line in real_job.printed if (said := heard(line, mark)) and said.n]
    assert told == list(range(1, len(told) + 1))
    assert [event.n for event in run.events() if event.n] == told


def test_a_result_names_the_places_of_this_machine_and_not_of_the_jobs(real_job):
    record = real_job.run.record()
    assert record.data.source == str(real_job.data)
    assert record.base_model.name == str(real_job.model)
    assert record.engine.name == "jobs" and record.seed == 42
    kept = json.dumps(record.to_json()) + (real_job.run.model / "README.md").read_text("utf-8")
    assert str(real_job.machine) not in kept


def test_a_job_that_is_done_leaves_no_checkpoints_and_no_history(real_job):
    [kept] = real_job.repository.commits
    files = kept.contents
    assert not [name for name in files if name.startswith("checkpoints/")]
    assert not [name for name in files if name.endswith((".pt", ".bin", ".pkl"))]


def test_a_jobs_token_is_a_secret_and_nowhere_else(real_job):
    spec = real_job.job.spec
    assert spec.pop("secrets") == {"HF_TOKEN": TOKEN}
    assert TOKEN not in json.dumps(spec) + "".join(real_job.printed)
    everywhere = [*real_job.run.folder.rglob("*"), *real_job.machine.rglob("*")]
    assert not [path for path in everywhere
                if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert not [name for name, data in real_job.repository.head.contents.items()
                if TOKEN.encode() in data]
    spec["secrets"] = {"HF_TOKEN": TOKEN}


def test_a_job_is_uploaded_without_whose_it_is_and_without_other_files_of_its_data(play):
    (play.real.data / "private.txt").write_text("not data")
    try:
        play.start()
    finally:
        (play.real.data / "private.txt").unlink()
    files = play.hub.files(play.repo)
    assert play.hub.repos["model", play.repo].private
    assert {name.split("/")[0] for name in files} == {"tandem", "request"}
    assert not [name for name in files if "private" in name or "porsche/" in name]
    asked = json.loads(files["request/job.json"])
    assert asked["record"]["status"] == "queued" and "owner" not in asked["record"]
    assert str(play.real.data.parent) not in files["request/job.json"].decode()
    assert sum(len(data) for name, data in files.items() if name.startswith("tandem/")) < 1.5e6


def test_a_job_gets_the_libraries_of_requirements_txt_without_the_page(play):
    command = play.start().spec["command"]
    assert command[:2] == ["uv", "run"]
    libraries = [command[i + 1] for i, part in enumerate(command) if part == "--with"]
    assert "sentence-transformers==6.2.0" in libraries and "torch>=2.11,<=2.13.0" in libraries
    assert not [library for library in libraries if library.startswith("gradio")]


# Start, progress, finish.


def test_a_run_is_followed_from_start_to_result(play):
    job = play.start()
    first, rest = play.parts()
    # When a real job said what it runs on, among its events, is chance.
    known = {**next(said.value for said in play.said if not said.n), "status": "running",
             "metrics": {}, "device": play.real.run.record().device}
    play.hub.print(job, "Installed 63 packages in 21s", *first, record_line(play.mark, known))
    wait_until(lambda: play.run.record().device, what=play.run.record)
    assert len(play.numbers()) == 3
    record = play.run.record()
    assert record.status == "running" and record.note is None
    assert record.engine.stage == "RUNNING" and record.process is None
    assert record.device == play.real.run.record().device  # known before the end
    assert not record.metrics
    play.hub.print(job, *rest)
    play.finish(job)
    play.wait_for("done")
    assert play.numbers() == [said.n for said in play.events]
    assert play.run.record().metrics == play.real.run.record().metrics
    assert play.run.record().owner == "vera"
    assert load_encoder(str(play.run.model)).dim == 32
    assert "Installed 63 packages" in (play.run.folder / "process.log").read_text()
    phases = [event.phase for event in play.run.events() if event.type == "phase"]
    assert phases[:3] == ["upload", "machine", "install"]


def test_events_that_the_log_lost_come_with_the_result(play):
    job = play.start()
    play.hub.print(job, *play.parts()[0])
    play.finish(job)
    play.wait_for("done")
    assert play.numbers() == [said.n for said in play.events]


def test_importing_the_engines_loads_nothing_heavy_and_nothing_of_a_platform():
    code = ("import sys; import train.engines.jobs, train.engines.zerogpu,"
            " train.engines.jobs.worker; sys.exit(bool({'torch', 'spaces', 'gradio',"
            " 'huggingface_hub', 'sentence_transformers'} & set(sys.modules)))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_runs_do_not_wait_for_each_other(play):
    other = type(play.run)(play.run.folder.parent / "other")
    assert play.engine.device(play.run) != play.engine.device(other)


# Who may, what it costs, how long.


def test_somebody_without_a_sign_in_is_told_so(play):
    with pytest.raises(EngineError, match="sign in"):
        play.engine.start(play.run, None)
    with pytest.raises(EngineError, match="sign in"):
        play.engine.check(None, "t4-small")
    assert play.status == "queued"


def test_an_expired_token_is_told_before_anything_is_uploaded(play):
    play.hub.tokens.clear()
    refused(play, "may have expired. Sign in again")


def test_a_token_that_may_only_read_is_refused(play):
    play.hub.tokens[TOKEN]["auth"] = {"accessToken": {"role": "read"}}
    refused(play, "may only read")


def test_a_sign_in_about_to_end_is_refused_and_a_longer_one_bounds_the_job(play):
    soon = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 120))
    play.hub.tokens[TOKEN]["auth"] = {"type": "oauth", "expiresAt": soon}
    refused(play, "ends in a few minutes")
    later = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 3600))
    play.hub.tokens[TOKEN]["auth"]["expiresAt"] = later
    assert 3400 < play.start().spec["timeoutSeconds"] < 3600


def test_somebody_who_may_not_run_jobs_is_told_so(play):
    play.hub.refuse["GET", "/api/jobs/vera"] = 403, "missing scope: jobs"
    refused(play, "may not do that.*running Jobs.*missing scope")


def test_without_credit_the_run_says_where_to_add_some(play):
    play.hub.refuse["POST", "/api/jobs/vera$"] = 402, "Pre-paid credit balance is insufficient"
    play.engine.start(play.run, TOKEN)
    play.wait_for("failed")
    assert "billing" in play.run.record().error and "credit" in play.run.record().error
    assert not play.run.record().engine.job


def test_a_public_repository_of_that_name_is_not_given_the_data(play):
    taken = play.hub.repo(f"vera/tandem-run-{play.run.id}", "vera", private=False)
    play.engine.start(play.run, TOKEN)
    play.wait_for("failed")
    assert "is public" in play.run.record().error
    assert len(taken.commits) == 1 and not play.hub.jobs


def test_machines_have_a_price_an_hour_and_the_cheapest_is_first(play):
    cpu, t4, pair = play.engine.flavors()
    assert cpu == Flavor("cpu-basic", "CPU Basic", 0.01002, 0, 16.0)
    assert (t4.name, t4.gpus, t4.memory_gb, t4.usd_per_hour) == ("t4-small", 1, 16.0, 0.40002)
    assert (pair.name, pair.gpus, pair.usd_per_hour) == ("a10g-largex2", 2, 3.0)
    asked = len(play.hub.asked)
    play.hub.fall()
    assert play.engine.flavors() and len(play.hub.asked) == asked  # kept for a while


def test_without_the_hub_the_machines_are_a_sentence(play):
    play.hub.fall()
    with pytest.raises(EngineError, match="does not answer.*listing the machines of Jobs"):
        play.engine.flavors()


def test_a_machine_that_is_not_there_is_refused_with_those_that_are(play):
    play.run.update(engine={"name": "jobs", "flavor": "h1000"})
    refused(play, "no machine 'h1000'.*t4-small")


def test_a_run_whose_data_is_gone_is_refused(play, tmp_path):
    play.run.update(data={"source": str(tmp_path / "gone"), "name": "gone"})
    with pytest.raises(EngineError, match="not at gone any more"):
        play.engine.start(play.run, TOKEN)
    assert play.status == "queued" and not play.hub.jobs


def test_a_start_does_not_wait_for_the_hub(play):
    play.hub.fall()
    began = time.monotonic()
    play.engine.start(play.run, TOKEN)
    assert time.monotonic() - began < 1 and play.run.record().engine.stage == "UPLOADING"
    play.wait_for("failed")
    assert "does not answer" in play.run.record().error


def test_whoever_may_is_told_whose_account_pays(play):
    assert play.engine.check(TOKEN, "t4-small") == "vera"


def test_the_cost_is_that_of_the_whole_job():
    low, high = estimated_cost((0, 3600 - INSTALL_SECONDS), Flavor("a", "A", 2.0))
    assert (low, high) == (pytest.approx(2.0 * INSTALL_SECONDS / 3600), 2.0)
    assert estimated_cost((1, 2), Flavor("a", "A", None)) is None


def test_a_job_may_take_well_more_than_its_estimate_and_never_more_than_the_limit(play):
    assert time_limit(None, None) == LONGEST_S
    assert time_limit(RecordedEstimate(seconds=(10, 20)), None) == SHORTEST_S
    hour = RecordedEstimate(seconds=(1800, 3600))
    assert time_limit(hour, None) == 3 * 3600 + INSTALL_SECONDS
    assert time_limit(hour, 60) == 3600 + INSTALL_SECONDS
    play.engine.max_minutes = 60
    spec = play.start().spec
    assert spec["timeoutSeconds"] == 3600 + INSTALL_SECONDS
    assert spec["environment"]["TANDEM_MAX_MINUTES"] == "60"


# Stop.


def test_a_run_stopped_while_it_waits_for_a_machine_costs_nothing(play):
    play.engine.start(play.run, TOKEN)
    wait_until(lambda: play.run.record().engine.stage == "SCHEDULING", what=play.run.record)
    assert play.engine.stop(play.run)
    play.wait_for("stopped")
    assert play.hub.only_job().stage == "CANCELED" and not play.run.has_model
    assert not play.engine.stop(play.run)


def test_a_run_that_trains_is_asked_to_stop_and_its_result_taken(play):
    job = play.start()
    play.hub.print(job, *play.parts()[0])
    wait_until(play.numbers)
    assert play.engine.stop(play.run)
    assert play.hub.files(play.repo)[f"stop-{play.mark}"] and job.stage == "RUNNING"
    theirs = json.loads(play.real.repository.head.contents[
        f"result-{play.real.run.record().engine.mark}/run.json"])
    play.finish(job, **{"run.json": json.dumps(theirs | {"status": "stopped"}).encode()})
    play.wait_for("stopped")
    assert play.run.has_model and play.run.record().test


def test_a_job_that_does_not_stop_is_cancelled_and_its_last_checkpoint_kept(play):
    job = play.start()
    play.hub.print(job, *play.parts()[0])
    wait_until(play.numbers)
    model = {f"checkpoints/best/{path.relative_to(play.real.model)}": path.read_bytes()
             for path in play.real.model.rglob("*") if path.is_file()}
    play.hub.put(play.repo, model | {"checkpoints/state.pt": b"a state"})
    assert play.engine.stop(play.run)
    play.wait_for("stopped")
    assert job.stage == "CANCELED"
    assert load_encoder(str(play.run.model)).dim == 32
    assert "before it was measured on test" in play.run.record().error
    assert not list(play.run.folder.rglob("*.pt"))


def test_stopping_twice_ends_the_job_at_once(play):
    job = play.start()
    play.hub.print(job, *play.parts()[0])
    wait_until(play.numbers)
    assert play.engine.stop(play.run) and play.engine.stop(play.run)
    assert job.stage == "CANCELED"
    play.wait_for("stopped")


def test_a_job_cancelled_on_the_hub_says_so(play):
    job = play.start()
    play.hub.move(job, "CANCELED")
    play.wait_for("stopped")
    assert "cancelled on the Hub" in play.run.record().error
