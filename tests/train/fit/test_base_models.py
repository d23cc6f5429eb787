"""Each door asks what a base model is before anything is spent, and takes what is an embedder."""

import json

import pytest

from corpus.load import load_corpus
from retrieval.evaluation import evaluate, means
from retrieval.index import build_index
from retrieval.models import load_encoder
from retrieval.prompts import PUBLISHED, names_of_folder, published_prompts
from support import kinds
from support.samples import write_beir
from support.tiny import tiny_model
from train.__main__ import main
from train.run.record import Run
from train.run.spec import spec_of

pytestmark = pytest.mark.slow

QUERY, PASSAGE = "query : ", "passage : "


@pytest.fixture(scope="module")
def data(porsche, tmp_path_factory):
    return write_beir(porsche, tmp_path_factory.mktemp("bases") / "data", passages=30)


@pytest.fixture(scope="module")
def texts(data):
    corpus = load_corpus(str(data))
    return tuple(p.content for p in corpus.passages) + tuple(
        q.text for q in corpus.queries.values())


@pytest.fixture
def train(data, tmp_path, monkeypatch, capsys):
    """Runs `python -m train` here; gives its exit status and what it printed."""
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))

    def run(*arguments):
        status = main([*map(str, arguments), "--json"])
        return status, json.loads(capsys.readouterr().out)

    def fit(base, *more):
        return run("fit", "--data", data, "--base", base, "--out", tmp_path / "run",
                   "--set", "epochs=1", "--set", "batch_size=8", *more)

    run.fit, run.folder, run.data = fit, tmp_path / "run", data
    return run


@pytest.mark.parametrize("kind", ["cross-encoder", "classifier", "splade", "colbert", "clip",
                                  "adapter", "euclidean", "bin only", "lfs pointer"])
def test_what_is_no_embedder_is_refused_at_every_command_and_leaves_no_folder(
    kind, train, data, tmp_path
):
    make, said = kinds.REFUSED[kind]
    base = make(tmp_path / "base")
    doors = [train.fit(base), train("estimate", "--data", data, "--base", base),
             train("model", "--base", base),
             train("evaluate", "--model", base, "--data", data, "--split", "dev")]
    sentences = {answer["error"] for status, answer in doors if status == 1}
    assert [status for status, _ in doors] == [1, 1, 1, 1]
    assert len(sentences) == 1  # one sentence for one fault
    assert said in sentences.pop()
    assert not train.folder.exists()


def test_a_model_that_tells_nothing_apart_is_refused_before_a_run_is_made(train, data, tmp_path):
    base = kinds.filled(tmp_path / "base", 0.01)
    for status, answer in (train.fit(base), train("model", "--base", base), train(
            "evaluate", "--model", base, "--data", data, "--split", "dev")):
        assert (status, "the same vector" in answer["error"]) == (1, True)
    assert not train.folder.exists()


@pytest.mark.parametrize("make", [kinds.half_precision, kinds.encoder_only, kinds.static,
                                  kinds.model2vec], ids=lambda make: make.__name__)
def test_a_text_embedder_of_any_kind_trains_and_is_loaded_again(make, train, texts, tmp_path):
    base = make(tmp_path / "base", texts) if make in (kinds.static, kinds.model2vec) else make(
        tmp_path / "base")
    status, answer = train.fit(base, "--set", "learning_rate=0.01")
    assert status == 0, answer
    run = Run(train.folder)
    before, after = load_encoder(str(base)), load_encoder(str(run.model))
    moved = abs(before.encode_passages([texts[0]]) - after.encode_passages([texts[0]])).max()
    assert moved > 1e-3
    json.loads((train.folder / "run.json").read_text("utf-8"), parse_constant=pytest.fail)
    assert "float16" not in (run.model / "config.json").read_text("utf-8") if (
        run.model / "config.json").exists() else True


def test_a_static_model_refuses_a_number_of_tokens(train, texts, tmp_path):
    base = kinds.static(tmp_path / "base", texts)
    status, answer = train.fit(base, "--set", "max_seq_length=16")
    assert status == 1
    assert "static embedding, which reads a text whole" in answer["error"]


@pytest.mark.parametrize("make", [kinds.static, kinds.model2vec], ids=lambda make: make.__name__)
def test_a_static_model_refuses_a_rate_at_which_it_does_not_learn(make, train, texts, tmp_path):
    """The recipes' rates are of transformers: the sentence names one, before a run is made."""
    base = make(tmp_path / "base", texts)
    for status, answer in (train.fit(base), train("estimate", "--data", train.data, "--base",
                                                  base)):
        assert status == 1 and "hardly move at that" in answer["error"]
        assert "set it to 0.001 or more, such as 0.01" in answer["error"]
    assert not train.folder.exists()


def test_a_dot_model_trains_by_dot_and_is_measured_recorded_and_published_so(
    train, data, texts, tmp_path
):
    base = kinds.compared_by(tmp_path / "base", "dot", texts, pooling="max")
    status, answer = train.fit(base)
    assert status == 0, answer
    run, corpus = Run(train.folder), load_corpus(str(data))
    assert run.record().base_model.similarity == "dot"
    assert "compared by dot similarity" in (run.model / "README.md").read_text("utf-8")
    for side, model in (("base", base), ("tuned", run.model)):
        encoder = load_encoder(str(model))
        assert encoder.similarity == "dot"
        measured = means(evaluate(build_index(encoder, corpus), corpus, "test"))
        assert measured == pytest.approx(run.record().to_json()["metrics"]["test"][side])


