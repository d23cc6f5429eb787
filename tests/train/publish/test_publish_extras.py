"""What goes to the Hub beside a model: its data, a collection, ONNX."""


import pytest
from huggingface_hub import DatasetCard

from hub.client import Hub
from hub.progress import drained
from support.fake_hub.state import ME
from support.publishing import QUICK, TO, content, done
from support.runs.finished import questions
from train.publish.errors import PublishError
from train.publish.onnx import PATH as ONNX
from train.publish.onnx import can_export, export_int8, run_by_onnx, write_int8


def test_the_data_is_published_as_a_data_set_that_can_be_read_again(hub, tmp_path):
    from corpus.load import load_corpus
    from train.publish.dataset import publish_data

    corpus = questions()
    who = Hub(ME, hub.endpoint, QUICK)
    result = drained(publish_data(corpus, "me/parts", who, licence="cc-by-4.0", language=["en"]))
    repo = hub.repos["dataset", "me/parts"]
    assert repo.private and len(repo.commits) == 2 and result["revision"] == repo.head.oid
    assert result["url"] == f"{hub.endpoint}/datasets/me/parts"
    for path, (data, _) in repo.head.files.items():
        (tmp_path / "data" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / path).write_bytes(data)
    again = load_corpus(tmp_path / "data")
    assert again.fingerprint == corpus.fingerprint
    assert again.split_fingerprints == corpus.split_fingerprints
    card = DatasetCard((tmp_path / "data" / "README.md").read_text("utf-8")).data.to_dict()
    assert card["license"] == "cc-by-4.0" and card["language"] == ["en"]
    assert [config["config_name"] for config in card["configs"]] == ["corpus", "queries", "qrels"]
    assert not drained(publish_data(corpus, "me/parts", who, licence="cc-by-4.0",
                                    language=["en"]))["changed"]
    with pytest.raises(PublishError, match="holds something else"):
        hub.repo("me/other", kind="dataset", files={"x.csv": b"1"})
        drained(publish_data(corpus, "me/other", who, licence="cc-by-4.0"))
    with pytest.raises(PublishError, match="licence"):
        drained(publish_data(corpus, "me/third", who, licence="mine"))


def test_a_model_is_added_to_a_collection(hub):
    from train.publish.dataset import add_to_collection

    add_to_collection(Hub(ME, hub.endpoint, QUICK), "me/parts-1234567890", TO)
    assert hub.collections == {"me/parts-1234567890": [TO]}


@pytest.fixture
def pretended_onnx(monkeypatch):
    """An export that only copies, for what is decided around it."""
    def write(model, file):
        file.write_bytes(b"onnx")

    monkeypatch.setattr("train.publish.onnx.can_export", lambda: True)
    monkeypatch.setattr("train.publish.onnx.write_int8", write)


def test_an_onnx_export_that_ranks_as_well_goes_with_the_model_and_stands_on_the_card(
        run, hub, trusting, pretended_onnx, monkeypatch):
    monkeypatch.setattr("train.publish.onnx.run_by_onnx", lambda model, file: None)
    exported = drained(export_int8(run, questions()))
    assert exported.full == exported.int8
    done(run, hub, extra={ONNX: exported.file})
    card = hub.repos["model", TO].text("README.md")
    assert content(hub)[ONNX][0] == b"onnx" and f"{exported.full:.4f}" in card and ONNX in card
    assert drained(export_int8(run, questions())) == exported  # taken again, not made again
    assert done(run, hub)["changed"]  # without it: its file and its words go
    assert ONNX not in content(hub) and ONNX not in hub.repos["model", TO].text("README.md")


def test_an_onnx_export_that_ranks_otherwise_is_not_offered(run, pretended_onnx, monkeypatch):
    import torch

    def spoil(model, file):
        with torch.no_grad():
            for weight in model.parameters():
                weight.zero_()

    monkeypatch.setattr("train.publish.onnx.run_by_onnx", spoil)
    with pytest.raises(PublishError, match="not offered"):
        drained(export_int8(run, questions()))
    assert run.record().onnx is None


def test_without_the_packages_an_onnx_export_says_what_to_install(run, monkeypatch):
    monkeypatch.setattr("train.publish.onnx.can_export", lambda: False)
    with pytest.raises(PublishError, match="requirements-onnx.txt"):
        drained(export_int8(run, questions()))


@pytest.mark.slow
@pytest.mark.skipif(not can_export(), reason="requirements-onnx.txt is not installed")
def test_a_real_onnx_export_computes_nearly_what_the_model_does(run, tmp_path, capfd):
    import numpy as np

    from retrieval.models import load_encoder

    texts = [query.text for query in questions().queries.values()]
    whole, small = load_encoder(str(run.model)), load_encoder(str(run.model))
    write_int8(whole.model, tmp_path / "model.onnx")
    run_by_onnx(small.model, tmp_path / "model.onnx")
    a, b = whole.encode_queries(texts), small.encode_queries(texts)
    assert a.shape == b.shape and not np.array_equal(a, b)
    assert (a * b).sum(axis=1).min() > 0.97
    assert "torch.onnx" not in capfd.readouterr().out  # it would spoil --json
