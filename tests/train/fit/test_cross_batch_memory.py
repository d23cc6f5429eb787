from dataclasses import replace

import pytest
import torch
from test_loop import SMALL, epochs, folder, loop, numbers  # noqa: F401 - fixtures
from torch.nn.functional import cross_entropy, normalize

from corpus.records import Passage, Query
from retrieval.index import build_index
from retrieval.models import load_encoder
from train.fit.loop import Loop

pytestmark = pytest.mark.slow

RECIPE = replace(SMALL, cross_batch_memory=1.0)


def test_it_begins_with_what_the_base_says_of_the_training_passages(loop):  # noqa: F811
    data = numbers()
    data = replace(data, qrels={"train": {q: rel for q, rel in data.qrels["train"].items()
                                          if q not in ("q3", "q7")},
                                "test": {"q3": {"p3": 1}}})
    made = loop(RECIPE, data)
    index = build_index(load_encoder(made.model[0].config.name_or_path), data)
    there = [place for place, passage in enumerate(index.ids) if passage not in ("p3", "p7")]
    assert torch.equal(made.memory.vectors, torch.tensor(index.vectors[there]))


def test_after_a_step_it_holds_the_batchs_passages_as_they_were_in_it(loop):  # noqa: F811
    made = loop(RECIPE)
    before = made.memory.vectors.clone()
    batch = made._batches(0)[0]
    texts = [made.passage[pair.passage.id].content for pair in batch]
    with torch.no_grad():
        features = made.gradient.features(texts, ("document",))
        now = made.model.train()(features)["sentence_embedding"]
    made.take_step(batch)
    rows = made.memory.recall(batch, mask=True).own
    assert torch.allclose(made.memory.vectors[rows], now, atol=1e-5)
    others = [row for row in range(10) if row not in rows]
    assert torch.equal(made.memory.vectors[others], before[others])


def test_the_loss_is_of_each_query_among_all_training_passages(loop):  # noqa: F811
    made = loop(RECIPE)
    batch = made._batches(0)[0]
    queries = torch.randn(len(batch), 32, requires_grad=True)
    recall = made.memory.recall(batch, mask=True)
    scores = 20 * normalize(queries) @ normalize(made.memory.vectors).T
    own = torch.tensor([int(pair.passage.id[1:]) for pair in batch])  # ids in order: p0, p1, …
    loss = recall.loss(queries, 20.0, {32})
    assert loss.item() == pytest.approx(cross_entropy(scores, own).item(), abs=1e-5)
    assert not made.memory.vectors.requires_grad
    first = recall.loss(queries, 20.0, {8})
    scores = 20 * normalize(queries[:, :8]) @ normalize(made.memory.vectors[:, :8]).T
    assert first.item() == pytest.approx(cross_entropy(scores, own).item(), abs=1e-5)


def test_what_else_answers_a_query_is_no_negative_of_it(loop):  # noqa: F811
    data = numbers()
    passages = (*data.passages, Passage("p95", data.passages[2].text.upper()))
    data = replace(data, passages=passages, queries=data.queries | {"q95": Query("q95", "else?")},
                   qrels={"train": data.qrels["train"] | {"q1": {"p1": 1, "p4": 1},
                                                          "q95": {"p95": 1}}})
    made = loop(RECIPE, data)
    batch = [pair for pair in made.pairs if pair.query.id in ("q1", "q2")]
    known = made.memory.recall(batch, mask=True).known
    ids = made.answering
    assert {(batch[row].query.id, batch[row].passage.id, ids[column]) for row, column in known} \
        == {("q1", "p1", "p4"), ("q1", "p4", "p1"), ("q2", "p2", "p95")}
    assert not made.memory.recall(batch, mask=False).known


def test_a_model_that_is_searched_with_fewer_dimensions_remembers_those(folder):  # noqa: F811
    encoder = load_encoder(folder).at(8)
    made = Loop(load_encoder(folder).model, replace(RECIPE, truncate_dim=16), numbers(), 1,
                build_index(encoder, numbers()))
    assert made.memory.vectors.shape == (10, 8)
    assert all(loss > 0 for loss in epochs(made))


def test_it_makes_a_difference_and_its_weight_too(loop):  # noqa: F811
    losses = [epochs(loop(replace(SMALL, cross_batch_memory=weight)))[-1]
              for weight in (0.0, 0.5, 1.0)]
    assert losses[0] < losses[1] < losses[2]


def test_what_is_computed_in_bf16_is_remembered(loop):  # noqa: F811
    made = loop(replace(RECIPE, precision="bf16"))
    assert len(epochs(made)) == made.steps
    assert made.memory.vectors.dtype == torch.float32
