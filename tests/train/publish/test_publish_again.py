"""What is sent again, how often, and under which spelling of a name."""

import pytest

from hub.client import Patience
from support.fake_hub.state import ME
from support.publishing import TO, UPLOAD, content, done, nothing_published, refused, steps_of
from support.publishing import weights_sent as taken

PATIENT = Patience(10, 3, 0.01, 2)


@pytest.fixture(autouse=True)
def impatient_client(monkeypatch):
    """The client's own pauses between two tries are not waited for."""
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)


def sends(run, hub):
    """How often all bytes of the weights were sent."""
    weights = (run.model / "model.safetensors").read_bytes()
    return hub.bodies.count(weights) + hub.bodies.count(weights[: len(weights) // 2])


@pytest.mark.parametrize("times", [1, 2])
def test_weights_that_arrive_short_are_sent_again(run, hub, trusting, times):
    hub.fail(UPLOAD, times=times, drop="short")
    assert done(run, hub, patience=PATIENT)["verified"]
    assert sends(run, hub) == times + 1 and taken(hub, run) == 1


def test_weights_that_arrive_short_each_time_leave_nothing_published(run, hub, trusting):
    hub.fail(UPLOAD, times=99, drop="short")
    error = refused(run, hub, patience=PATIENT)
    assert "not what was announced" in str(error) and nothing_published(hub)
    assert sends(run, hub) == 3
    hub.faults.clear()
    assert done(run, hub)["verified"]


@pytest.mark.parametrize("how, kind", [
    ({"status": 503}, "unavailable"), ({"status": 500}, "unavailable"),
    ({"status": 429}, "rate_limited")], ids=["503", "500", "429"])
def test_a_standing_refusal_is_not_sent_the_weights_six_times(run, hub, trusting, how, kind):
    hub.fail(UPLOAD, times=99, body=b"{}", **how)
    error = refused(run, hub, patience=PATIENT)
    assert error.kind == kind and "Nothing was published" in str(error)
    assert sends(run, hub) == 3 and nothing_published(hub)
    hub.faults.clear()
    assert done(run, hub)["verified"]


@pytest.mark.parametrize("status", [401, 403, 402, 413])
def test_a_final_refusal_is_sent_the_weights_once(run, hub, trusting, status):
    hub.fail(UPLOAD, times=99, status=status, body=b"{}")
    refused(run, hub, patience=PATIENT)
    assert hub.count(UPLOAD) == 1


def test_a_name_in_another_case_is_the_same_repository(run, hub, trusting):
    first = done(run, hub)
    again = done(run, hub, to=TO.upper())
    assert again["repo"] == TO and again["revision"] == first["revision"]
    assert again["changed"] is False and list(hub.repos) == [("model", TO)]
    assert [entry.repo for entry in run.record().published] == [TO]


def test_a_new_name_in_another_case_goes_to_my_namespace(run, hub, trusting):
    assert done(run, hub, to="ME/New-Model")["repo"] == "me/New-Model"
    assert "me/New-Model" in hub.repos["model", "me/New-Model"].text("README.md")
    assert content(hub, "me/New-Model")


def test_a_fine_grained_token_takes_its_repository_in_another_case(run, hub, trusting):
    hub.repo(TO)
    hub.tokens[ME]["auth"]["accessToken"] = {"role": "fineGrained", "fineGrained": {"scoped": [
        {"entity": {"name": TO}, "permissions": ["repo.write"]}]}}
    assert done(run, hub, to="me/Car-Parts")["repo"] == TO


def test_what_follows_the_download_is_not_called_downloading(run, hub, trusting):
    phases = list(dict.fromkeys(step.phase for step in steps_of(run, hub)[1]))
    assert phases == ["check", "prepare", "upload", "commit", "verify", "ask"]
