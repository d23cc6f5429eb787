import pytest
import torch
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from corpus.records import Corpus, Passage, Query
from train.fit.loss import Answers, ranking_loss


def vectors(rows, dim=8, seed=0):
    return torch.randn(rows, dim, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def theirs(queries, passages, **options):
    count = len(queries)
    loss = MultipleNegativesRankingLoss(None, scale=20.0, **options)
    columns = [passages[start : start + count] for start in range(0, len(passages), count)]
    return loss.compute_loss_from_embeddings([queries, *columns], torch.empty(0))


@pytest.mark.parametrize("negatives", [0, 2])
def test_it_is_the_loss_of_sentence_transformers(negatives):
    queries, passages = vectors(5), vectors(5 * (1 + negatives), seed=1)
    expected = theirs(queries, passages)
    gradient = torch.autograd.grad(expected, queries)[0]
    loss = ranking_loss(queries, passages, 20.0, [8])
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    assert torch.allclose(torch.autograd.grad(loss, queries)[0], gradient, atol=1e-6)


def test_symmetric_it_is_theirs_in_both_directions():
    queries, passages = vectors(5), vectors(5, seed=1)
    expected = theirs(queries, passages, directions=("query_to_doc", "doc_to_query"),
                      partition_mode="per_direction")
    loss = ranking_loss(queries, passages, 20.0, [8], symmetric=True)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)


def test_the_losses_of_each_number_of_dimensions_are_added():
    queries, passages = vectors(5), vectors(5, seed=1)
    alone = sum(ranking_loss(queries[:, :dim], passages[:, :dim], 20.0, [dim]) for dim in (8, 4))
    assert ranking_loss(queries, passages, 20.0, [8, 4]).item() == pytest.approx(alone.item())


def test_a_known_answer_is_no_negative_in_either_direction():
    queries, passages = vectors(3), vectors(4, seed=1)
    known = [(0, 1), (0, 3)]
    loss = ranking_loss(queries, passages, 20.0, [8], known)
    scores = 20 * torch.nn.functional.cosine_similarity(queries[:, None], passages[None], dim=2)
    rows = [[0, 2], [1, 0, 2, 3], [2, 0, 1, 3]]
    by_hand = [torch.logsumexp(scores[row, columns], 0) - scores[row, row]
               for row, columns in enumerate(rows)]
    assert loss.item() == pytest.approx((sum(by_hand) / 3).item(), abs=1e-5)
    back = ranking_loss(queries, passages, 20.0, [8], known, symmetric=True) * 2 - loss
    columns = [[0, 1, 2], [1, 2], [2, 0, 1]]
    by_hand = [torch.logsumexp(scores[rows, column], 0) - scores[column, column]
               for column, rows in enumerate(columns)]
    assert back.item() == pytest.approx((sum(by_hand) / 3).item(), abs=1e-5)


def test_answers_may_stand_anywhere_among_the_passages():
    queries, passages = vectors(3), vectors(7, seed=1)
    own = [4, 0, 6]
    order = own + [row for row in range(7) if row not in own]
    for symmetric in (False, True):
        there = ranking_loss(queries, passages, 20.0, [8], [(0, 2)], symmetric, own)
        first = ranking_loss(queries, passages[order], 20.0, [8], [(0, order.index(2))], symmetric)
        assert there.item() == pytest.approx(first.item(), abs=1e-6)


def test_a_batch_whose_every_negative_is_an_answer_teaches_nothing():
    queries, passages = vectors(2), vectors(2, seed=1)
    loss = ranking_loss(queries, passages, 20.0, [8], [(0, 1), (1, 0)], symmetric=True)
    assert loss.item() == 0
    assert not torch.autograd.grad(loss, queries)[0].any()


def test_answers_are_known_by_qrels_and_by_equal_text():
    texts = {"p1": "Two clutches.", "p2": "270 kW.", "p3": "two  clutches.", "p4": "A roof."}
    queries = {"q1": "What is PDK?", "q2": "How fast?", "q3": "what is pdk", "q4": "Open?"}
    corpus = Corpus(
        "four",
        tuple(Passage(pid, text) for pid, text in texts.items()),
        {qid: Query(qid, text) for qid, text in queries.items()},
        {"train": {"q1": {"p1": 1}, "q2": {"p2": 1, "p4": 0}, "q3": {"p4": 1}},
         "test": {"q2": {"p3": 1}}},
    )
    pairs = corpus.pairs("train")  # q1 p1, q2 p2, q3 p4: the first and last ask the same
    answers = Answers(corpus)
    places = answers.known(pairs, answers.columns(["p1", "p2", "p4", "p3"]), range(3))
    assert sorted(places) == [(0, 2), (0, 3), (2, 0), (2, 3)]
    places = answers.known(pairs, answers.columns(["p4", "p3", "p2", "p1"]), [3, 2, 0])
    assert sorted(places) == [(0, 0), (0, 1), (2, 1), (2, 3)]
