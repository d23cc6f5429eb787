"""`python -m train publish`."""

import json
import sys

import pytest

from support.fake_hub.state import ME
from support.publishing import TO
from support.runs.finished import questions


def command(run, *arguments):
    from train.__main__ import main

    return main(["publish", str(run.folder), *arguments])


def test_the_command_prints_what_was_published(run, hub, trusting, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_TOKEN", ME)
    assert command(run, "--to", TO, "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) >= {"repo", "url", "revision", "pull_request", "changed", "verified",
                            "files"}
    assert printed["repo"] == TO and printed["verified"] is True
    assert set(printed["files"][0]) == {"path", "sha256", "bytes"}
    assert hub.repos["model", TO].private


def test_the_command_publishes_data_and_fills_a_collection_beside_the_model(
        run, hub, trusting, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
    monkeypatch.setattr("train.commands.publish.corpus_of", lambda run: questions())
    monkeypatch.setenv("HF_TOKEN", ME)
    assert command(run, "--to", TO, "--with-data", "me/parts", "--data-license", "mit",
                   "--collection", "me/x-1", "--public", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["data_set"]["repo"] == "me/parts" and printed["collection"] == "me/x-1"
    assert hub.collections == {"me/x-1": [TO]}
    assert hub.repos["dataset", "me/parts"].private is False
    with pytest.raises(SystemExit):
        command(run, "--to", TO, "--with-data", "me/parts")


def test_the_command_without_a_token_fails_with_a_sentence(run, monkeypatch, capsys):
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    assert command(run, "--to", TO, "--json") == 1
    assert "Nobody is signed in" in json.loads(capsys.readouterr().out)["error"]


def test_the_commands_dry_run_leaves_a_folder_twice_over(run, capsys):
    for _ in range(2):
        assert command(run, "--to", TO, "--dry-run", "--json") == 0
        printed = json.loads(capsys.readouterr().out)
        assert printed["changed"] is False
    assert (run.folder / "dry-run" / "model.safetensors").is_file()


@pytest.mark.parametrize("arguments", [
    ["--to", "no slash"], [], ["--to", TO, "--license", "mine"], ["--to", TO, "--language", "x!"],
    ["--to", TO, "--public", "--private"]])
def test_wrong_use_of_the_command_is_status_2(run, arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        command(run, *arguments)
    assert ended.value.code == 2 and capsys.readouterr().err


def test_importing_the_publishing_modules_loads_neither_torch_nor_the_hub_client():
    import subprocess

    code = ("import sys; import train.publish.publish, train.commands.publish, train.publish.space;"
            "sys.exit('torch' in sys.modules or 'huggingface_hub' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
