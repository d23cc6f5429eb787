"""A saved model as older versions of sentence-transformers read it."""

import json

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer

from support.tiny import tiny_model
from train.run.saved_model import AS_SAVED, OLDEST, write_for_older

TEXTS = ["engine oil weighs 3 kg", "part"]


def read(folder, name):
    return json.loads((folder / name).read_text("utf-8"))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_the_files_are_those_of_older_versions_and_the_vectors_the_same(tmp_path, pooling):
    folder = tiny_model(tmp_path, ("engine oil weighs",), pooling=pooling,
                        prompts={"query": "question: "})
    before = SentenceTransformer(str(folder)).encode(TEXTS)
    assert write_for_older(folder, 48) == OLDEST
    assert [module["type"] for module in read(folder, "modules.json")] == [
        "sentence_transformers.models.Transformer", "sentence_transformers.models.Pooling"]
    modes = {key for key, on in read(folder, "1_Pooling/config.json").items() if on is True}
    assert modes == {{"mean": "pooling_mode_mean_tokens",
                      "cls": "pooling_mode_cls_token"}[pooling], "include_prompt"}
    assert read(folder, "sentence_bert_config.json") == {
        "max_seq_length": 48, "do_lower_case": False}
    again = SentenceTransformer(str(folder))
    assert np.array_equal(again.encode(TEXTS), before)
    assert again.max_seq_length == 48 and again.prompts["query"] == "question: "
    assert write_for_older(folder, 48) == OLDEST  # nothing is lost by doing it twice
    assert np.array_equal(SentenceTransformer(str(folder)).encode(TEXTS), before)


@pytest.mark.parametrize("name, change", [
    ("modules.json", lambda modules: modules + [
        {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"}]),
    ("tokenizer_config.json", lambda settings: settings | {"tokenizer_class": "TokenizersBackend"}),
    ("sentence_bert_config.json", lambda settings: settings | {"transformer_task": "fill-mask"}),
])
def test_what_older_versions_do_not_know_is_left_as_it_was_saved(tmp_path, name, change):
    folder = tiny_model(tmp_path)
    (folder / name).write_text(json.dumps(change(read(folder, name))), "utf-8")
    files = {path: path.read_bytes() for path in folder.rglob("*.json")}
    assert write_for_older(folder, 48) == AS_SAVED
    assert files == {path: path.read_bytes() for path in folder.rglob("*.json")}
