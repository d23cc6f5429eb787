"""A run in several processes, started by `accelerate` as on a machine with several GPUs."""

import os
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch

from support.services import ROOT
from support.tiny import tiny_model_for
from train.commands import launch
from train.recipe import named_recipe
from train.run.record import create_run
from train.run.spec import RunSpec

SECONDS = 300


@pytest.fixture(scope="module")
def request_for(porsche, sample_folder, tmp_path_factory):
    model = str(tiny_model_for(porsche, tmp_path_factory.mktemp("tiny")))
    recipe = replace(named_recipe("tandem"), learning_rate=1e-3, precision="fp32", batch_size=16)
    return lambda **changes: RunSpec(str(sample_folder), model, recipe=replace(recipe, **changes))


def start(run, processes=2):
    log = (run.folder / "process.log").open("ab")
    return subprocess.Popen(
        launch.command(run.folder, processes), cwd=ROOT, stdout=log, stderr=log,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TANDEM_HOME": str(run.folder.parent)})


def log_of(run):
    return (run.folder / "process.log").read_text("utf-8")[-3000:]


def wait_for(run, what):
    end = time.monotonic() + SECONDS
    while not what():
        assert time.monotonic() < end, log_of(run)
        time.sleep(0.1)


@pytest.mark.slow
def test_a_stop_ends_all_processes_and_keeps_the_best_so_far(request_for, tmp_path):
    run = request_for(epochs=100).create(tmp_path)
    child = start(run)
    wait_for(run, lambda: len([e for e in run.events() if e.type == "eval"]) > 1)
    os.kill(run.record().process.pid, 15)  # as the engine does
    assert child.wait(120) == 0, log_of(run)
    record = run.record()
    assert (record.status, record.ended_by) == ("stopped", "stop")
    assert run.has_model and 0 < record.steps_done < record.steps
    assert record.processes == 2


def test_a_batch_is_shared_by_as_many_gpus_as_are_worth_it():
    assert [launch.processes(gpus, 32) for gpus in (0, 1, 2, 8)] == [1, 1, 2, 4]
    assert launch.processes(8, 8) == 1
    assert launch.processes(8, 4096) == 8


def test_with_several_gpus_accelerate_starts_the_run(request_for, tmp_path, monkeypatch):
    run = request_for(batch_size=64).create(tmp_path)
    started = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setenv("OMP_NUM_THREADS", "8")

    def replace_this_process(program, line):
        started.append(line)
        raise SystemExit

    monkeypatch.setattr(os, "execv", replace_this_process)
    with pytest.raises(SystemExit):
        launch.main(run.folder)
    (line,) = started
    assert line[:3] == [sys.executable, "-m", "accelerate.commands.launch"]
    assert line[line.index("--num_processes") + 1] == "4"
    assert line[line.index("-m", 3):][:3] == ["-m", "train", "fit"]
    assert line[line.index("--out") + 1] == str(run.folder)


def test_without_several_gpus_the_run_is_this_very_process(request_for, tmp_path, monkeypatch):
    run = create_run(tmp_path, "a")
    run.update(**request_for().as_record())
    asked = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr("train.__main__.main", lambda arguments: asked.append(arguments) or 0)
    assert launch.main(run.folder) == 0
    assert asked == [["fit", "--out", str(run.folder), "--resume", "--json"]]
