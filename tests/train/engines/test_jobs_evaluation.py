"""Evaluations on Jobs: what is sent, what comes back, and what is left when it goes wrong."""

import json
import os
import shutil
import subprocess
import sys
import threading

import pytest

from support.fake_hub.jobs import TOKEN, VERA
from support.runs.job_play import QUICK, jobs_hub, start_inside, wait_until
from support.samples import write_beir
from support.services import ROOT
from support.tiny import tiny_model_for
from train.__main__ import main
from train.engines import EngineError
from train.engines.jobs.evaluation import AskedEvaluation, _operations, evaluate_on_jobs
from train.engines.jobs.hub import UserHub
from train.run.record import create_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(porsche, tmp_path_factory):
    return write_beir(porsche, tmp_path_factory.mktemp("data") / "forty", passages=40)


@pytest.fixture(scope="module")
def models(porsche, tmp_path_factory):
    home = tmp_path_factory.mktemp("models")
    return [str(tiny_model_for(porsche, home / name, seed=seed).rename(home / f"{name}-model"))
            for seed, name in enumerate(("one", "two"))]


@pytest.fixture
def hub():
    with jobs_hub() as hub:
        yield hub


class Asking:
    """An evaluation on Jobs in a thread, as the command line waits for it."""

    def __init__(self, hub, models, data, **asked):
        self.told, self.result, self.error = [], None, None
        self.hub = hub
        self.thread = threading.Thread(target=self._ask, daemon=True, args=(
            AskedEvaluation(tuple(models), str(data), "test", **asked),))
        self.thread.start()

    def _ask(self, asked):
        try:
            self.result = evaluate_on_jobs(
                asked, UserHub(TOKEN, self.hub.endpoint), VERA, "t4-small", 1800,
                self.told.append, QUICK, {"HF_ENDPOINT": self.hub.endpoint})
        except EngineError as error:
            self.error = str(error)

    def job(self):
        wait_until(lambda: self.hub.jobs or not self.thread.is_alive(), what=lambda: self.error)
        job = self.hub.only_job()
        self.hub.move(job, "RUNNING")
        return job

    def end(self):
        self.thread.join(30)
        assert not self.thread.is_alive()


def played(hub, job, folder):
    """Run a job's own command in a process, as its machine would."""
    process = start_inside(job, folder)
    limit = threading.Timer(120, process.kill)
    limit.start()
    for line in process.stdout:
        hub.print(job, line.rstrip("\n"))
    hub.move(job, "COMPLETED" if process.wait() == 0 else "ERROR")
    limit.cancel()


def figures(found):
    """All that an evaluation says, but what differs from machine to machine."""
    rows = [{key: value for key, value in row.items() if key not in ("ms_per_query", "seconds")}
            for row in found.pop("alternatives", [])]
    return {**found, "rows": rows}


def test_a_job_gives_what_the_command_gives_here_and_nothing_stays_on_the_hub(
    hub, models, data, tmp_path, capsys, monkeypatch
):
    asking = Asking(hub, [models[0], "bm25", models[1]], data)
    job = asking.job()
    assert job.spec.pop("secrets") == {"HF_TOKEN": TOKEN}
    [repo] = hub.repos.values()
    assert repo.private and TOKEN not in json.dumps(job.spec)
    sent = hub.files(next(name for kind, name in hub.repos if kind == "model"))
    asked = sent["request/evaluate.json"].decode()
    assert str(data.parent) not in asked and os.path.dirname(models[0]) not in asked
    assert "./one-model" in asked and "bm25,./two-model" in asked
    assert not [name for name in sent if "porsche/" in name or name.endswith(".bin")]
    job.spec["secrets"] = {"HF_TOKEN": TOKEN}
    played(hub, job, tmp_path / "machine")
    asking.end()
    assert asking.result, (asking.error, asking.told)
    assert not hub.repos and asking.told[-1].endswith("is deleted.")
    assert any('{"progress"' in line for line in asking.told)
    assert TOKEN not in "".join(asking.told)

    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(os.path.dirname(models[0]))
    assert main(["evaluate", "--model", "./one-model", "--against", "bm25,./two-model",
                 "--data", str(data), "--json"]) == 0
    assert figures(asking.result) == figures(json.loads(capsys.readouterr().out))


def test_a_run_is_sent_with_its_model_and_without_whose_it_is(models, data, tmp_path):
    run = create_run(tmp_path / "ours", "run")
    asked = AskedEvaluation((str(run.folder), "bm25", str(run.folder)), str(data), "test", True)
    with pytest.raises(EngineError, match="holds no model"):
        list(_operations(asked, "mark"))
    shutil.copytree(models[0], run.model)
    run.update(status="done", owner="ada", seconds=60.0)
    sent = {one.path_in_repo: one.path_or_fileobj for one in _operations(asked, "mark")}
    request = json.loads(sent["request/evaluate.json"])
    name = run.folder.name
    assert request["arguments"] == ["--model", f"./{name}", "--split", "test", "--json",
                                    "--against", f"bm25,./{name}-2", "--per-query"]
    for place in (name, f"{name}-2"):
        assert f"request/models/{place}/model/model.safetensors" in sent
        record = json.loads(sent[f"request/models/{place}/run.json"])
        assert record["seconds"] == 60.0 and "owner" not in record


