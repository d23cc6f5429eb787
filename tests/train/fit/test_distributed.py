"""Two processes that train together, each a rank over gloo, against one."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from test_loop import (  # noqa: F401 - one is a fixture
    EVERYTHING,
    SMALL,
    data_for,
    folder,
    numbers,
)

from retrieval.index import build_index
from retrieval.metrics import PRIMARY
from retrieval.models import load_encoder
from support.runs.children import wait_for
from support.runs.processes import SECONDS, Members, environments, fit
from support.tiny import tiny_model_for
from train.fit.distributed import Team, join_team
from train.fit.loop import Loop
from train.recipe import Recipe
from train.run.record import Run, mark_interrupted

pytestmark = pytest.mark.slow

RECIPES = {
    "plain": SMALL,
    "everything": replace(EVERYTHING, batching="neighbours"),
    "parts": replace(EVERYTHING, mini_batch_size=1),
    "odd": replace(SMALL, batch_size=3),
}


def trained(model: str, recipe: Recipe, team: Team) -> tuple[Loop, list[float]]:
    """A loop after its first epoch, with the losses; only the main process has the index."""
    encoder = load_encoder(model, device="cpu")
    data = data_for(recipe)
    index = build_index(encoder, data) if team.is_main else None
    loop = Loop(encoder.model, recipe, data, 1, index, team)
    return loop, list(loop.train_epoch())


def failing(loop: Loop, team: Team) -> str:
    """What each process says when memory runs out in the second one only."""
    def full(features):
        raise MemoryError

    if not team.is_main:
        loop.model[0].forward = full
    try:
        next(loop.train_epoch())
    except ValueError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def member(model: str, out: Path) -> None:
    """What each process of the team does."""
    team = join_team()
    said: dict = {"losses": {}}
    for name, recipe in RECIPES.items():
        loop, said["losses"][name] = trained(model, recipe, team)
        torch.save(loop.trained, out / f"{name}-{team.rank}.pt")
    said["stop"] = [team.any(False), team.any(team.rank == 1), team.from_main(team.rank)]
    tensor = torch.full((3,), 1.0 + team.rank)
    team.add([tensor, tensor[:0]])
    said["sum"] = tensor.tolist()
    said["failure"] = failing(loop, team)
    (out / f"{team.rank}.json").write_text(json.dumps(said))
    team.leave()


LEAVING = """
import os
import sys
from train.fit.distributed import join_team

team = join_team()
import torch

layer = torch.nn.Linear(2, 1)
optimizer = torch.optim.AdamW(layer.parameters())
layer(torch.ones(1, 2)).sum().backward()
team.add([layer.weight.grad])
optimizer.step()
if team.is_main:
    sys.stdin.readline()
team.leave()
threads = [open(f"/proc/self/task/{task}/comm").read() for task in os.listdir("/proc/self/task")]
print("group" if any("gloo" in name for name in threads) else "no group")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks at the names of threads in /proc")
def test_who_leaves_last_leaves_no_thread_behind_that_could_abort_the_exit():
    members = [
        subprocess.Popen(
            [sys.executable, "-c", LEAVING], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=os.environ | environment)
        for environment in environments(2)
    ]
    first = members[1].communicate(timeout=SECONDS)[0]
    last = members[0].communicate("go\n", timeout=SECONDS)[0]
    assert [first, last] == ["no group\n", "no group\n"]
    assert [member.returncode for member in members] == [0, 0]


@pytest.fixture(scope="module")
def two(folder, tmp_path_factory):  # noqa: F811
    """What two processes said, and where they put their weights."""
    out = tmp_path_factory.mktemp("team")
    members = Members(member, folder, out, logs=out)
    assert members.wait() == [0, 0], members.said
    return [json.loads((out / f"{rank}.json").read_text()) for rank in (0, 1)], out


@pytest.mark.parametrize("name", RECIPES)
def test_two_processes_learn_what_one_learns(two, folder, name):  # noqa: F811
    said, out = two
    alone, losses = trained(folder, RECIPES[name], Team())
    assert said[0]["losses"][name] == said[1]["losses"][name]
    assert said[0]["losses"][name] == pytest.approx(losses, abs=1e-4)
    first, second = (torch.load(out / f"{name}-{rank}.pt", weights_only=True) for rank in (0, 1))
    for key, value in alone.trained.items():
        assert torch.equal(first[key], second[key]), key  # they never drift apart
        if not key.endswith("key.bias"):  # its gradient is rounding, whose sign AdamW follows
            assert torch.allclose(first[key], value, atol=2e-4), key


def test_what_one_process_is_told_reaches_all(two):
    assert [rank["stop"] for rank in two[0]] == [[False, True, 0], [False, True, 0]]


