"""What a model is compared by is honoured in search, evaluation, truncation and explanation."""

import numpy as np
import pytest

from corpus.load import load_corpus
from retrieval.encoder import comparable
from retrieval.evaluation import evaluate, means
from retrieval.explain import train_questions, why_moved
from retrieval.index import build_index
from retrieval.metrics import METRICS
from retrieval.models import load_encoder
from retrieval.truncation import quality_by_dim
from support import kinds
from support.marks import nearest_sentences
from support.samples import write_beir


@pytest.fixture(scope="module")
def data(porsche, tmp_path_factory):
    return load_corpus(str(write_beir(porsche, tmp_path_factory.mktemp("s") / "d", passages=90)))


@pytest.fixture(scope="module")
def models(data, tmp_path_factory):
    """One model twice: compared by cosine, and by dot product. Its vectors have many lengths."""
    texts = tuple(p.content for p in data.passages) + tuple(q.text for q in data.queries.values())
    return {name: load_encoder(str(kinds.compared_by(
        tmp_path_factory.mktemp(name), name, texts, pooling="max", positions=128)))
        for name in ("cosine", "dot")}


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
@pytest.mark.parametrize("dim", [None, 16])
def test_a_model_is_measured_as_the_librarys_own_evaluator_measures_it(
    models, data, similarity, dim
):
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    encoder = models[similarity].at(dim)
    assert encoder.similarity == similarity
    judged = evaluate(build_index(encoder, data), data, "test")
    qrels = data.qrels["test"]
    evaluator = InformationRetrievalEvaluator(
        {qid: data.queries[qid].text for qid in qrels}, {p.id: p.content for p in data.passages},
        {qid: {pid for pid, grade in answers.items() if grade > 0}
         for qid, answers in qrels.items()}, truncate_dim=dim)
    theirs = evaluator(encoder.model)
    ours = means(judged)
    for metric in METRICS:
        assert ours[metric] == pytest.approx(theirs[f"{similarity}_{metric}"], abs=1e-6), metric


def test_dot_and_cosine_are_two_measurements_with_two_caches(models, data, tmp_path):
    indexes = {name: build_index(encoder, data, tmp_path) for name, encoder in models.items()}
    found = {name: means(evaluate(index, data, "test"))["ndcg@10"]
             for name, index in indexes.items()}
    assert found["dot"] != found["cosine"]
    lengths = np.linalg.norm(indexes["dot"].vectors, axis=1)
    assert lengths.max() > 1.02 * lengths.min()
    assert len(list(tmp_path.glob("*.npy"))) == 2
    assert models["dot"].fingerprint != models["cosine"].fingerprint


def test_what_is_shown_of_a_dot_model_are_its_dot_products(models, data):
    encoder = models["dot"]
    index = build_index(encoder, data)
    text = next(iter(data.queries.values())).text
    best, score = index.search_many([text])[0].top(1)[0]
    whole = encoder.model.encode([text, data.passage[best].content])
    assert score == pytest.approx(float(whole[0] @ whole[1]), rel=1e-4)
    cut = index.truncated(16).search_many([text])[0]
    assert cut.score(best) == pytest.approx(float(whole[0][:16] @ whole[1][:16]), rel=1e-4)
    rows = quality_by_dim(data, index, index, (16,))
    at16 = next(row for row in rows if row.dim == 16)
    assert at16.base == pytest.approx(means(evaluate(index.truncated(16), data, "test"))["ndcg@10"])
    why = why_moved([next(iter(data.qrels["test"]))], data, index, index,
                    trained=train_questions(data, encoder))[0]
    assert why.similarity == "dot"
    assert why.trained[1] > 1.01  # no cosine
    passage = max((p.content for p in data.passages), key=len)
    start, end = nearest_sentences(encoder, text, [passage])[0]
    assert passage[start:end].strip()


def test_a_vector_that_is_no_number_is_zeros_whatever_it_is_compared_by():
    vectors = np.array([[np.nan, 1], [np.inf, 0], [3, 4]], np.float32)
    assert comparable(vectors, "dot").tolist() == [[0, 0], [0, 0], [3, 4]]
    assert comparable(vectors, "cosine").tolist()[0] == [0, 0]
