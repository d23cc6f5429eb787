"""What several tests share."""

from pathlib import Path

import pytest

from corpus.read import load_corpus
from corpus.records import Corpus
from fakes import small_corpus
from samples import write_beir


@pytest.fixture
def corpus() -> Corpus:
    return small_corpus()


@pytest.fixture(scope="session")
def porsche() -> Corpus:
    return load_corpus("porsche")


@pytest.fixture(scope="session")
def encoder():
    """The embedded model, loaded once."""
    from retrieval.encoder import EMBEDDED_MODEL, load_encoder

    return load_encoder(EMBEDDED_MODEL)


@pytest.fixture(scope="session")
def sample_folder(porsche, tmp_path_factory) -> Path:
    """Sixty real passages with their questions, as a BEIR folder: small enough to train on."""
    return write_beir(porsche, tmp_path_factory.mktemp("data") / "sample", passages=60)


@pytest.fixture(scope="session")
def real_job(porsche, tmp_path_factory):
    """What a real job printed and left, trained once for all tests of the engine."""
    import job_play

    return job_play.real_job(porsche, tmp_path_factory.mktemp("job"))


