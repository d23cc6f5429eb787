import subprocess

import pytest

from train.engines import ENGINES
from train.engines import offers as room
from train.engines.offers import TITLES, Offer, automatic, local_device, offers
from train.engines.registry import engines_from
from train.settings import Settings

ALL = dict.fromkeys(TITLES)


@pytest.fixture(autouse=True)
def fresh():
    local_device.cache_clear()
    yield
    local_device.cache_clear()


def names(found):
    return [offer.engine for offer in found]


def test_only_engines_that_are_there_are_offered_with_what_they_are():
    found = offers({"jobs": None, "local": None, "unknown": None}, lambda name: "")
    assert names(found) == ["local", "jobs"]
    assert all(offer.title and offer.about.endswith(".") for offer in found)


def test_those_that_can_be_chosen_stand_first_and_the_others_say_why_not():
    found = offers(ALL, lambda name: "" if name == "jobs" else f"No {name}.")
    assert names(found) == ["jobs", "local", "zerogpu"]
    assert [offer.refusal for offer in found] == ["", "No local.", "No zerogpu."]


@pytest.mark.parametrize("wanted", TITLES)
def test_an_engine_that_the_owner_chose_is_the_only_one(wanted):
    assert names(offers(ALL, lambda name: "", wanted)) == [wanted]


def test_an_engine_that_the_owner_chose_and_that_is_not_there_leaves_none():
    assert offers({"local": None}, lambda name: "", "jobs") == []


@pytest.mark.parametrize("free, takes, why", [
    ({"local", "zerogpu", "jobs"}, "zerogpu", "quota"), ({"zerogpu", "jobs"}, "zerogpu", "quota"),
    ({"local", "jobs"}, "local", "costs nothing"), ({"local"}, "local", "costs nothing"),
    ({"jobs"}, "jobs", "Jobs are open to you"),
])
def test_auto_takes_a_gpu_that_costs_nothing_before_one_that_does(free, takes, why):
    found = [Offer(name, name, "", "" if name in free else "no") for name in TITLES]
    chosen, said = automatic(found)
    assert chosen == takes and why in said


def test_auto_takes_none_where_none_is_open_and_gives_the_reason():
    refused = [Offer("local", "", "", "Sign in."), Offer("jobs", "", "", "Pay.")]
    assert automatic(refused) == (None, "Sign in.")
    assert automatic([]) == (None, "There is no engine here.")


class Driver:
    """Answers in place of nvidia-smi."""

    def __init__(self, answer):
        self.answer = answer

    def __call__(self, command, **options):
        if isinstance(self.answer, Exception):
            raise self.answer
        return subprocess.CompletedProcess(command, 0, self.answer, "")


@pytest.mark.parametrize("told, said", [
    ("NVIDIA H200\n", "NVIDIA H200"), ("NVIDIA L4\nNVIDIA L4\n", "2 × NVIDIA L4"),
    ("", "2 CPU cores"), (OSError("gone"), "2 CPU cores"),
    (subprocess.TimeoutExpired("nvidia-smi", 10), "2 CPU cores"),
    (subprocess.CalledProcessError(9, "nvidia-smi"), "2 CPU cores"),
])
def test_this_machine_is_named_by_its_gpus_or_its_cores(monkeypatch, told, said):
    monkeypatch.setattr(room.shutil, "which", lambda tool: "/bin/nvidia-smi")
    monkeypatch.setattr(room.subprocess, "run", Driver(told))
    monkeypatch.setattr(room.os, "sched_getaffinity", lambda pid: {0, 1}, raising=False)
    assert local_device() == said


def test_one_core_is_not_called_cores(monkeypatch):
    monkeypatch.setattr(room.shutil, "which", lambda tool: None)
    monkeypatch.setattr(room.os, "sched_getaffinity", lambda pid: {0}, raising=False)
    assert local_device() == "1 CPU core"


def test_the_register_makes_each_engine_by_its_name_and_leaves_out_what_is_not_here(tmp_path):
    made = engines_from(Settings(home=tmp_path))
    assert set(made) == {"local", "jobs"}
    assert {engine.name for engine in made.values()} == set(made) < set(ENGINES)
