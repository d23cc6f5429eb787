"""What several tests share."""

import logging
from functools import partial
from pathlib import Path

import pytest

from corpus.load import load_corpus
from corpus.records import Corpus
from support.fakes import FakeEngine, small_corpus
from support.samples import write_beir
from support.services import services_in


@pytest.fixture
def corpus() -> Corpus:
    return small_corpus()


@pytest.fixture(scope="session")
def porsche() -> Corpus:
    return load_corpus("porsche")


@pytest.fixture(scope="session")
def encoder():
    """The embedded model, loaded once."""
    from retrieval.models import EMBEDDED_MODEL, load_encoder

    return load_encoder(EMBEDDED_MODEL)


@pytest.fixture(scope="session")
def sample_folder(porsche, tmp_path_factory) -> Path:
    """Sixty real passages with their questions, as a BEIR folder: small enough to train on."""
    return write_beir(porsche, tmp_path_factory.mktemp("data") / "sample", passages=60)


@pytest.fixture(scope="session")
def real_job(porsche, tmp_path_factory):
    """What a real job printed and left, trained once for all tests of the engine."""
    from support.runs import job_play

    return job_play.real_job(porsche, tmp_path_factory.mktemp("job"))


@pytest.fixture
def play(real_job, tmp_path, caplog):
    """A run and its Hub; at the end, whatever happened, the token must be nowhere on disk."""
    from support.fake_hub.jobs import TOKEN
    from support.runs import job_play

    caplog.set_level(logging.DEBUG)
    with job_play.playing(real_job, tmp_path) as play:
        yield play
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in kept if TOKEN.encode() in path.read_bytes()]
    assert TOKEN not in caplog.text


@pytest.fixture
def make_services(tmp_path, monkeypatch):
    """Makes a house over an empty home, on a machine where nobody signed in to the Hub."""
    from ui import auth

    monkeypatch.setattr(auth, "local_token", lambda: None)
    return partial(services_in, tmp_path / "home")


@pytest.fixture
def space(make_services):
    """A Space of Ada's with every engine, where a visitor signs in to train."""
    engines = {name: FakeEngine(name) for name in ("local", "zerogpu", "jobs")}
    return make_services(engines, on_space=True, train="login", space_owner="ada")