def test_gradients_are_added_up(two):
    assert [rank["sum"] for rank in two[0]] == [[3.0] * 3, [3.0] * 3]


def test_what_fails_in_one_process_fails_in_all_with_its_sentence(two):
    main, other = (rank["failure"] for rank in two[0])
    assert other.startswith("TrainingError: Memory ran out at step")
    assert main == other.replace("TrainingError", "TeamError")


class Three(Team):
    """The first of three processes, of whom the others do the same: only words pass."""

    def any(self, flag):
        return flag

    def gather(self, rows, count):
        raise AssertionError("vectors were shared")

    def add(self, tensors):
        raise AssertionError("gradients were added up")


def test_a_batch_too_small_to_share_is_trained_on_whole_by_each(folder):  # noqa: F811
    found = []
    for team in (Team(), Three(0, 3)):
        loop = Loop(load_encoder(folder).model, SMALL, numbers(), 1)
        loop.gradient = replace(loop.gradient, team=team)
        value = loop.gradient.of(["what of 7", "what of 14"], ["number 7", "number 14"], (), 0)
        found.append((value, *(tensor.grad for tensor in loop.trained.values())))
    assert all(a is b or torch.equal(torch.as_tensor(a), torch.as_tensor(b))
               for a, b in zip(*found, strict=True))


def test_shares_are_even_and_leave_nothing_out():
    for count in (0, 1, 5, 8, 13):
        shares = [list(Team(rank, 3).share(count)) for rank in range(3)]
        assert sum(shares, []) == list(range(count))
        assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.fixture(scope="module")
def run_with(porsche, sample_folder, tmp_path_factory):
    """Starts a whole run in one process or in two."""
    model = str(tiny_model_for(porsche, tmp_path_factory.mktemp("model")))

    def start(out: Path, size: int = 2, **settings: object) -> tuple[Run, Members]:
        chosen = {"learning_rate": 1e-3, "precision": "fp32", "batch_size": 16} | settings
        members = Members(
            fit, str(out / "home"), "fit", "--data", str(sample_folder), "--base", model,
            "--out", str(out / "run"), "--json",
            *(word for key, value in chosen.items() for word in ("--set", f"{key}={value}")),
            logs=out / "logs", size=size)
        return Run(out / "run"), members

    return start


def test_a_run_in_two_processes_makes_the_model_that_one_makes(run_with, tmp_path):
    one, two = run_with(tmp_path / "one", 1), run_with(tmp_path / "two", 2)
    assert (one[1].wait(), two[1].wait()) == ([0], [0, 0]), two[1].said
    alone, together = one[0].record(), two[0].record()
    assert (together.status, together.processes, alone.processes) == ("done", 2, 1)
    assert together.steps_done == alone.steps_done
    figures = [[at.ndcg for at in record.history] for record in (alone, together)]
    assert figures[1] == pytest.approx(figures[0], abs=0.02)
    for split in ("dev", "test"):
        found = [record.metrics[split].tuned[PRIMARY] for record in (alone, together)]
        assert found[1] == pytest.approx(found[0], abs=0.02)
    kinds = [event.type for event in two[0].events()]  # the other process writes none
    assert kinds.count("started") == kinds.count("done") == 1
    assert kinds.count("eval") == len(together.history)
    assert "{" in two[1].said[0] and "{" not in two[1].said[1]


def test_when_the_main_process_is_killed_the_others_end_and_all_can_go_on(run_with, tmp_path):
    run, members = run_with(tmp_path, epochs=4)
    wait_for(lambda: (run.checkpoints / "state.pt").exists())
    os.kill(members.processes[0].pid, signal.SIGKILL)
    assert members.wait(60) == [-signal.SIGKILL, 1]
    assert "Traceback" not in members.said[1]
    assert mark_interrupted(run)
    again = Members(fit, str(tmp_path / "home"), "fit", "--out", str(run.folder), "--resume",
                    logs=tmp_path / "again")
    assert again.wait() == [0, 0], again.said
    record = run.record()
    assert (record.status, record.steps_done) == ("done", record.steps)
    assert [at.epoch for at in record.history] == list(range(5))
    assert [event.resumed for event in run.events() if event.type == "started"] == [
        False, True]


def test_a_process_that_is_killed_ends_the_run_with_a_word(run_with, tmp_path):
    run, members = run_with(tmp_path, epochs=100)
    wait_for(lambda: any(event.type == "step" for event in run.events()))
    os.kill(members.processes[1].pid, signal.SIGKILL)
    assert members.wait(60)[0] == 1
    record = run.record()
    assert record.status == "failed"
    assert record.error.startswith("Another process of this run ended without a word")
    assert "Traceback" not in members.said[0]
