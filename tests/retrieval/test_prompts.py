import json
import shutil
from dataclasses import replace

import pytest

from corpus.load import load_corpus
from retrieval.evaluation import evaluate, means
from retrieval.index import build_index
from retrieval.models import load_encoder, split_revision
from retrieval.prompts import as_other, at_its_best, fairer, other_way
from support.samples import write_beir
from support.tiny import tiny_model_for
from train.fit.runner import begun, carry_out
from train.recipe import Recipe
from train.run.record import open_run
from train.run.spec import RunSpec

PROMPT = "find the passage about the brakes : "


@pytest.fixture(scope="module")
def data(porsche, tmp_path_factory):
    return write_beir(porsche, tmp_path_factory.mktemp("fair") / "data", passages=45)


@pytest.fixture(scope="module")
def corpus_(data):
    return load_corpus(str(data))


@pytest.fixture(scope="module")
def model(corpus_, tmp_path_factory):
    return tiny_model_for(corpus_, tmp_path_factory.mktemp("prompted"), pooling="cls",
                          prompts={"query": PROMPT, "passage": ""})


@pytest.fixture(scope="module")
def plain(corpus_, tmp_path_factory):
    return tiny_model_for(corpus_, tmp_path_factory.mktemp("plain"))


def test_a_stored_prompt_is_put_before_queries_and_can_be_left_out(model):
    encoder = load_encoder(str(model))
    bare = encoder.with_prompts(False)
    assert encoder.prompts == {"query": PROMPT, "passage": ""}
    with_it, without = encoder.encode_queries(["x"])[0], bare.encode_queries(["x"])[0]
    assert abs(with_it - without).max() > 1e-3
    assert bare.encode_queries([PROMPT + "x"])[0] == pytest.approx(with_it, abs=1e-5)
    assert (encoder.encode_passages(["x"]) == bare.encode_passages(["x"])).all()
    assert bare.fingerprint == encoder.fingerprint  # so the passages are encoded once
    assert bare.with_prompts(True).encode_queries(["x"])[0] == pytest.approx(with_it, abs=1e-6)


def test_passages_with_a_prompt_have_vectors_and_a_fingerprint_of_their_own(model):
    encoder = load_encoder(str(model))
    encoder.model.prompts = {"query": "", "document": "passage : "}
    encoder = encoder.with_prompts(True)
    bare = encoder.with_prompts(False)
    assert bare.fingerprint != encoder.fingerprint
    assert (encoder.encode_passages(["x"]) != bare.encode_passages(["x"])).any()


def test_a_text_cut_shorter_is_another_vector_with_another_fingerprint(plain):
    encoder = load_encoder(str(plain))
    whole, print_ = encoder.encode_passages(["a b c d e f g h"]), encoder.fingerprint
    cut = encoder.cut_at(4)
    assert cut.fingerprint != print_
    assert (cut.encode_passages(["a b c d e f g h"]) != whole).any()
    assert encoder.cut_at(None) is encoder


def test_the_prompt_that_authors_prescribe_is_known_where_a_model_stores_none(plain, tmp_path):
    folder = shutil.copytree(plain, tmp_path / "mxbai-embed-large-v1")
    encoder = load_encoder(str(folder))
    assert encoder.prompts["query"].startswith("Represent this sentence for searching")
    assert encoder.model.prompts["query"] == encoder.prompts["query"]  # so it is saved, too


def test_a_model_without_prompts_is_encoded_and_judged_as_ever(plain, corpus_):
    encoder = load_encoder(str(plain))
    assert other_way(encoder) is None
    calls = []
    (index, chosen), choice = at_its_best(
        encoder, corpus_, lambda way: calls.append(way) or build_index(way, corpus_))
    assert (choice, chosen, len(calls)) == (None, encoder, 1)


def test_the_way_that_is_better_on_dev_is_chosen_and_said(model, corpus_):
    encoder = load_encoder(str(model))
    ways = {way.prompted: means(evaluate(build_index(way, corpus_), corpus_, "dev"))["ndcg@10"]
            for way in (encoder, encoder.with_prompts(False))}
    assert ways[True] != ways[False]
    (index, chosen), choice = at_its_best(encoder, corpus_, lambda w: build_index(w, corpus_))
    assert choice == {"query": PROMPT, "passage": "", "used": ways[True] > ways[False],
                      "with": ways[True], "without": ways[False]}
    assert chosen.prompted == choice["used"]
    assert means(evaluate(index, corpus_, "dev"))["ndcg@10"] == max(ways.values())
    one = build_index(encoder, corpus_), encoder
    other = as_other(one[0], encoder.with_prompts(False)), encoder.with_prompts(False)
    assert fairer(other, one, corpus_)[1] == choice


@pytest.mark.slow
@pytest.mark.parametrize("keep_prompt", [True, False])
def test_a_run_compares_best_with_best_and_its_model_stores_what_it_is_used_with(
    model, data, corpus_, tmp_path, monkeypatch, keep_prompt
):
    from train.fit import result

    # What the tuned model does better with is as may be: here it is made one or the other.
    honest = result.fairer

    def forced(one, other, corpus):
        side, choice = honest(one, other, corpus)
        side = next(way for way in (one, other) if way[1].prompted == keep_prompt)
        return side, choice | {"used": keep_prompt}

    monkeypatch.setattr(result, "fairer", forced)
    run = open_run(tmp_path / "run")
    recipe = replace(Recipe(), epochs=1, batch_size=8, learning_rate=0.003)
    carry_out(run, begun(run, RunSpec(str(data), str(model), recipe=recipe)))
    record = run.record()
    assert record.status == "done", record.error
    base, tuned = record.to_json()["prompts"]["base"], record.to_json()["prompts"]["tuned"]
    assert base["query"] == tuned["query"] == PROMPT
    assert record.metrics["dev"].base["ndcg@10"] == max(base["with"], base["without"])
    assert record.metrics["dev"].tuned["ndcg@10"] == pytest.approx(
        tuned["with" if keep_prompt else "without"])
    stored = json.loads((run.model / "config_sentence_transformers.json").read_text())["prompts"]
    assert stored.get("query", "") == (PROMPT if keep_prompt else "")
    card = (run.model / "README.md").read_text("utf-8")
    usage = card.partition("## Usage")[2].partition("\n## ")[0]  # the script that trains has it
    assert usage and (PROMPT.strip() in usage) == keep_prompt
    again = load_encoder(str(run.model))
    assert means(evaluate(build_index(again, corpus_), corpus_, "test")) == pytest.approx(
        record.metrics["test"].tuned)


def test_evaluate_judges_both_sides_at_their_best(
    model, plain, data, capsys, tmp_path, monkeypatch
):
    from train.__main__ import main

    monkeypatch.setenv("TANDEM_HOME", str(tmp_path))
    main(["evaluate", "--model", str(plain), "--against", str(model), "--data", str(data),
          "--split", "dev", "--json"])
    result = json.loads(capsys.readouterr().out)
    choice = result["prompts"]["base"]
    assert result["base"]["ndcg@10"] == max(choice["with"], choice["without"])
    assert "tuned" not in result["prompts"]


def test_a_revision_is_given_behind_an_at_sign_and_a_folder_may_have_one(tmp_path):
    assert split_revision("a/b@123") == ("a/b", "123")
    assert split_revision("a/b") == ("a/b", None)
    folder = tmp_path / "x@y"
    folder.mkdir()
    assert split_revision(str(folder)) == (str(folder), None)
