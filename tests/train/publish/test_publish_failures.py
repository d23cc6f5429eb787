"""Publishing to a Hub that refuses, hangs, cuts off or loses its answer."""

import json
import re
import time

import pytest

from hub.client import Hub, Patience
from support.fake_hub.state import ME
from support.publishing import (
    COMMIT,
    TO,
    UPLOAD,
    check_no_token,
    content,
    done,
    nothing_published,
    refused,
    steps_of,
    weights_sent,
)
from train.publish.errors import PublishError
from train.publish.permissions import check_repo_id

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
    result, steps = steps_of(run, hub, patience=Patience(10, 2, 0.01, 2))
    size = (run.model / "model.safetensors").stat().st_size
    assert hub.count(UPLOAD) == 1 + -(-size // 50_000) and weights_sent(hub, run) == 1
    sent = [step.progress.done for step in steps if step.phase == "upload"]
    assert max(sent) <= sum(f["bytes"] for f in result["files"]) and result["verified"]


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
    assert run.record().published[0].verified


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
