"""Two processes that train together, each a rank over gloo, against one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import team_script
from retrieval.encoder import load_encoder
from team import run_team
from test_loop import SMALL, folder, numbers  # noqa: F401 - one is a fixture
from train.loop import Loop
from train.team import Team


@pytest.fixture(scope="module")
def two(folder, tmp_path_factory):  # noqa: F811
    """What two processes said, and where they put their weights."""
    out = tmp_path_factory.mktemp("team")
    done = run_team(Path(team_script.__file__), folder, str(out))
    assert [process.returncode for process in done] == [0, 0], done[0].stderr + done[1].stderr
    return [json.loads(process.stdout.splitlines()[-1]) for process in done], out


@pytest.mark.parametrize("name", team_script.RECIPES)
def test_two_processes_learn_what_one_learns(two, folder, name):  # noqa: F811
    said, out = two
    alone, losses = team_script.trained(folder, team_script.RECIPES[name], Team())
    assert said[0]["losses"][name] == said[1]["losses"][name]
    assert said[0]["losses"][name] == pytest.approx(losses, abs=1e-4)
    first, second = (torch.load(out / f"{name}-{rank}.pt", weights_only=True) for rank in (0, 1))
    for key, value in alone.trained.items():
        assert torch.equal(first[key], second[key]), key  # they never drift apart
        if not key.endswith("key.bias"):  # its gradient is rounding, whose sign AdamW follows
            assert torch.allclose(first[key], value, atol=2e-4), key


def test_a_stop_asked_of_one_process_reaches_all(two):
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