def test_prompts_that_are_asked_for_are_used_recorded_and_stored(train, data, texts, tmp_path):
    base = tiny_model(tmp_path / "base", texts, pooling="cls")
    status, answer = train.fit(base, "--query-prompt", QUERY, "--passage-prompt", PASSAGE)
    assert status == 0, answer
    run, corpus = Run(train.folder), load_corpus(str(data))
    asked = spec_of(run)
    assert (asked.query_prompt, asked.passage_prompt) == (QUERY, PASSAGE)
    said = run.record().to_json()["prompts"]
    assert (said["base"]["query"], said["base"]["passage"]) == (QUERY, PASSAGE)
    bare = load_encoder(str(base))
    given = load_encoder(str(base), prompts={"query": QUERY, "passage": PASSAGE})
    for used, encoder in (("without", bare), ("with", given)):
        dev = means(evaluate(build_index(encoder, corpus), corpus, "dev"))["ndcg@10"]
        assert said["base"][used] == pytest.approx(dev), used
    stored = json.loads((run.model / "config_sentence_transformers.json").read_text())["prompts"]
    kept = said["tuned"]["used"]
    assert (stored["query"], stored["document"]) == ((QUERY, PASSAGE) if kept else ("", ""))
    tuned = load_encoder(str(run.model))
    assert means(evaluate(build_index(tuned, corpus), corpus, "test")) == pytest.approx(
        run.record().metrics["test"].tuned)


def test_asked_prompts_stand_before_those_of_the_model_and_an_empty_one_is_none(tmp_path):
    base = str(tiny_model(tmp_path, prompts={"query": "stored : ", "passage": "of passages : "}))
    assert load_encoder(base).prompts == {"query": "stored : ", "passage": "of passages : "}
    assert load_encoder(base, prompts={"query": None, "passage": ""}).prompts == {
        "query": "stored : ", "passage": ""}
    assert load_encoder(base, prompts={"query": "x", "passage": None}).prompts == {
        "query": "x", "passage": "of passages : "}


def test_a_prompt_stored_for_passages_is_used_under_any_of_its_names(tmp_path):
    encoder = load_encoder(str(tiny_model(tmp_path, prompts={"query": "", "passage": PASSAGE})))
    with_it, bare = encoder.encode_passages(["a b"]), encoder.with_prompts(False)
    assert bare.encode_passages([PASSAGE + "a b"]) == pytest.approx(with_it, abs=1e-6)
    assert encoder.fingerprint != bare.fingerprint
    other = load_encoder(encoder.name, prompts={"query": None, "passage": "another : "})
    assert other.fingerprint not in (encoder.fingerprint, bare.fingerprint)
    assert other.weights_fingerprint == encoder.weights_fingerprint


@pytest.mark.parametrize(("name", "query", "passage"), [
    ("intfloat/e5-small-v2", "query: ", "passage: "),
    ("intfloat/multilingual-e5-base", "query: ", "passage: "),
    ("BAAI/bge-base-en-v1.5", "Represent this sentence for searching relevant passages: ", ""),
    ("nomic-ai/nomic-embed-text-v1.5", "search_query: ", "search_document: "),
    ("Snowflake/snowflake-arctic-embed-l-v2.0", "query: ", ""),
    ("Snowflake/snowflake-arctic-embed-m-v1.5",
     "Represent this sentence for searching relevant passages: ", ""),
    ("google/embeddinggemma-300m", "task: search result | query: ", "title: none | text: "),
    ("jinaai/jina-embeddings-v5-text-nano", "Query: ", "Document: "),
])
def test_the_prompts_of_known_families_are_those_their_cards_publish(name, query, passage):
    assert published_prompts([name]) == {"query": query, "passage": passage}


def test_an_instruction_ends_as_its_authors_end_it():
    ends = {published_prompts([name])["query"][-8:] for name in (
        "Qwen/Qwen3-Embedding-0.6B", "Qwen/Qwen3-Embedding-8B")}
    assert ends == {"\nQuery:"[-8:]} or ends == {"y\nQuery:"}
    assert published_prompts(["intfloat/multilingual-e5-large-instruct"])["query"].endswith(
        "\nQuery: ")


@pytest.mark.parametrize("name", [
    "BAAI/bge-m3", "thenlper/gte-base", "Alibaba-NLP/gte-modernbert-base", "somebody/e5-small-v2x",
    "somebody/e5-small-v2", "jinaai/jina-embeddings-v2-base-en", "/models/of/me/model", "model"])
def test_others_have_none(name):
    assert published_prompts([name]) == {}


def test_a_folder_is_known_by_the_cache_its_configuration_or_its_name(tmp_path):
    cached = tmp_path / "models--BAAI--bge-small-en-v1.5" / "snapshots" / ("a" * 40)
    cached.mkdir(parents=True)
    assert published_prompts(names_of_folder(cached, {}))["query"].startswith("Represent this")
    saved = {"_name_or_path": "intfloat/e5-base-v2"}
    assert published_prompts(names_of_folder(tmp_path, saved))["passage"] == "passage: "
    saved = {"_name_or_path": "/models/of/me/e5-base-v2/"}
    assert published_prompts(names_of_folder(tmp_path, saved))["passage"] == "passage: "
    (tmp_path / "multilingual-e5-small").mkdir()
    assert published_prompts(names_of_folder(tmp_path / "multilingual-e5-small", {}))
    assert not published_prompts(names_of_folder(tmp_path, {}))
    assert len({pattern for pattern, _, _ in PUBLISHED}) == len(PUBLISHED)


def test_a_prompt_that_is_a_book_is_refused(train, tmp_path):
    status, answer = train.fit(tiny_model(tmp_path / "base"), "--query-prompt", "x" * 2_001)
    assert (status, "2,001 characters; at most 2,000" in answer["error"]) == (1, True)
