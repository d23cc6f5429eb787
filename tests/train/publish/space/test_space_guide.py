"""docs/SPACE.md, line by line, against a Hub on loopback as a free account sees it."""

import re
import shlex
import shutil
import subprocess

import pytest

from support.fake_hub.spaces import MOST_ZERO, OAUTH
from support.fake_hub.state import ME
from support.services import ROOT
from train.__main__ import main as train
from train.publish.space import main as space

pytestmark = pytest.mark.slow

GUIDE = (ROOT / "docs" / "SPACE.md").read_text("utf-8")
LINES = [line for block in re.findall(r"```\n(.*?)```", GUIDE, re.DOTALL)
         for line in block.splitlines()]
MODEL, OPEN = ("model", "you/my-model"), ("model", "you/my-public-model")


@pytest.fixture
def account(hub, run, tmp_path, monkeypatch):
    """A free account, signed in with `hf auth login`, in a folder where `my-run` was made."""
    hub.tokens[ME] |= {"name": "you", "orgs": [], "auth": OAUTH}
    shutil.copytree(run.folder, tmp_path / "here" / "my-run")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: ME)
    monkeypatch.delenv("TANDEM_SPACE_TOKEN", raising=False)
    return hub


def of_make(line):
    """The command line that a `make` line runs."""
    told = subprocess.run(["make", "-n", *shlex.split(line)[1:]], cwd=ROOT, capture_output=True,
                          text=True, check=True).stdout.replace("\\\n", " ")
    return next(shlex.split(each) for each in told.splitlines() if "-m train.publish" in each
                or "app.py" in each)


def carried_out(line, hub):
    """Do what a line of the guide says; the exit status."""
    words = shlex.split(line)
    if words[0] == "make" and words[1] == "space":
        arguments = of_make(line)
        made = [name for (kind, name) in hub.repos if kind == "space"]
        if len(made) == MOST_ZERO and "--dry-run" not in arguments:
            del hub.repos["space", made[0]]  # a free account has two: these lines are ways to one
        return space(arguments[arguments.index("train.publish.space") + 1:])
    if words[:3] == ["python", "-m", "train"] and words[3] == "publish":
        return train(words[3:])
    return None


def test_every_line_of_the_guide_works_for_a_free_account(
        account, trusting, caplog, capsys):
    caplog.set_level("INFO", logger="train")
    done = {}
    for line in LINES:
        caplog.clear()
        done[line] = carried_out(line, account), caplog.text, capsys.readouterr().out
        assert done[line][0] in (0, None), (line, caplog.text)
    assert sum(status == 0 for status, *_ in done.values()) == 8
    assert account.repos[MODEL].private and not account.repos[OPEN].private
    assert not account.count(r"POST /api/spaces/\S+/(hardware|secrets|variables|restart)")
    said = done["make space REPO=you/tandem-gpu HARDWARE=t4-small"]
    assert "t4-small costs $0.40 an hour" in said[1] and "on zero-a10g instead" in said[1]
    assert account.repos["dataset", "you/tandem-runs"].private
    assert account.buckets["you/tandem-home"].private


def test_the_space_of_the_guide_is_public_and_opens_with_the_model(account, trusting, capsys):
    for line in LINES:
        if "my-public-model" in line:
            assert carried_out(line, account) == 0
    made = account.repos["space", "you/tandem"]
    assert made.hardware == "zero-a10g" and not made.private
    assert {"key": "TANDEM_TUNED_MODEL", "value": OPEN[1]} in made.made_with["variables"]
    front = made.text("README.md").split("---")[1]
    assert f'preload_from_hub:\n  - "{OPEN[1]} ' in front and "model.safetensors" in front
    assert capsys.readouterr().out.splitlines()[-1] == f"{account.endpoint}/spaces/you/tandem"


def test_the_lines_that_ask_no_hub_are_commands_there_are():
    others = [line for line in LINES if "publish" not in line and "make space" not in line]
    assert others == ["make demo", "hf auth login",
                      "python -m train fit --data porsche --recipe quick --out my-run"]
    assert of_make("make demo")[-1] == "app.py"
    from train.__main__ import _parser

    options = _parser().parse_args(shlex.split(others[2])[3:])
    assert (options.data, options.recipe, str(options.out)) == ("porsche", "quick", "my-run")


def test_the_readme_of_the_space_says_who_can_have_which_hardware():
    rows = [line for line in (ROOT / "README.md").read_text("utf-8").splitlines()
            if line.startswith("| `")]
    assert any("zero-a10g" in row and "two Spaces" in row and "nothing" in row for row in rows)
    assert any("cpu-basic" in row and "PRO, Team, Enterprise" in row for row in rows)


def test_the_scopes_of_the_guide_are_those_of_the_front_matter():
    front = (ROOT / "README.md").read_text("utf-8").split("---")[1]
    scopes = re.search(r"hf_oauth_scopes:\n((?:  - .*\n)+)", front)[1].split()[1::2]
    assert scopes == ["contribute-repos", "jobs", "read-billing"]
    assert all(f"`{scope}`" in GUIDE for scope in (*scopes, "manage-repos"))
