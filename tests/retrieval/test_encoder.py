import shutil

import numpy as np
import pytest

from retrieval import models as room
from retrieval.models import EMBEDDED_MODEL, ModelError, fingerprint, load_encoder
from support.tiny import embedded

pytestmark = pytest.mark.slow


def test_the_embedded_model_needs_no_network(encoder, monkeypatch):
    import socket

    def refuse(*_, **__):
        raise AssertionError("the network was asked for")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert load_encoder(EMBEDDED_MODEL).fingerprint == encoder.fingerprint


def test_vectors_have_length_one_and_like_texts_are_near(encoder):
    near, far = encoder.encode_passages(["A fast car.", "Bake the bread for an hour."])
    query = encoder.encode_queries(["a quick automobile"])[0]
    assert np.allclose(np.linalg.norm([near, far, query], axis=1), 1, atol=1e-5)
    assert query @ near > query @ far + 0.3


def test_truncated_vectors_are_normalised_again(encoder):
    short = encoder.at(64).encode_queries(["a question"])
    assert short.shape == (1, 64)
    assert np.allclose(np.linalg.norm(short, axis=1), 1, atol=1e-5)
    assert encoder.at(64).fingerprint != encoder.fingerprint


def test_no_texts_give_no_rows_of_the_right_width(encoder):
    assert encoder.encode_queries([]).shape == (0, 384)


@pytest.mark.parametrize("dim", [0, -1, 385, 10_000])
def test_a_truncate_dim_the_model_has_not_is_refused(encoder, dim):
    with pytest.raises(ValueError, match=f"between 1 and 384, not {dim}"):
        encoder.at(dim)


def test_weights_with_a_wrong_hash_are_refused(monkeypatch):
    monkeypatch.setattr(room, "EMBEDDED_SHA256", "0" * 64)
    with pytest.raises(ModelError, match="not the published model: its weights have SHA-256 53aa"):
        load_encoder(EMBEDDED_MODEL)


def test_a_folder_that_is_no_model_says_why(tmp_path):
    with pytest.raises(ModelError, match="no model folder at"):
        load_encoder(str(tmp_path / "nothing"))
    with pytest.raises(ModelError, match="neither modules.json nor config.json"):
        load_encoder(str(tmp_path))
    (tmp_path / "file").write_text("x")
    with pytest.raises(ModelError, match="is a file"):
        load_encoder(str(tmp_path / "file"))


def test_weights_that_can_run_code_are_refused(tmp_path):
    (tmp_path / "modules.json").write_text("[]")
    (tmp_path / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n(S'exit 1'\ntR.")
    with pytest.raises(ModelError, match=r"no .safetensors weights"):
        load_encoder(str(tmp_path))


def test_damaged_weights_are_refused_with_a_sentence(tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(embedded(), folder)
    (folder / "model.safetensors").write_bytes(b"\x00" * 100)
    with pytest.raises(ModelError, match="could not be loaded"):
        load_encoder(str(folder))


def test_a_model_the_hub_does_not_answer_for_is_refused_with_a_sentence(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="model nobody/nothing could not be loaded") as caught:
        load_encoder("nobody/nothing")
    assert len(str(caught.value)) < 400


def test_fingerprint_changes_with_a_byte_of_the_weights(tmp_path):
    for name, data in (("a", b"1"), ("b", b"2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(data)
    assert fingerprint(tmp_path / "a") != fingerprint(tmp_path / "b")
