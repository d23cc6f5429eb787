import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from retrieval.fast import load as room
from retrieval.fast.bert import NoFastFormError
from retrieval.fast.encoder import FastEncoder
from retrieval.fast.form import FastForm
from retrieval.fast.load import load_served, make_fast, texts_to_try
from retrieval.index import build_index
from retrieval.models import load_encoder
from support.tiny import tiny_model_for

pytestmark = pytest.mark.slow

PROMPTS = {"query": "find : ", "document": "passage : "}


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(room, "has_cuda", lambda: False)


@pytest.fixture(scope="module")
def data(porsche):
    return replace(porsche, passages=porsche.passages[:30])


@pytest.fixture(scope="module", params=["mean", "cls"])
def model(request, data, tmp_path_factory):
    return tiny_model_for(data, tmp_path_factory.mktemp(request.param), pooling=request.param,
                          prompts=PROMPTS)


def test_the_fast_form_gives_the_models_own_vectors(model, data, tmp_path):
    plain, fast = load_encoder(str(model)), load_served(str(model), cache=tmp_path)
    assert isinstance(fast, FastEncoder)
    assert (fast.fingerprint, fast.dim, fast.prompts, fast.similarity) == (
        plain.fingerprint, plain.dim, plain.prompts, plain.similarity)
    texts = [passage.content for passage in data.passages] + ["", "x", "a " * 200]
    for way in ("encode_queries", "encode_passages"):
        assert np.abs(getattr(plain, way)(texts) - getattr(fast, way)(texts)).max() < 1e-5
    assert np.abs(plain.at(8).encode_queries(texts) - fast.at(8).encode_queries(texts)).max() < 1e-5
    bare, cut = fast.with_prompts(False), fast.cut_at(8)
    assert np.abs(bare.encode_queries(texts)
                  - plain.with_prompts(False).encode_queries(texts)).max() < 1e-5
    assert cut.fingerprint == load_encoder(str(model)).cut_at(8).fingerprint
    assert np.abs(cut.encode_passages(texts)
                  - load_encoder(str(model)).cut_at(8).encode_passages(texts)).max() < 1e-5


def test_the_second_time_the_model_itself_is_not_loaded(model, tmp_path, monkeypatch):
    load_served(str(model), cache=tmp_path)
    monkeypatch.setattr(room, "load_encoder", None)
    assert isinstance(load_served(str(model), cache=tmp_path), FastEncoder)


@pytest.mark.parametrize("name", ["weights.bin", "model.onnx", "checked.json"])
def test_a_flipped_bit_in_a_fast_form_is_said_and_it_is_made_again(
    model, tmp_path, caplog, name
):
    whole = load_served(str(model), cache=tmp_path).encode_queries(["x"])
    (path,) = tmp_path.glob(f"forms/*/{name}")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    again = load_served(str(model), cache=tmp_path)
    assert "is damaged: it is made again" in caplog.text
    assert isinstance(again, FastEncoder)
    assert (again.encode_queries(["x"]) == whole).all()
    caplog.clear()
    load_served(str(model), cache=tmp_path)
    assert not caplog.text


def test_a_model_that_was_trained_is_checked_when_its_run_ends(model, data, tmp_path, monkeypatch):
    make_fast(load_encoder(str(model)), model, tmp_path, data)
    (found,) = tmp_path.glob("forms/*/checked.json")
    assert json.loads(found.read_text())["texts"] == 2 + len(texts_to_try(data))
    monkeypatch.setattr(room, "load_encoder", None)
    assert isinstance(load_served(str(model), cache=tmp_path), FastEncoder)


def test_a_fast_form_that_gives_other_vectors_does_not_serve(model, tmp_path, monkeypatch):
    monkeypatch.setattr(FastForm, "encode",
                        lambda self, texts: np.ones((len(texts), self.dim), np.float32))
    for _ in range(2):  # the second time it is known already
        served = load_served(str(model), cache=tmp_path)
        assert not isinstance(served, FastEncoder)
        assert "away from that of the model itself" in served.plain
        assert served.with_prompts(False).plain == served.plain


def test_a_fast_form_that_breaks_does_not_serve(model, tmp_path, monkeypatch):
    def broken(self, texts):
        raise RuntimeError("bad graph")

    monkeypatch.setattr(FastForm, "encode", broken)
    assert "cannot run" in load_served(str(model), cache=tmp_path).plain


@pytest.mark.parametrize(("file", "key", "value", "why"), [
    ("config.json", "model_type", "mpnet", "its model_type is 'mpnet'"),
    ("config.json", "hidden_act", "relu", "its hidden_act is 'relu'"),
    ("config.json", "position_embedding_type", "relative_key", "no plain BERT"),
    ("1_Pooling/config.json", "pooling_mode", "max", "pooling"),
    ("1_Pooling/config.json", "include_prompt", False, "prompt"),
], ids=["architecture", "activation", "positions", "pooling", "prompt"])
def test_what_is_no_plain_bert_answers_as_it_is(model, tmp_path, file, key, value, why):
    copy = shutil.copytree(model, tmp_path / "copy")
    known = json.loads((copy / file).read_text())
    (copy / file).write_text(json.dumps(known | {key: value}))
    with pytest.raises(NoFastFormError, match=why):
        FastForm.of_folder(copy, tmp_path / "kept")


def test_the_embedded_model_answers_at_once_by_what_is_shipped(porsche, tmp_path, monkeypatch):
    from retrieval.models import EMBEDDED_MODEL

    monkeypatch.setattr(room, "load_encoder", None)  # torch is not asked
    encoder = load_served(EMBEDDED_MODEL, cache=tmp_path)
    index = build_index(encoder, porsche, tmp_path, sentences=True)
    assert not list(tmp_path.glob("*.npy"))  # nothing had to be encoded
    texts = [porsche.passage[name].content for name in index.ids[:5]]
    assert np.abs(encoder.encode_passages(texts) - index.vectors[:5]).max() < 1e-3


def test_the_shipped_vectors_are_of_this_corpus_and_model(porsche):
    """Where this fails: `python -m retrieval.fast` makes them anew."""
    from retrieval.fast.shipped import shipped_sample
    from retrieval.models import fingerprint
    from support.tiny import embedded

    sample = shipped_sample()
    assert sample is not None, "the built-in corpus changed since: run python -m retrieval.fast"
    assert sample.model == f"{fingerprint(embedded())}@384"
