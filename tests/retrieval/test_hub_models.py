"""Models by Hub id, through the unmodified client, from a Hub on loopback."""

import json
import os
import subprocess
import sys

import pytest

from retrieval.models import EMBEDDED_SHA256, load_encoder
from retrieval.prompts import published_prompts
from support import kinds
from support.fake_hub.models import hub
from support.samples import write_beir
from support.services import ROOT
from support.tiny import embedded, tiny_model
from train.run.record import Run

pytestmark = pytest.mark.slow

ANCESTOR = "mixedbread-ai/mxbai-embed-large-v1@e7857440379da569f68f19e8403b69cd7be26e50"
LOAD = """
import json, sys
from retrieval.models import ModelError, load_encoder
for name in sys.argv[1:]:
    try:
        encoder = load_encoder(name)
        print(json.dumps({"dim": encoder.dim, "name": encoder.name,
                          "one": encoder.encode_queries(["a question"])[0][:3].tolist()}))
    except ModelError as error:
        print(json.dumps({"refused": str(error)}))
"""


def load(endpoint, home, *names, **env):
    """What becomes of each name, and what was said meanwhile.

    The endpoint is read when the client is imported: so a process of its own.
    """
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home)} | env
    done = subprocess.run([sys.executable, "-c", LOAD, *names], cwd=ROOT, env=environment,
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_a_model_by_hub_id_is_fetched_and_is_the_model_that_was_put_there(tmp_path, encoder):
    with hub("acme/mini", embedded()) as served:
        [result], _ = load(served.endpoint, tmp_path, "acme/mini")
    assert (result["name"], result["dim"]) == ("acme/mini", 384)
    expected = encoder.encode_queries(["a question"])[0][:3].tolist()
    assert result["one"] == pytest.approx(expected, abs=1e-5)
    fetched = {request.partition("?")[0]
               for request, _ in served.asked if request.startswith("GET")}
    assert any(path.endswith("model.safetensors") for path in fetched)
    assert not [path for path in fetched if path.endswith((".bin", ".py", ".pt"))]
    assert EMBEDDED_SHA256 in {path.name for path in tmp_path.rglob("*")} | {
        path.resolve().name for path in tmp_path.rglob("model.safetensors")}


def test_a_private_model_of_the_owner_is_had_with_the_owners_token_and_not_without(tmp_path):
    with hub("acme/mini", embedded(), token="hf_ownersecret") as served:
        [mine], first = load(served.endpoint, tmp_path / "mine", "acme/mini",
                             HF_TOKEN="hf_ownersecret")
        [other], second = load(served.endpoint, tmp_path / "other", "acme/mini",
                               HF_TOKEN="hf_othersecret")
    assert mine["name"] == "acme/mini"
    assert "The model acme/mini could not be loaded" in other["refused"]
    assert "secret" not in first + second + other["refused"]


def test_what_is_not_there_is_refused_and_without_a_hub_what_is_cached_is_taken(tmp_path):
    with hub("acme/mini", embedded()) as served:
        (model, revision, there), said = load(
            served.endpoint, tmp_path, "acme/other", "acme/mini@" + "f" * 40, "acme/mini")
    assert "The model acme/other could not be loaded" in model["refused"]
    assert "The model acme/mini could not be loaded" in revision["refused"]
    assert max(len(model["refused"]), len(revision["refused"])) < 500 and "Traceback" not in said
    (cached, other), _ = load(served.endpoint, tmp_path, "acme/mini", "acme/other")  # it is gone
    assert cached == there and there["dim"] == 384
    assert "the Hub does not answer and it is not in the cache" in other["refused"]


def fit(name, endpoint, home, *more):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "TANDEM_HOME": str(home),
                    "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "train", "fit", "--base", name, "--out", str(home / "run"), *more],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def test_the_ancestors_base_is_trained_by_id_and_revision_and_its_model_needs_no_hub(
    porsche, tmp_path, monkeypatch
):
    name, commit = ANCESTOR.split("@")
    prompt = published_prompts([name])["query"]
    base = tiny_model(tmp_path / "base", pooling="cls", prompts={"query": prompt, "passage": ""})
    data = write_beir(porsche, tmp_path / "data", passages=20)
    more = ("--data", str(data), "--set", "truncate_dim=16", "--set", "batch_size=8",
            "--set", "epochs=1")
    with hub(name, base, commit=commit) as served:
        done = fit(ANCESTOR, served.endpoint, tmp_path, *more)
    assert done.returncode == 0, done.stderr[-2000:]
    assert any(f"/resolve/{commit}/model.safetensors" in request for request, _ in served.asked)
    run = Run(tmp_path / "run")
    described = run.record().to_json()["base_model"]
    assert (described["name"], described["revision"], described["dim"]) == (name, commit, 16)
    assert run.record().prompts["base"].query == prompt
    assert ANCESTOR.split("@")[0] in (run.model / "README.md").read_text("utf-8")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    tuned = load_encoder(str(run.model))
    assert tuned.dim == 16
    assert tuned.model[1].pooling_mode in ("cls", ("cls",))
    used = run.record().prompts["tuned"].used
    assert tuned.prompts["query"] == (prompt if used else "")
    assert tuned.encode_queries(["a question"]).shape == (1, 16)


def test_a_model_whose_size_nobody_says_is_not_fetched_where_size_is_limited(tmp_path):
    with hub("acme/mini", embedded()) as served:
        said_sizes = command(["model", "--base", "acme/mini", "--refuse-over", "1000000", "--json"],
                             served.endpoint, tmp_path)
        served.sizes = False
        done = command(["model", "--base", "acme/mini", "--refuse-over", "1000000", "--json"],
                       served.endpoint, tmp_path)
        estimated = command(["estimate", "--base", "acme/mini", "--refuse-over", "1000000",
                             "--json"], served.endpoint, tmp_path)
    assert said_sizes.returncode == 1 and "does not say" not in said_sizes.stdout
    for said in (done, estimated):
        assert said.returncode == 1
        assert "The Hub does not say how large the model acme/mini is" in said.stdout + said.stderr
    assert not [request for request, _ in served.asked if request.endswith(".safetensors")]
    assert not list(tmp_path.rglob("*.safetensors"))


def command(arguments, endpoint, home):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    return subprocess.run(
        [sys.executable, "-m", "train", *arguments], cwd=ROOT, capture_output=True, text=True,
        timeout=120, env=environment | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home)})


def test_what_is_no_embedder_is_refused_before_its_weights_are_fetched(tmp_path):
    with hub("acme/reranker", kinds.cross_encoder(tmp_path / "model")) as served:
        [done], _ = load(served.endpoint, tmp_path / "home", "acme/reranker")
    assert "acme/reranker is a cross-encoder" in done["refused"]
    assert not [request for request, _ in served.asked if request.endswith(".safetensors")]
