"""A run to a Hub on loopback: the first time, again, and verified."""

import hashlib
import json
import shutil

import pytest

from support.fake_hub.state import Commit
from support.publishing import (
    COMMIT,
    TO,
    check_no_token,
    content,
    done,
    refused,
    steps_of,
    weights_sent,
)
from support.runs.finished import questions
from support.tiny import tiny_model_for
from train.report.card_metadata import CardEdits
from train.run.record import Run


def test_a_first_publication_is_one_private_commit_with_everything_and_verified(run, hub):
    before = {path: path.read_bytes() for path in run.model.rglob("*") if path.is_file()}
    result, steps = steps_of(run, hub, corpus=questions())
    repo = hub.repos["model", TO]
    assert repo.private and len(repo.commits) == 2 and repo.head.oid == result["revision"]
    for path, data in before.items():  # the saved folder, byte for byte, and left as it was
        name = path.relative_to(run.model).as_posix()
        assert repo.head.files[name][0] == data == path.read_bytes()
    assert {"README.md", "run.json", "metrics.csv"} <= set(repo.head.files)
    assert result["verified"] and result["changed"] and result["pull_request"] is None
    assert {f["path"]: f["sha256"] for f in result["files"]} == {
        path: hashlib.sha256(data).hexdigest() for path, (data, _) in repo.head.files.items()
        if path != ".gitattributes"}
    (entry,) = run.record().to_json()["published"]
    assert entry["checked"] == {"hashes": len(result["files"]), "questions": 20, "same": 20,
                                "note": ""}
    assert entry["verified"] and entry["at"] and entry["commit_url"].endswith(repo.head.oid)
    assert list(dict.fromkeys(step.phase for step in steps)) == [
        "check", "prepare", "upload", "commit", "verify", "ask"]
    progress = [step.progress.done for step in steps if step.phase == "upload"]
    assert progress == sorted(progress) and progress[-1] == sum(
        f["bytes"] for f in result["files"])
    check_no_token(run, hub, json.dumps(result), repr(steps))


def test_publishing_again_unchanged_makes_no_commit_and_says_so(run, hub, trusting):
    first = done(run, hub)
    result, steps = steps_of(run, hub)
    assert result["changed"] is False and result["verified"]
    assert result["revision"] == first["revision"]
    assert len(hub.repos["model", TO].commits) == 2 and hub.count(COMMIT) == 1
    assert any("nothing was committed" in step.text for step in steps)


def test_publishing_again_from_another_machine_finds_everything_there(run, hub, trusting):
    done(run, hub)
    run.update(published=[])
    result = done(run, hub)
    assert result["changed"] is False and result["verified"]
    assert hub.count(COMMIT) == 1 and weights_sent(hub, run) == 1
    assert len(run.record().published) == 1


def test_a_changed_title_is_a_second_commit_without_the_weights(run, hub, trusting):
    done(run, hub)
    result = done(run, hub, edits=CardEdits(title="Parts desk"))
    repo = hub.repos["model", TO]
    assert result["changed"] and len(repo.commits) == 3 and weights_sent(hub, run) == 1
    assert "# Parts desk\n" in repo.text("README.md")
    assert len(run.record().published) == 2
    assert run.record().to_json()["card"] == {"title": "Parts desk"}


def test_a_pull_request_leaves_main_alone_and_is_not_made_twice(run, hub, trusting):
    hub.repo(TO, private=False, files={"config.json": b"{}"})
    result = done(run, hub, pull_request=True)
    repo = hub.repos["model", TO]
    assert len(repo.commits) == 1 and list(repo.pulls) == ["refs/pr/1"]
    assert result["pull_request"].endswith("/discussions/1") and result["verified"]
    assert done(run, hub, pull_request=True)["changed"] is False
    assert list(repo.pulls) == ["refs/pr/1"]


