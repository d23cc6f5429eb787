"""What the page says of a Space: GPU quota, where runs are kept, where a run is published."""

from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import pytest

from support.fakes import FakeEngine, FakeRequest
from support.runs.gpu_platform import Platform
from support.services import ADA, BEN
from train.engines.quota import Quota
from train.engines.zerogpu import ZeroGpuEngine
from train.run.spec import RunSpec
from ui.services.publishing import PHASES
from ui.services.runs import RunService
from ui.tabs import finetune, publish, runs

LEFT = "You have 3 min 20 s of your daily 5 min of GPU left."


@pytest.fixture
def services(make_services):
    asked = []

    def quota(token):
        asked.append(token)
        return Quota(200, 300) if token else None

    engines = {"local": FakeEngine(), "zerogpu": ZeroGpuEngine(Platform(), quota=quota)}
    made = make_services(engines, on_space=True, train="login", space_owner="ada", zero_gpu=True)
    made.queue.asked = asked
    return made


def page(services, token=BEN):
    """A request of the page, and the nonce it was given."""
    request = FakeRequest(signed_in=token, browser="mark")
    return request, services.auth.nonce(request)


def engine_note(services, token=BEN, chosen="auto"):
    return engines(services, token, chosen)[2]


def engines(services, token=BEN, chosen="auto", flavor=None):
    asked = finetune._engines(services, RunService(services))
    return asked(*page(services, token), chosen, flavor)


def test_a_machine_is_set_only_where_there_is_one_or_was(space):
    """What is set, even to nothing, starts an estimate: nobody may pay for one by a look."""
    assert engines(space)[1] == gr.skip()
    assert engines(space, flavor="t4-small")[1].visible is False


def test_the_quota_that_is_left_stands_before_start(services):
    assert LEFT in engine_note(services) and LEFT in engine_note(services, chosen="zerogpu")
    assert set(services.queue.asked) == {BEN}


def test_the_quota_of_another_engine_or_of_nobody_is_not_spoken_of(services):
    assert LEFT not in engine_note(services, ADA, "local")
    assert LEFT not in engine_note(services, None)
    assert ADA not in services.queue.asked


def test_a_gpu_of_the_platform_is_not_promised_the_time_of_this_cpu(services):
    measured = {"pairs": 8, "seconds": {"low": 300.0, "high": 400.0}}
    request, nonce = page(services)
    said, cost = RunService(services).priced(
        services.auth.looks(request, nonce), RunSpec(engine="zerogpu"), measured)
    assert said["seconds"]["low"] < 300 and "quota" in cost and "guess" in cost


def home(problem=""):
    return SimpleNamespace(problem=problem, place=SimpleNamespace(name="ada/runs"))


@pytest.mark.parametrize("problem, said", [("", "kept in ada/runs"),
                                           ("Runs are not kept: 403.", "Runs are not kept: 403.")])
def test_the_owner_and_nobody_else_is_told_where_runs_are_kept(services, problem, said):
    at = replace(services, home=home(problem))
    assert said in runs._kept(at)(*page(at, ADA))
    assert runs._kept(at)(*page(at, BEN)) == "" == runs._kept(services)(*page(services, ADA))


def test_after_a_reload_the_form_names_the_repository_it_was_published_to(services):
    run = RunSpec(owner="ben").create(services.settings.runs)
    fill = publish._fill(services, RunService(services))
    assert fill(*page(services), run.id)[0].startswith("ben/")
    run.update(publish_to="ben/wanted")
    assert fill(*page(services), run.id)[0] == "ben/wanted"
    run.update(published=[{"repo": "ben/there", "url": "https://x/ben/there", "revision": "a" * 40,
                           "verified": True, "files": []}])
    assert fill(*page(services), run.id)[0] == "ben/there"
    assert fill(*page(services, None), run.id) == [gr.skip()] * 6


def test_what_comes_after_the_download_is_not_called_downloading():
    assert "ownload" in PHASES["verify"] and "ownload" not in PHASES["ask"]
    assert "asking" in PHASES["ask"]


def test_runs_that_are_kept_elsewhere_are_fetched_before_it_is_decided_whether_to_train(
        services, monkeypatch):
    seen = []
    opening = replace(services.opening, restore=lambda tell: (tell("Fetching a"),
                                                              seen.append(opening.state.text)))
    monkeypatch.setattr(type(opening), "_loaded", lambda self, model: None)
    monkeypatch.setattr(type(opening), "_index", lambda self, encoder, corpus, side: None)
    monkeypatch.setattr(type(opening), "_show", lambda self, pair: None)
    monkeypatch.setattr(type(opening), "_run_of_this_pair",
                        lambda self, corpus: seen.append("looked") or None)
    monkeypatch.setattr(type(opening), "_train", lambda self, run, corpus: seen.append("trained"))
    opening._open()
    assert seen == ["Fetching a", "looked", "trained"]
