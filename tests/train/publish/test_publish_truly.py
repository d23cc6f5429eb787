"""What publishing says of what it did is so, and one is told how to go on."""

import json
import os
import signal

import pytest

from support.fake_hub.state import ME
from support.publishing import (
    COMMIT,
    TO,
    UPLOAD,
    content,
    done,
    nothing_published,
    refused,
    steps_of,
)
from train.publish.remote import EditedCardError
from train.report.card_metadata import LICENSES, CardEdits


def command(run, hub, monkeypatch, *arguments):
    from train.__main__ import main

    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.endpoint)
    monkeypatch.setenv("HF_TOKEN", ME)
    return main(["publish", str(run.folder), "--to", TO, *arguments])


def edit_there(hub):
    repo = hub.repos["model", TO]
    text = repo.text("README.md") + "\n## Contact\n\nAsk the parts desk.\n"
    repo.commit("edit", {"README.md": (text.encode(), False)})


def test_replace_after_keep_replaces(run, hub, trusting):
    done(run, hub)
    edit_there(hub)
    assert done(run, hub, on_edited="keep", edits=CardEdits(title="New title"))["verified"]
    assert "parts desk" in hub.repos["model", TO].text("README.md")
    assert done(run, hub, on_edited="replace")["changed"]
    assert "parts desk" not in hub.repos["model", TO].text("README.md")
    assert done(run, hub, on_edited="replace")["changed"] is False


def test_the_command_shows_the_difference_and_names_the_flag(
        run, hub, trusting, monkeypatch, caplog):
    done(run, hub)
    edit_there(hub)
    caplog.set_level("INFO", logger="train")
    assert command(run, hub, monkeypatch) == 1
    assert "-Ask the parts desk." in caplog.text
    assert "Give --on-edited keep, replace or merge." in caplog.text


def test_a_card_of_somebody_else_was_not_edited(run, hub, trusting):
    hub.repo(TO, files={"README.md": b"---\nlicense: mit\n---\nMine.\n"})
    with pytest.raises(EditedCardError, match="a card that Tandem did not write") as caught:
        steps_of(run, hub, over=True)
    assert "edited" not in str(caught.value)


def test_publishing_publicly_to_a_private_repository_says_that_it_stays_private(
        run, hub, trusting):
    hub.repo(TO, private=True)
    result = done(run, hub, private=False)
    assert hub.repos["model", TO].private and result["private"] is True
    assert "is private and stays so" in result["note"] and "settings" in result["note"]
    assert "stays so" not in done(run, hub, to="me/other", private=False)["note"]


@pytest.mark.parametrize("times, found", [(1, True), (99, False)])
def test_a_repository_that_does_not_show_at_once_is_not_taken_for_public(
        run, hub, trusting, times, found):
    hub.before["POST /api/repos/create"] = lambda: hub.fail(
        "GET /api/models/[^/]+/[^/]+$", times=times, status=404, body=b"{}",
        headers={"x-error-code": "RepoNotFound"})
    if found:
        assert done(run, hub)["verified"]
    else:
        error = refused(run, hub)
        assert error.kind == "not_found" and "does not show it yet" in str(error)
        assert "public" not in str(error).lower().replace("published", "").replace("publish", "")


def test_a_page_in_answer_to_the_weights_is_not_taken_for_the_hub(run, hub, trusting):
    hub.fail(UPLOAD, times=99, status=404, body=b"<html>not here</html>",
             headers={"content-type": "text/html"})
    error = refused(run, hub)
    assert error.kind == "not_the_hub" and nothing_published(hub)


@pytest.mark.parametrize("moment, said, there", [
    (UPLOAD, "Nothing was published", False), (COMMIT, "is published as", True)])
def test_ctrl_c_says_whether_the_commit_landed(
        run, hub, trusting, monkeypatch, caplog, moment, said, there):
    caplog.set_level("INFO", logger="train")
    # Another test's command may have left a handler of its own.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    hub.before[moment] = lambda: os.kill(os.getpid(), signal.SIGINT)
    assert command(run, hub, monkeypatch) == 1
    assert said in caplog.text and "It was stopped" in caplog.text
    assert nothing_published(hub) is not there
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert command(run, hub, monkeypatch) == 0
    assert run.record().published[-1].verified


@pytest.mark.slow
def test_the_command_prints_no_request_and_no_address_but_the_models(run, hub, tmp_path):
    import subprocess
    import sys

    from support.services import ROOT

    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    ended = subprocess.run(
        [sys.executable, "-m", "train", "publish", str(run.folder), "--to", TO, "--json"],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
        env=environment | {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": ME, "HF_HOME": str(tmp_path),
                           "TANDEM_HOME": str(tmp_path)})
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["verified"]
    assert "http" not in ended.stderr.lower() and "sig=" not in ended.stderr
    for line in ended.stderr.splitlines():
        assert not line.startswith(("WARNING", "INFO")) and "Warning" not in line, line


def test_publications_have_no_key_that_a_client_takes_for_a_file(run, hub, trusting):
    from ui.services.runs import named_files

    done(run, hub)
    (entry,) = run.record().to_json()["published"]
    named = named_files(entry)
    assert '"path"' not in json.dumps(named)
    assert {file["name"] for file in named["files"]} == set(content(hub)) - {".gitattributes"}


def test_licences_are_those_of_the_hub_today():
    assert {"eupl-1.2", "bsl-1.0", "cdla-permissive-2.0", "llama4", "openmdw-1.1", "other"} <= set(
        LICENSES)
    assert len(LICENSES) == len(set(LICENSES)) == 83  # as its documentation had it in August 2026
