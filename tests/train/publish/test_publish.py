"""A run to a Hub on loopback, with the unmodified client, and all that can go wrong."""

import hashlib
import json
import logging
import pickle
import re
import shutil
import sys
import time

import pytest
from huggingface_hub import DatasetCard

from hub.account import account_of
from hub.client import Hub, Patience, drained
from hub.errors import HubError
from support.fakes import HashingEncoder
from support.finished import finished_run, questions
from support.publish_hub import ME, MINE, Commit, loopback
from support.tiny import tiny_model_for
from train.publish.errors import PublishError
from train.publish.onnx import PATH as ONNX
from train.publish.onnx import can_export, export_int8, run_by_onnx, write_int8
from train.publish.permissions import check_may_write, check_repo_id
from train.publish.publish import PublishRequest, publish, write_dry
from train.publish.remote import EditedCardError
from train.publish.verify import Verified
from train.report.card_metadata import CardEdits
from train.run.record import Run

TO = "me/car-parts"
QUICK = Patience(silence=1.5, tries=2, pause=0.01, longest_wait=2)
COMMIT = r"POST /api/models/\S+/commit/"
UPLOAD = "PUT /_lfs/"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A finished run with a tiny model whose ranks are those it recorded."""
    from retrieval.models import load_encoder

    home = tmp_path_factory.mktemp("finished")
    corpus = questions()
    model = tiny_model_for(corpus, home / "tiny")
    run = finished_run(home / "runs", model, corpus, HashingEncoder(dim=6),
                       load_encoder(str(model)))
    return run.folder


@pytest.fixture
def run(template, tmp_path):
    shutil.copytree(template, tmp_path / "run")
    return Run(tmp_path / "run")


@pytest.fixture
def hub():
    with loopback() as served:
        yield served


@pytest.fixture
def trusting(monkeypatch):
    """Do not load the model again: for tests of what comes before that."""
    monkeypatch.setattr("train.publish.publish.ask_again",
                        lambda run, model, hashes, corpus, cache: Verified(hashes))


def events_of(run, hub, token=ME, to=TO, patience=QUICK, should_stop=lambda: False, edits=None,
              corpus=None, **asked):
    who = Hub(token, hub.endpoint, patience, should_stop)
    return list(publish(run, PublishRequest(to, **asked), who, edits=edits, corpus=lambda: corpus))


def done(run, hub, **options):
    return events_of(run, hub, **options)[-1]


def refused(run, hub, **options):
    with pytest.raises(PublishError) as caught:
        events_of(run, hub, **options)
    error = caught.value
    assert error.__context__ is None or error.__suppress_context__
    check_no_token(run, hub, str(error), pickle.dumps(error), repr(error), repr(vars(error)))
    assert str(error).endswith(".") and "\n" not in str(error)
    assert ("Nothing was published" in str(error)) == (error.published is False)
    return error


def check_no_token(run, hub, *texts):
    for text in texts:
        assert ME.encode() not in (text if isinstance(text, bytes) else text.encode())
    for path in run.folder.rglob("*"):
        if path.is_file():
            assert ME.encode() not in path.read_bytes(), path
    assert not [request for request, _ in hub.asked if ME in request]


def content(hub, name=TO):
    return hub.repos["model", name].head.files


def nothing_published(hub, name=TO):
    repo = hub.repos.get(("model", name))
    return repo is None or (len(repo.commits) == 1 and not repo.pulls)


def weights_sent(hub, run):
    digest = hashlib.sha256((run.model / "model.safetensors").read_bytes()).hexdigest()
    return hub.uploads.count(digest)


# publishing, and publishing again


def test_a_first_publication_is_one_private_commit_with_everything_and_verified(run, hub):
    before = {path: path.read_bytes() for path in run.model.rglob("*") if path.is_file()}
    events = events_of(run, hub, corpus=questions())
    result = events[-1]
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
    (entry,) = run.record()["published"]
    assert entry["checked"] == {"hashes": len(result["files"]), "questions": 20, "same": 20,
                                "note": ""}
    assert entry["verified"] and entry["at"] and entry["commit_url"].endswith(repo.head.oid)
    assert [e["phase"] for e in events if e["type"] == "phase"] == [
        "check", "prepare", "upload", "commit", "verify"]
    progress = [e["done"] for e in events if e.get("phase") == "upload" and "done" in e]
    assert progress == sorted(progress) and progress[-1] == sum(
        f["bytes"] for f in result["files"])
    check_no_token(run, hub, json.dumps(events))


def test_publishing_again_unchanged_makes_no_commit_and_says_so(run, hub, trusting):
    first = done(run, hub)
    events = events_of(run, hub)
    assert events[-1]["changed"] is False and events[-1]["verified"]
    assert events[-1]["revision"] == first["revision"]
    assert len(hub.repos["model", TO].commits) == 2 and hub.count(COMMIT) == 1
    assert any("nothing was committed" in event.get("text", "") for event in events)


def test_publishing_again_from_another_machine_finds_everything_there(run, hub, trusting):
    done(run, hub)
    run.update(published=[])
    result = done(run, hub)
    assert result["changed"] is False and result["verified"]
    assert hub.count(COMMIT) == 1 and weights_sent(hub, run) == 1
    assert len(run.record()["published"]) == 1


def test_a_changed_title_is_a_second_commit_without_the_weights(run, hub, trusting):
    done(run, hub)
    result = done(run, hub, edits=CardEdits(title="Parts desk"))
    repo = hub.repos["model", TO]
    assert result["changed"] and len(repo.commits) == 3 and weights_sent(hub, run) == 1
    assert "# Parts desk\n" in repo.text("README.md")
    assert len(run.record()["published"]) == 2
    assert run.record()["card"] == {"title": "Parts desk"}


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


# whose, and who may


def test_somebody_elses_repository_is_refused_but_takes_a_pull_request(run, hub, trusting):
    hub.repo("you/model", "you", private=False)
    error = refused(run, hub, to="you/model")
    assert error.kind == "forbidden" and error.published is False
    assert "may write in me, team" in str(error)
    assert nothing_published(hub, "you/model") and not hub.count("POST /api/repos/create")
    assert done(run, hub, to="you/model", pull_request=True)["pull_request"]


def test_one_in_a_namespace_of_mine_that_i_may_not_write_to_is_refused(run, hub):
    hub.repo("team/model", "somebody", private=False)
    error = refused(run, hub, to="team/model", private=False)
    assert "may not write to it" in str(error) and nothing_published(hub, "team/model")


def test_a_public_repository_is_refused_when_a_private_one_was_asked_for(run, hub, trusting):
    hub.repo(TO, private=False)
    error = refused(run, hub)
    assert error.kind == "public" and nothing_published(hub)
    assert done(run, hub, private=False)["verified"]
    assert run.record()["published"][0]["private"] is False


def test_a_repository_that_holds_something_else_is_not_published_over_unasked(run, hub, trusting):
    hub.repo(TO, files={"model.safetensors": b"theirs", "vocab.txt": b"a"})
    error = refused(run, hub)
    assert error.kind == "other_content" and "model.safetensors, vocab.txt" in str(error)
    assert nothing_published(hub)
    done(run, hub, over=True)
    assert content(hub)["vocab.txt"][0] == b"a"
    assert content(hub)["model.safetensors"][0] == (run.model / "model.safetensors").read_bytes()


def test_another_model_of_ones_own_is_not_published_over_unasked(run, hub, trusting):
    done(run, hub)
    run.update(data=run.record()["data"] | {"name": "bank_faq"}, published=[])
    error = refused(run, hub)
    assert error.kind == "other_content" and "base fine-tuned on car_parts" in str(error)
    assert len(hub.repos["model", TO].commits) == 2
    assert done(run, hub, over=True)["changed"]


def test_a_record_there_that_is_damaged_is_somebody_elses(run, hub, trusting):
    for text in (b"{", b"[]", b'{"schema": 1, "files": [], "base_model": 1, "data": 2}'):
        hub.repo(TO, files={"run.json": text, "README.md": b"---\nlicense: mit\n---\n"})
        assert refused(run, hub).kind == "other_content"


@pytest.mark.parametrize("token, said", [
    ({"role": "read"}, "may only read"),
    ({"role": "fineGrained", "fineGrained": {"scoped": [
        {"entity": {"name": "other", "type": "org"}, "permissions": ["repo.write"]},
        {"entity": {"name": MINE, "type": "user"}, "permissions": ["repo.content.read"]}]}},
     "may not write in me"),
])
def test_a_token_that_may_not_write_is_refused_before_anything_is_made(run, hub, token, said):
    hub.tokens[ME]["auth"]["accessToken"] = token
    error = refused(run, hub)
    assert said in str(error) and error.kind == "forbidden"
    assert not hub.repos and not hub.uploads


@pytest.mark.parametrize("entity", [{"name": MINE, "type": "user"}, {"name": TO, "type": "model"}])
def test_a_fine_grained_token_publishes_where_it_may(run, hub, trusting, entity):
    hub.repo(TO)
    hub.tokens[ME]["auth"]["accessToken"] = {"role": "fineGrained", "fineGrained": {"scoped": [
        {"entity": entity, "permissions": ["repo.content.read", "repo.write"]}]}}
    assert done(run, hub)["verified"]


def test_an_expired_or_revoked_token_says_to_sign_in_again(run, hub):
    del hub.tokens[ME]
    error = refused(run, hub)
    assert error.kind == "unauthorized" and "Sign in again" in str(error)


def test_a_token_revoked_in_the_middle_publishes_nothing(run, hub):
    hub.before[UPLOAD] = lambda: hub.tokens.clear()
    error = refused(run, hub)
    assert error.kind == "unauthorized" and nothing_published(hub)


def test_an_oauth_token_publishes_for_its_user_and_the_organisations_it_was_given(
        run, hub, trusting):
    hub.tokens[ME] = {"name": MINE, "orgs": [{"name": "team"}],
                      "auth": {"type": "oauth", "expiresAt": "2026-01-02T03:04:05Z"}} | {}
    hub.tokens[ME]["orgs"][0]["roleInOrg"] = "write"
    assert account_of(Hub(ME, hub.endpoint, QUICK)).namespaces == (MINE, "team")
    assert done(run, hub, to="team/model")["verified"]


def test_the_namespaces_are_where_one_may_write_ones_own_first(hub):
    assert account_of(Hub(ME, hub.endpoint, QUICK)).namespaces == (MINE, "team")


def test_the_right_to_write_is_known_before_a_run_and_makes_nothing(hub):
    assert not check_may_write(Hub(ME, hub.endpoint, QUICK), TO).exists
    with pytest.raises(PublishError, match="may not write in you"):
        check_may_write(Hub(ME, hub.endpoint, QUICK), "you/model")
    assert not hub.repos and not hub.count("^(POST|PUT)")


# what the Hub does


STAGES = {
    "who": "GET /api/whoami-v2", "look": "GET /api/models/[^/]+/[^/]+$",
    "create": "POST /api/repos/create", "card": "POST /api/validate-yaml", "commit": COMMIT,
}
ANSWERS = {
    "401": ({"status": 401, "body": b'{"error": "no"}'}, ("unauthorized",)),
    "403": ({"status": 403, "body": b'{"error": "no"}'}, ("forbidden",)),
    "404": ({"status": 404, "body": b'{"error": "no"}'}, ("not_found",)),
    "409": ({"status": 409, "body": b'{"error": "busy"}'}, ("conflict",)),
    "412": ({"status": 412, "body": b'{"error": "moved"}'}, ("moved",)),
    "429": ({"status": 429, "body": b"{}", "headers": {"retry-after": "60"}}, ("rate_limited",)),
    "500": ({"status": 500, "body": b'{"error": "oh"}'}, ("unavailable",)),
    "503": ({"status": 503, "body": b"{}"}, ("unavailable",)),
    "page": ({"status": 200, "body": b"<html>proxy</html>",
              "headers": {"content-type": "text/html"}}, ("not_the_hub",)),
    "502 page": ({"status": 502, "body": b"<html>bad gateway</html>",
                  "headers": {"content-type": "text/html"}}, ("unavailable", "not_the_hub")),
    "dropped": ({"drop": "early"}, ("unreachable",)),
}


@pytest.mark.parametrize("stage, answer", [
    (stage, answer) for stage in STAGES for answer in ANSWERS
    if (stage, answer) != ("look", "404")  # that is how the Hub says that a repository is new
])
def test_whatever_the_hub_answers_nothing_is_published_and_trying_again_works(
        run, hub, trusting, stage, answer):
    how, kinds = ANSWERS[answer]
    hub.fail(STAGES[stage], times=99, **how)
    error = refused(run, hub)
    assert error.kind in kinds
    assert error.published is False and nothing_published(hub)
    if answer == "429":
        assert "in 60 seconds" in str(error) and error.retry_after == 60
    assert "<html" not in str(error)
    hub.faults.clear()
    assert done(run, hub)["verified"]
    assert len(hub.repos["model", TO].commits) == 2 and weights_sent(hub, run) == 1
    check_no_token(run, hub)


@pytest.mark.parametrize("stage", ["preupload", "objects/batch", UPLOAD])
@pytest.mark.parametrize("how, kind", [
    ({"status": 503}, "unavailable"),
    ({"status": 429, "headers": {"retry-after": "3600"}}, "rate_limited"),
    ({"status": 403}, "forbidden"),
])
def test_an_upload_that_the_hub_goes_on_refusing_is_given_up_and_can_be_taken_up(
        run, hub, trusting, stage, how, kind):
    hub.fail(stage, times=99, body=b"{}", **how)
    start = time.monotonic()
    error = refused(run, hub, patience=Patience(0.5, 1, 0.01, 2))
    assert time.monotonic() - start < 10
    assert error.kind == kind and "Nothing was published" in str(error)
    assert nothing_published(hub)
    hub.faults.clear()
    assert done(run, hub)["verified"] and weights_sent(hub, run) == 1


@pytest.mark.parametrize("stage", ["who", "look", "create", "commit"])
def test_a_passing_trouble_is_waited_out(run, hub, trusting, stage):
    hub.fail(STAGES[stage], times=1, status=503, body=b"{}")
    assert done(run, hub)["verified"]
    assert len(hub.repos["model", TO].commits) == 2


def test_a_short_retry_after_is_waited_for(run, hub, trusting):
    hub.fail(STAGES["who"], times=1, status=429, body=b"{}", headers={"retry-after": "1"})
    start = time.monotonic()
    assert done(run, hub)["verified"]
    assert time.monotonic() - start >= 1


def test_weights_cut_off_in_the_middle_are_sent_again_by_themselves(run, hub, trusting):
    hub.fail(UPLOAD, times=1, drop="middle")
    assert done(run, hub, patience=Patience(10, 2, 0.01, 2))["verified"]
    assert hub.count(UPLOAD) == 2 and weights_sent(hub, run) == 1


def test_weights_that_the_hub_wants_in_parts_are_sent_in_parts_and_counted_once(
        run, hub, trusting):
    hub.part_size = 50_000
    hub.fail(UPLOAD + ".*part=1", times=1, drop="middle")
    events = events_of(run, hub, patience=Patience(10, 2, 0.01, 2))
    size = (run.model / "model.safetensors").stat().st_size
    assert hub.count(UPLOAD) == 1 + -(-size // 50_000) and weights_sent(hub, run) == 1
    sent = [e["done"] for e in events if e.get("phase") == "upload" and "done" in e]
    assert max(sent) <= sum(f["bytes"] for f in events[-1]["files"]) and events[-1]["verified"]


def test_weights_that_are_cut_off_every_time_leave_nothing_published(run, hub, trusting):
    hub.fail(UPLOAD, times=99, drop="middle")
    error = refused(run, hub, patience=Patience(0.5, 1, 0.01, 2))
    assert error.kind in ("unreachable", "timeout") and nothing_published(hub)
    hub.faults.clear()
    assert done(run, hub)["verified"] and weights_sent(hub, run) == 1


def test_after_a_commit_that_failed_the_weights_are_not_sent_twice(run, hub, trusting):
    hub.fail(COMMIT, times=99, status=500, body=b"{}")
    refused(run, hub)
    assert weights_sent(hub, run) == 1
    hub.faults.clear()
    done(run, hub)
    assert weights_sent(hub, run) == 1


def test_a_commit_whose_answer_was_lost_is_found_and_not_made_twice(run, hub, trusting):
    hub.fail(COMMIT, times=1, drop="late")
    result = done(run, hub)
    repo = hub.repos["model", TO]
    assert result["verified"] and result["changed"] and result["revision"] == repo.head.oid
    assert len(repo.commits) == 2 and hub.count(COMMIT) == 1


def test_a_lost_commit_is_found_behind_one_that_somebody_made_after_it(run, hub, trusting):
    hub.fail(COMMIT, times=1, drop="late")
    hub.before[r"GET /api/models/\S+/commits/"] = lambda: hub.repos["model", TO].commit(
        "a note", {"notes.md": (b"x", False)})
    hub.before[r"GET /api/models/me/car-parts$"] = lambda: None
    result = done(run, hub)
    repo = hub.repos["model", TO]
    assert result["revision"] == repo.commits[1].oid and len(repo.commits) == 3


def test_a_lost_pull_request_is_found_and_not_made_twice(run, hub, trusting):
    hub.repo(TO, private=False)
    hub.fail(COMMIT, times=1, drop="late")
    result = done(run, hub, pull_request=True)
    repo = hub.repos["model", TO]
    assert list(repo.pulls) == ["refs/pr/1"] and result["revision"] == repo.pulls["refs/pr/1"].oid
    assert result["pull_request"].endswith("/discussions/1")


def test_when_nobody_can_say_whether_it_landed_publishing_again_finds_out(run, hub, trusting):
    hub.fail(COMMIT, times=1, drop="late")

    def out_of_order():
        hub.fail("GET /api/models/", times=99, status=503, body=b"{}")

    hub.before[COMMIT] = out_of_order
    error = refused(run, hub)
    assert error.published is None and "not known" in str(error)
    hub.faults.clear()
    result = done(run, hub)
    assert result["changed"] is False and result["verified"] and hub.count(COMMIT) == 1
    assert run.record()["published"][0]["verified"]


def test_a_repository_that_was_made_though_the_answer_was_lost_is_used(run, hub, trusting):
    hub.before["POST /api/repos/create"] = lambda: hub.repo(TO)
    hub.fail("POST /api/repos/create", times=1, drop="late")
    assert done(run, hub)["verified"]


def test_a_parent_that_moved_meanwhile_publishes_nothing(run, hub, trusting):
    hub.before[COMMIT] = lambda: hub.repos["model", TO].commit("x", {"a.md": (b"x", False)})
    error = refused(run, hub)
    assert error.kind == "moved" and "Publish again" in str(error)
    assert set(content(hub)) == {".gitattributes", "a.md"}


@pytest.mark.parametrize("stage", ["GET /api/whoami-v2", UPLOAD, COMMIT])
def test_a_hub_that_hangs_is_given_up_after_a_time_of_our_own(run, hub, trusting, stage):
    hub.fail(stage, times=99, hang=True)
    start = time.monotonic()
    error = refused(run, hub, patience=Patience(0.4, 1, 0.01, 2))
    assert time.monotonic() - start < 8
    assert error.kind == "timeout" and nothing_published(hub)


@pytest.mark.parametrize("stage", ["GET /api/whoami-v2", "POST /api/repos/create", UPLOAD])
def test_somebody_can_cancel_while_the_hub_hangs(run, hub, trusting, stage):
    hub.fail(stage, times=99, hang=True)
    start = time.monotonic()
    error = refused(run, hub, patience=Patience(60, 3, 1, 30),
                    should_stop=lambda: hub.count(stage) > 0)
    assert time.monotonic() - start < 8
    assert error.kind == "cancelled" and nothing_published(hub)
    hub.faults.clear()
    assert done(run, hub)["verified"]


def test_every_request_of_the_process_has_a_time_limit(hub):
    from huggingface_hub import close_session, get_session

    Hub(ME, hub.endpoint)
    for _ in range(2):
        limits = get_session().timeout
        assert None not in (limits.connect, limits.read, limits.write, limits.pool)
        close_session()  # as the client does after an error; the next one has them too


@pytest.mark.parametrize("name, said", [
    ("", "Give a name"), ("model", "a slash"), ("a/b/c", "a slash"), ("me/", "a slash"),
    ("me/a b", "' '"), ("me/mödel", "'ö'"), ("me/-a", "starts or ends"), ("me/a.", "starts or"),
    ("me/a--b", "two dashes"), ("me/a..b", "two dashes"), ("me/a.git", ".git"),
    ("me/" + "x" * 96, "at most 96"), ("https://huggingface.co/me/a", "without the address"),
])
def test_a_name_that_cannot_be_is_refused_as_typed_with_the_reason(name, said):
    with pytest.raises(PublishError, match=re.escape(said)) as caught:
        check_repo_id(name)
    assert caught.value.kind == "refused_name"


def test_the_names_that_may_be_are_those_the_client_takes():
    from huggingface_hub.utils import validate_repo_id

    for name in ("me/a", " me/Model-1.5_x ", "o.r/n"):
        validate_repo_id(check_repo_id(name))


def test_a_name_that_the_hub_refuses_is_said_with_its_reason(run, hub):
    error = refused(run, hub, to="me/refused")
    assert error.kind == "refused_name" and "reserved" in str(error) and not hub.repos


def test_a_card_that_the_hub_refuses_publishes_nothing_and_says_why(run, hub):
    hub.fail("POST /api/validate-yaml", times=1, status=400, body=json.dumps(
        {"errors": [{"message": '"license" must be one of a list'}], "warnings": []}).encode())
    error = refused(run, hub)
    assert error.kind == "refused_card" and '"license" must be one' in str(error)
    assert not hub.repos and not hub.uploads


# the card, edited on the Hub


def edit_there(hub, change):
    repo = hub.repos["model", TO]
    repo.commit("edit", {"README.md": (change(repo.text("README.md")).encode(), False)})


def test_a_card_edited_on_the_hub_is_shown_as_a_difference_and_not_overwritten(run, hub, trusting):
    done(run, hub)
    edit_there(hub, lambda text: text + "\n## Contact\n\nAsk the parts desk.\n")
    with pytest.raises(EditedCardError) as caught:
        events_of(run, hub)
    assert "-Ask the parts desk." in caught.value.diff
    assert pickle.loads(pickle.dumps(caught.value)).diff == caught.value.diff
    assert "parts desk" in hub.repos["model", TO].text("README.md")


@pytest.mark.parametrize("on_edited, kept, titled", [
    ("keep", True, False), ("replace", False, True), ("merge", True, True)])
def test_an_edited_card_is_kept_replaced_or_merged_as_somebody_says(
        run, hub, trusting, on_edited, kept, titled):
    done(run, hub)
    edit_there(hub, lambda text: text + "\n## Contact\n\nAsk the parts desk.\n")
    result = done(run, hub, on_edited=on_edited, edits=CardEdits(title="New title"))
    card = hub.repos["model", TO].text("README.md")
    assert ("Ask the parts desk." in card) is kept and ("# New title\n" in card) is titled
    assert result["verified"]
    if on_edited != "keep":  # the same again is no change, whatever became of the card
        assert done(run, hub)["changed"] is False


def test_changes_to_the_same_lines_are_not_merged_but_shown(run, hub, trusting):
    done(run, hub)
    edit_there(hub, lambda text: text.replace("# base fine-tuned on", "# My own title on"))
    with pytest.raises(EditedCardError, match="cannot be put together"):
        events_of(run, hub, on_edited="merge", edits=CardEdits(title="New title"))


def test_a_card_that_nobody_edited_is_replaced_without_asking(run, hub, trusting):
    done(run, hub)
    hub.repos["model", TO].commit("other", {"notes.md": (b"x", False)})
    assert done(run, hub, edits=CardEdits(title="New title"))["changed"]


# verified


def test_a_file_that_comes_back_other_than_sent_is_said_and_recorded(run, hub):
    def damage():
        repo = hub.repos["model", TO]
        files = dict(repo.head.files) | {"model.safetensors": (b"rotten", True)}
        repo.commits[-1] = Commit(repo.head.oid, repo.head.title, files)

    hub.before[r"GET /\S+/resolve/\S+/model.safetensors"] = damage
    error = refused(run, hub)
    assert error.published is True and error.kind == "differs"
    assert "model.safetensors came back" in str(error)
    (entry,) = run.record()["published"]
    assert entry["verified"] is False and "came back" in entry["note"]


def test_a_download_cut_off_in_the_middle_is_repeated(run, hub, trusting):
    hub.fail(r"GET /\S+/resolve/\S+/model.safetensors", times=1, drop="middle")
    assert done(run, hub)["verified"]


def test_verifying_that_failed_can_be_repeated_without_a_commit(run, hub, trusting):
    hub.fail(r"GET /\S+/resolve/\S+/model.safetensors", times=99, status=503)
    error = refused(run, hub)
    assert error.published is True and "could not be verified" in str(error)
    assert run.record()["published"][0]["verified"] is False
    hub.faults.clear()
    result = done(run, hub)
    assert result["verified"] and result["changed"] is False and hub.count(COMMIT) == 1
    assert [entry["verified"] for entry in run.record()["published"]] == [True]


def test_a_model_that_ranks_otherwise_than_recorded_is_not_verified(run, hub):
    rows = run.per_query()
    for row in rows:
        row["tuned"]["ranks"] = {key: 40 for key in row["tuned"]["ranks"]}
    run.write_per_query(rows)
    error = refused(run, hub, corpus=questions())
    assert error.published is True and "otherwise than the run recorded" in str(error)


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
    result = done(run, hub, corpus=corpus, edits=CardEdits(license="mit", language=("en",)))
    assert result["verified"]
    (entry,) = run.record()["published"]
    assert (entry["checked"]["questions"], entry["checked"]["same"]) == (20, 20)
    card = hub.repos["model", TO].text("README.md")
    assert "training loss" in card and "truncate_dim=16" in card and "loss:MatryoshkaLoss" in card
    assert str(tmp_path) not in card + hub.repos["model", TO].text("run.json")
    assert run.record()["data"]["samples"][0]["anchor"] in card


def test_without_the_data_the_hashes_are_compared_the_model_loads_and_it_is_said(run, hub):
    result = done(run, hub)
    assert result["verified"] and "the data of the run is not here" in result["note"]
    assert run.record()["published"][0]["checked"]["questions"] == 0


# what is sent


def test_nothing_of_this_machine_or_its_visitors_is_published(run, hub, trusting):
    run.update(error="it failed in /srv/uploads/visitor/x.py", process={"pid": 1}, owner="visitor",
               data=run.record()["data"] | {"source": "/srv/uploads/visitor/car_parts.jsonl"},
               engine={"name": "local", "place": "/srv/visitor/x", "mail": "visitor@example.org",
                       "from": "10.11.12.13", "secret": "hf_someOtherToken123"})
    done(run, hub)
    for path, (data, large) in content(hub).items():
        if not large:
            for word in (b"/srv", b"visitor", b"10.11.12", b"hf_some"):
                assert word not in data, (path, word)
    assert json.loads(content(hub)["run.json"][0])["data"]["source"] == "car_parts.jsonl"


def test_the_texts_of_private_data_are_not_published(run, hub, trusting):
    done(run, hub, edits=CardEdits(private_data=True))
    for name in ("README.md", "run.json"):
        assert b"How heavy is" not in content(hub)[name][0]
    assert run.record()["data"]["samples"]


def test_the_figures_are_published_as_a_table(run, hub, trusting):
    done(run, hub)
    lines = content(hub)["metrics.csv"][0].decode().splitlines()
    test = run.record()["metrics"]["test"]
    row = next(line for line in lines if line.startswith("test,ndcg@10,")).split(",")
    assert [float(value) for value in row[2:5]] == [
        test["base"]["ndcg@10"], test["tuned"]["ndcg@10"], test["difference"]["ndcg@10"]["value"]]
    assert len(lines) == 31


def test_only_what_cannot_run_code_is_sent(run, hub, trusting):
    for name in ("pytorch_model.bin", "custom.py", "state.pt", ".env"):
        (run.model / name).write_text("x")
    done(run, hub)
    assert not {"pytorch_model.bin", "custom.py", "state.pt", ".env"} & set(content(hub))


@pytest.mark.parametrize("change, kind", [
    ({"status": "failed"}, "nothing"), ({"metrics": None}, "nothing")])
def test_a_run_without_a_measured_model_is_not_published(run, hub, change, kind):
    run.update(**change)
    assert refused(run, hub).kind == kind and not hub.repos


def test_a_licence_that_is_not_known_is_asked_for(run, hub, trusting):
    base = run.record()["base_model"]
    del base["license"]
    run.update(base_model=base)
    error = refused(run, hub)
    assert error.kind == "license" and not hub.repos
    assert done(run, hub, edits=CardEdits(license="mit"))["verified"]
    assert "license: mit" in hub.repos["model", TO].text("README.md")


def test_a_dry_run_writes_what_would_be_sent_and_asks_nobody(run, hub, trusting, tmp_path):
    result = write_dry(run, PublishRequest(TO), tmp_path / "dry")
    assert not hub.asked
    there = {p.relative_to(tmp_path / "dry").as_posix(): p.read_bytes()
             for p in (tmp_path / "dry").rglob("*") if p.is_file()}
    assert {f["path"] for f in result["files"]} == set(there)
    done(run, hub)
    assert {path: data for path, (data, _) in content(hub).items()
            if path != ".gitattributes"} == there


# beside the model


def test_the_data_is_published_as_a_data_set_that_can_be_read_again(hub, tmp_path):
    from corpus.load import load_corpus
    from train.publish.dataset import publish_data

    corpus = questions()
    who = Hub(ME, hub.endpoint, QUICK)
    result = drained(publish_data(corpus, "me/parts", who, licence="cc-by-4.0", language=["en"]))
    repo = hub.repos["dataset", "me/parts"]
    assert repo.private and len(repo.commits) == 2 and result["revision"] == repo.head.oid
    assert result["url"] == f"{hub.endpoint}/datasets/me/parts"
    for path, (data, _) in repo.head.files.items():
        (tmp_path / "data" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / path).write_bytes(data)
    again = load_corpus(tmp_path / "data")
    assert again.fingerprint == corpus.fingerprint
    assert again.split_fingerprints == corpus.split_fingerprints
    card = DatasetCard((tmp_path / "data" / "README.md").read_text("utf-8")).data.to_dict()
    assert card["license"] == "cc-by-4.0" and card["language"] == ["en"]
    assert [config["config_name"] for config in card["configs"]] == ["corpus", "queries", "qrels"]
    assert not drained(publish_data(corpus, "me/parts", who, licence="cc-by-4.0",
                                    language=["en"]))["changed"]
    with pytest.raises(PublishError, match="holds something else"):
        hub.repo("me/other", kind="dataset", files={"x.csv": b"1"})
        drained(publish_data(corpus, "me/other", who, licence="cc-by-4.0"))
    with pytest.raises(PublishError, match="licence"):
        drained(publish_data(corpus, "me/third", who, licence="mine"))


def test_a_model_is_added_to_a_collection(hub):
    from train.publish.dataset import add_to_collection

    add_to_collection(Hub(ME, hub.endpoint, QUICK), "me/parts-1234567890", TO)
    assert hub.collections == {"me/parts-1234567890": [TO]}


@pytest.fixture
def pretended_onnx(monkeypatch):
    """An export that only copies, for what is decided around it."""
    def write(model, file):
        file.write_bytes(b"onnx")

    monkeypatch.setattr("train.publish.onnx.can_export", lambda: True)
    monkeypatch.setattr("train.publish.onnx.write_int8", write)


def test_an_onnx_export_that_ranks_as_well_goes_with_the_model_and_stands_on_the_card(
        run, hub, trusting, pretended_onnx, monkeypatch):
    monkeypatch.setattr("train.publish.onnx.run_by_onnx", lambda model, file: None)
    exported = drained(export_int8(run, questions()))
    assert exported.full == exported.int8
    done(run, hub, extra={ONNX: exported.file})
    card = hub.repos["model", TO].text("README.md")
    assert content(hub)[ONNX][0] == b"onnx" and f"{exported.full:.4f}" in card and ONNX in card
    assert drained(export_int8(run, questions())) == exported  # taken again, not made again
    assert done(run, hub)["changed"]  # without it: its file and its words go
    assert ONNX not in content(hub) and ONNX not in hub.repos["model", TO].text("README.md")


def test_an_onnx_export_that_ranks_otherwise_is_not_offered(run, pretended_onnx, monkeypatch):
    import torch

    def spoil(model, file):
        with torch.no_grad():
            for weight in model.parameters():
                weight.zero_()

    monkeypatch.setattr("train.publish.onnx.run_by_onnx", spoil)
    with pytest.raises(PublishError, match="not offered"):
        drained(export_int8(run, questions()))
    assert "onnx" not in run.record()


def test_without_the_packages_an_onnx_export_says_what_to_install(run, monkeypatch):
    monkeypatch.setattr("train.publish.onnx.can_export", lambda: False)
    with pytest.raises(PublishError, match="requirements-onnx.txt"):
        drained(export_int8(run, questions()))


@pytest.mark.skipif(not can_export(), reason="requirements-onnx.txt is not installed")
def test_a_real_onnx_export_computes_nearly_what_the_model_does(run, tmp_path, capfd):
    import numpy as np

    from retrieval.models import load_encoder

    texts = [query.text for query in questions().queries.values()]
    whole, small = load_encoder(str(run.model)), load_encoder(str(run.model))
    write_int8(whole.model, tmp_path / "model.onnx")
    run_by_onnx(small.model, tmp_path / "model.onnx")
    a, b = whole.encode_queries(texts), small.encode_queries(texts)
    assert a.shape == b.shape and not np.array_equal(a, b)
    assert (a * b).sum(axis=1).min() > 0.97
    assert "torch.onnx" not in capfd.readouterr().out  # it would spoil --json


# the traps of huggingface_hub, by their numbers in STYLE


def test_trap_1_no_token_is_nobody_and_never_this_machines(run, hub, trusting, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_theOwnersToken0000")
    for nothing in (None, "", "  ", False):
        with pytest.raises(HubError, match="Nobody is signed in"):
            Hub(nothing, hub.endpoint)
    done(run, hub)
    assert {bearer for _, bearer in hub.asked} <= {ME, ""}
    assert {request.split("?")[0].split("/")[1] for request, bearer in hub.asked
            if not bearer} <= {"_lfs"}


def test_trap_2_creating_and_private_are_not_taken_at_their_word(run, hub):
    hub.before["POST /api/repos/create"] = lambda: hub.repo(TO, private=False)
    error = refused(run, hub)  # it was made meanwhile, and is public
    assert error.kind == "public" and nothing_published(hub)


def test_trap_3_everything_is_one_commit_on_the_head_that_was_seen(run, hub, trusting):
    seen = []
    hub.before[COMMIT] = lambda: seen.append(hub.repos["model", TO].head.oid)
    done(run, hub)
    assert hub.count(COMMIT) == 1 and len(seen) == 1


def test_trap_4_no_error_log_or_file_has_the_token(run, hub, caplog, monkeypatch, tmp_path):
    from huggingface_hub import constants
    from huggingface_hub.utils import logging as hub_logging

    stored = tmp_path / "token"
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(stored))
    monkeypatch.setattr(constants, "HF_DEBUG", True)
    caplog.set_level(logging.DEBUG)
    logger = hub_logging.get_logger("huggingface_hub")
    level, spread = logger.level, logger.propagate
    logger.setLevel(logging.DEBUG)
    logger.propagate = True
    said = json.dumps({"error": f"bad token {ME}"}).encode()
    hub.fail(COMMIT, times=99, status=403, body=said)
    try:
        error = refused(run, hub)
    finally:
        logger.setLevel(level)
        logger.propagate = spread
    assert "bad token (token)" in str(error)
    assert caplog.text and ME not in caplog.text and not stored.exists()


def test_trap_5_the_saved_folder_is_published_and_stays_as_it_is(run, hub, trusting):
    before = {p: p.read_bytes() for p in run.model.rglob("*") if p.is_file()}
    done(run, hub)
    done(run, hub, edits=CardEdits(title="Again"))
    assert {p: p.read_bytes() for p in run.model.rglob("*") if p.is_file()} == before
    assert content(hub)["tokenizer.json"][0] == before[run.model / "tokenizer.json"]


def test_trap_6_licence_and_relation_are_on_the_card_and_a_path_is_no_base(run, hub, trusting):
    done(run, hub)
    card = hub.repos["model", TO].text("README.md")
    assert "license: apache-2.0" in card and "base_model_relation: finetune" in card
    assert hub.count("POST /api/validate-yaml") > 0
    assert all(bearer == ME for request, bearer in hub.asked if "validate" in request)


def test_trap_7_weights_go_over_http_though_xet_is_installed(run, hub, trusting):
    from huggingface_hub.utils._runtime import is_xet_available

    done(run, hub)
    assert is_xet_available() and hub.count(UPLOAD) == 1
    assert not hub.count("xet")


def test_trap_8_a_sign_in_that_ended_in_the_middle_says_to_sign_in_again(run, hub):
    hub.before[COMMIT] = lambda: hub.tokens.clear()
    error = refused(run, hub)
    assert "Sign in again" in str(error) and nothing_published(hub)


# the command line


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