def test_another_run_replaces_the_files_of_the_first_and_removes_what_it_has_no_more(
        run, hub, trusting, tmp_path):
    shutil.copytree(run.folder, tmp_path / "other")
    other = Run(tmp_path / "other")
    (run.model / "2_Dense").mkdir()
    (run.model / "2_Dense" / "config.json").write_text("{}")
    done(run, hub)
    assert "2_Dense/config.json" in content(hub)
    hub.repos["model", TO].commit("notes", {"notes.md": (b"mine", False)})
    assert done(other, hub)["changed"]
    assert "2_Dense/config.json" not in content(hub) and "notes.md" in content(hub)


def test_a_file_that_comes_back_other_than_sent_is_said_and_recorded(run, hub):
    def damage():
        repo = hub.repos["model", TO]
        files = dict(repo.head.files) | {"model.safetensors": (b"rotten", True)}
        repo.commits[-1] = Commit(repo.head.oid, repo.head.title, files)

    hub.before[r"GET /\S+/resolve/\S+/model.safetensors"] = damage
    error = refused(run, hub)
    assert error.published is True and error.kind == "differs"
    assert "model.safetensors came back" in str(error)
    (entry,) = run.record().to_json()["published"]
    assert entry["verified"] is False and "came back" in entry["note"]


def test_a_download_cut_off_in_the_middle_is_repeated(run, hub, trusting):
    hub.fail(r"GET /\S+/resolve/\S+/model.safetensors", times=1, drop="middle")
    assert done(run, hub)["verified"]


def test_verifying_that_failed_can_be_repeated_without_a_commit(run, hub, trusting):
    hub.fail(r"GET /\S+/resolve/\S+/model.safetensors", times=99, status=503)
    error = refused(run, hub)
    assert error.published is True and "could not be verified" in str(error)
    assert run.record().published[0].verified is False
    hub.faults.clear()
    result = done(run, hub)
    assert result["verified"] and result["changed"] is False and hub.count(COMMIT) == 1
    assert [entry.verified for entry in run.record().published] == [True]


def test_a_model_that_ranks_otherwise_than_recorded_is_not_verified(run, hub):
    rows = run.per_query()
    for row in rows:
        row["tuned"]["ranks"] = {key: 40 for key in row["tuned"]["ranks"]}
    run.write_per_query(rows)
    error = refused(run, hub, corpus=questions())
    assert error.published is True and "otherwise than the run recorded" in str(error)


@pytest.mark.slow
def test_a_run_as_it_was_really_trained_is_published_and_ranks_as_it_did(hub, tmp_path):
    """Fit, record, card, sanitising, weights and prompts, from one end to the other."""
    from train.fit.fit import fit
    from train.recipe import Recipe
    from train.run.record import open_run
    from train.run.spec import RunSpec

    corpus, run = questions(), open_run(tmp_path / "trained")
    base = tiny_model_for(corpus, tmp_path / "base", prompts={"query": "query: "})
    recipe = Recipe(epochs=2, batch_size=8, learning_rate=1e-3, truncate_dim=16)
    run.update(**RunSpec(data=str(tmp_path / "car_parts.jsonl"), base=str(base),
                         recipe=recipe).as_record())
    for event in fit(recipe, corpus, run, str(base)):
        run.append(event)
    result = done(run, hub, corpus=corpus, edits=CardEdits(
        license="mit", language=("en",), private_data=False))
    assert result["verified"]
    (entry,) = run.record().to_json()["published"]
    assert (entry["checked"]["questions"], entry["checked"]["same"]) == (20, 20)
    card = hub.repos["model", TO].text("README.md")
    assert "training loss" in card and "truncate_dim=16" in card and "loss:MatryoshkaLoss" in card
    assert str(tmp_path) not in card + hub.repos["model", TO].text("run.json")
    assert run.record().data.samples[0].anchor in card


def test_without_the_data_the_hashes_are_compared_the_model_loads_and_it_is_said(run, hub):
    result = done(run, hub)
    assert result["verified"] and "the data of the run is not here" in result["note"]
    assert run.record().published[0].checked.questions == 0
