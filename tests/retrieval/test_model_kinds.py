"""Each kind of model that people bring is loaded, or refused by name with the way out."""

import numpy as np
import pytest

from retrieval.models import ModelError, check_model, load_encoder, probe
from support import kinds
from support.tiny import tiny_model

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("kind", kinds.REFUSED)
def test_what_is_no_text_embedder_is_refused_by_name_with_the_way_out(kind, tmp_path):
    make, said = kinds.REFUSED[kind]
    folder = make(tmp_path)
    with pytest.raises(ModelError, match=said) as loaded:
        load_encoder(str(folder))
    with pytest.raises(ModelError) as looked:  # and by its files alone
        check_model(str(folder))
    sentence = str(loaded.value)
    assert sentence == str(looked.value)
    assert sentence.startswith(str(folder))
    assert sentence.endswith((".", "…"))
    assert len(sentence) < len(str(folder)) * 2 + 450
    assert any(way in sentence for way in (
        "Take a", "give ", "Give ", "Run ", "Merge ", "convert it", "set similarity_fn_name"))


def test_nothing_but_file_names_and_small_json_is_read_to_refuse_a_model(tmp_path, monkeypatch):
    import safetensors.torch

    folder = kinds.cross_encoder(tmp_path)
    monkeypatch.setattr(safetensors.torch, "load_file", None)
    (folder / "model.safetensors").write_bytes(b"\x00" * 2048)
    with pytest.raises(ModelError, match="is a cross-encoder"):
        load_encoder(str(folder))


@pytest.mark.parametrize("make", [
    tiny_model, kinds.encoder_only, kinds.half_precision, kinds.static, kinds.model2vec,
    lambda folder: kinds.compared_by(folder, "dot")], ids=lambda make: make.__name__)
def test_a_text_embedder_is_loaded_in_float32_and_told_apart(make, tmp_path):
    import torch

    encoder = load_encoder(str(make(tmp_path)))
    assert {parameter.dtype for parameter in encoder.model.parameters()} == {torch.float32}
    probe(encoder)
    vectors = encoder.encode_passages(["one text", "and another, longer one"])
    assert vectors.dtype == np.float32
    assert vectors.shape == (2, encoder.dim)


def test_a_checkpoint_of_a_trainer_is_a_model_itself(tmp_path):
    folder = kinds.trainer_output(tmp_path) / "checkpoint-450"
    probe(load_encoder(str(folder)))


@pytest.mark.parametrize(("value", "said"), [
    (0.0, "gives no usable vector|the same vector"), (float("nan"), "zeros, or not a number"),
    (0.01, "the same vector")])
def test_weights_that_tell_no_texts_apart_are_found_by_the_probe(value, said, tmp_path):
    encoder = load_encoder(str(kinds.filled(tmp_path, value)))
    with pytest.raises(ModelError, match=said) as caught:
        probe(encoder)
    assert encoder.name in str(caught.value)


def test_a_model_that_cannot_encode_is_a_sentence(tmp_path):
    encoder = load_encoder(str(tiny_model(tmp_path)))
    encoder.model[0].forward = None
    with pytest.raises(ModelError, match="cannot encode a text"):
        probe(encoder)
