from math import log2

import numpy as np
import pytest

from corpus.records import Corpus, Passage, Query
from retrieval.evaluation import evaluate, means
from retrieval.index import Ranking
from retrieval.metrics import METRICS, mean_metrics, query_metrics


def test_one_relevant_passage_at_rank_three_by_hand():
    metrics = query_metrics({"a": 3}, {"a": 1})
    assert metrics["accuracy@1"] == 0
    assert metrics["accuracy@3"] == 1
    assert metrics["precision@3"] == pytest.approx(1 / 3)
    assert metrics["recall@5"] == 1
    assert metrics["ndcg@10"] == pytest.approx(1 / log2(4))
    assert metrics["mrr@10"] == pytest.approx(1 / 3)
    assert metrics["map@100"] == pytest.approx(1 / 3)


def test_two_of_three_relevant_passages_found_by_hand():
    metrics = query_metrics({"a": 2, "b": 4, "c": None}, {"a": 1, "b": 1, "c": 1})
    assert metrics["precision@5"] == pytest.approx(2 / 5)
    assert metrics["recall@5"] == pytest.approx(2 / 3)
    ideal = 1 + 1 / log2(3) + 1 / log2(4)
    assert metrics["ndcg@10"] == pytest.approx((1 / log2(3) + 1 / log2(5)) / ideal)
    assert metrics["map@100"] == pytest.approx((1 / 2 + 2 / 4) / 3)


def test_grades_weigh_in_ndcg_as_gains():
    best = query_metrics({"a": 1, "b": 2}, {"a": 3, "b": 1})
    swapped = query_metrics({"a": 2, "b": 1}, {"a": 3, "b": 1})
    assert best["ndcg@10"] == 1
    assert swapped["ndcg@10"] == pytest.approx((1 + 3 / log2(3)) / (3 + 1 / log2(3)))


def test_what_is_not_found_or_below_the_cut_counts_nothing():
    assert query_metrics({"a": 11}, {"a": 1})["ndcg@10"] == 0
    assert set(query_metrics({"a": None}, {"a": 1}).values()) == {0.0}


def test_a_query_without_relevant_passages_cannot_be_judged():
    with pytest.raises(ValueError, match="without a relevant passage"):
        query_metrics({"a": 1}, {"a": 0})
    with pytest.raises(ValueError, match="no queries"):
        mean_metrics([])


@pytest.mark.parametrize("relevant_each", [1, 4])
def test_all_fifteen_agree_with_the_evaluator_of_sentence_transformers(relevant_each):
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    rng = np.random.default_rng(relevant_each)
    passages, queries, dim = 300, 120, 16
    ids = [f"p{i:03}" for i in range(passages)]
    vectors = {name: rng.standard_normal((n, dim)).astype(np.float32)
               for name, n in (("p", passages), ("q", queries))}
    for matrix in vectors.values():
        matrix /= np.linalg.norm(matrix, axis=1, keepdims=True)
    qrels = {
        f"q{q}": {ids[i]: 1 for i in rng.choice(
            np.argsort(-(vectors["p"] @ vectors["q"][q]))[:150], relevant_each, replace=False)}
        for q in range(queries)
    }
    corpus = Corpus("random", tuple(Passage(i, i) for i in ids),
                    {q: Query(q, q) for q in qrels}, {"test": qrels})

    class Side:
        name = "random"

        def search_many(self, texts):
            places = {pid: i for i, pid in enumerate(ids)}
            return [Ranking(ids, vectors["p"] @ vectors["q"][int(text[1:])], places)
                    for text in texts]

    evaluator = InformationRetrievalEvaluator(
        {q: q for q in qrels}, {i: i for i in ids}, {q: set(rel) for q, rel in qrels.items()},
        score_functions={"dot": lambda a, b: a @ b.T},
    )

    class Model:
        similarity_fn_name = "dot"

        def encode(self, texts):
            import torch

            kind = vectors["q" if texts[0].startswith("q") else "p"]
            return torch.from_numpy(np.stack([kind[int(text[1:])] for text in texts]))

    def embed(model, texts, encode_fn_name=None, **_):
        return Model().encode(list(texts))

    evaluator.embed_inputs = embed
    theirs = evaluator.compute_metrices(Model())["dot"]
    ours = means(evaluate(Side(), corpus, "test"))
    assert 0.02 < ours["ndcg@10"] < 0.9
    for name in METRICS:
        kind, k = name.split("@")
        key = {"precision": "precision@k", "recall": "recall@k"}.get(kind, f"{kind}@k")
        assert ours[name] == pytest.approx(theirs[key][int(k)], abs=1e-9), name
