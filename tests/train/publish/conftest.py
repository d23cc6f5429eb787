"""A finished run, and a Hub on loopback to publish it to."""

import shutil

import pytest

from support.fake_hub.repos import loopback
from support.fakes import HashingEncoder
from support.runs.finished import finished_run, questions
from support.tiny import tiny_model_for
from train.publish.verify import Verified
from train.run.record import Run


@pytest.fixture(scope="session")
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
                        lambda run, model, hashes, corpus, cache, device: Verified(hashes))