def test_what_the_job_finds_wrong_is_said_here(hub, models, data, tmp_path):
    asking = Asking(hub, [models[0], "./not-there"], data)
    played(hub, asking.job(), tmp_path / "machine")
    asking.end()
    assert "not-there" in asking.error and "\n" not in asking.error and not hub.repos


def test_a_job_that_leaves_nothing_or_nonsense_is_said_to(hub, models, data):
    asking = Asking(hub, models[:1], data)
    hub.move(asking.job(), "ERROR", "OOMKilled")
    asking.end()
    assert "The job failed (OOMKilled)" in asking.error and not hub.repos

    hub.jobs.clear()
    asking = Asking(hub, models[:1], data)
    job = asking.job()
    [(_, name)] = hub.repos
    mark = json.loads(hub.files(name)["request/evaluate.json"])["mark"]
    hub.put(name, {f"result-{mark}/evaluation.json": b"[" * 100_000})
    hub.move(job, "COMPLETED")
    asking.end()
    assert asking.error == "What the job left is no evaluation." and not hub.repos


def test_a_hub_that_goes_away_for_a_while_loses_nothing(hub, models, data):
    asking = Asking(hub, models[:1], data)
    job = asking.job()
    hub.fall()
    hub.fall(down=False)
    [(_, name)] = hub.repos
    mark = json.loads(hub.files(name)["request/evaluate.json"])["mark"]
    hub.put(name, {f"result-{mark}/evaluation.json": b'{"model": {}}'})
    hub.move(job, "COMPLETED")
    asking.end()
    assert asking.result == {"model": {}}


def test_a_token_that_may_not_delete_leaves_an_empty_repository_and_says_so(hub, models, data):
    hub.refuse["DELETE", "/api/repos/delete"] = 403, "missing scope: manage-repos"
    asking = Asking(hub, models[:1], data)
    hub.move(asking.job(), "ERROR")
    asking.end()
    [(_, name)] = hub.repos
    assert f"{name} is empty now" in asking.told[-1]
    assert not [path for path in hub.files(name) if path != ".gitattributes"]


def test_a_job_is_cancelled_though_it_was_interrupted_before_it_was_heard_of(
    hub, models, data, monkeypatch
):
    start = UserHub.run_job

    def interrupted(*arguments, **spec):
        start(*arguments, **spec)
        raise KeyboardInterrupt

    monkeypatch.setattr(UserHub, "run_job", interrupted)
    with pytest.raises(KeyboardInterrupt):
        evaluate_on_jobs(AskedEvaluation((models[0],), str(data), "test"),
                         UserHub(TOKEN, hub.endpoint), VERA, "t4-small", 1800, print, QUICK)
    assert hub.only_job().stage == "CANCELED" and not hub.repos


def command(hub, *arguments, token=TOKEN):
    return subprocess.Popen(
        [sys.executable, "-m", "train", "evaluate", "--engine", "jobs", *arguments], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": token,
                          "HF_HUB_DISABLE_XET": "1", "TANDEM_MAX_MINUTES": "40"})


def test_the_command_says_who_pays_and_an_interrupt_cancels_the_job(hub, models, data):
    import signal

    asking = command(hub, "--model", models[0], "--data", str(data), "--flavor", "t4-small")
    wait_until(lambda: hub.jobs, 60)
    job = hub.only_job()
    assert job.spec["timeoutSeconds"] == 40 * 60 + 240
    asking.send_signal(signal.SIGINT)
    asking.wait(30)
    said = asking.stderr.read()
    assert "vera pays for t4-small, at most 44 minutes at $0.40 an hour." in said
    assert job.stage == "CANCELED" and not hub.repos and asking.returncode
    assert "Traceback" not in said, said


@pytest.mark.parametrize("more, said", [
    ((), "There is no machine None on Jobs: choose one of cpu-basic, t4-small"),
    (("--flavor", "h900"), "There is no machine 'h900' on Jobs"),
    (("--flavor", "t4-small", "--data", "nowhere"), "nowhere")])
def test_the_command_refuses_before_anything_is_sent(hub, models, more, said):
    asking = command(hub, "--model", models[0], "--json", *more)
    out, _ = asking.communicate(timeout=60)
    assert asking.returncode == 1 and said in json.loads(out)["error"]
    assert not hub.jobs and not hub.repos
