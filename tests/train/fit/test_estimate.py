import json
from dataclasses import replace

import pytest

from corpus.load import load_corpus
from retrieval.models import EMBEDDED_MODEL
from support.fakes import small_corpus
from support.runs.children import Child
from support.samples import write_beir
from support.tiny import tiny_model_for
from train.fit.estimate import (
    FEW,
    MANY,
    Speed,
    Work,
    estimate,
    estimate_from,
    seconds,
    spread,
    work_of,
)
from train.fit.loop import Loop
from train.fit.model import TrainingError
from train.recipe import Recipe

SPEED = Speed(step=(0.1, 0.2), encode=(0.01, 0.02))


def test_the_time_is_start_and_steps_and_what_is_encoded_and_end(monkeypatch):
    monkeypatch.setattr("train.fit.estimate.END", (1.0, 2.0))
    work = Work(pairs=100, passages=50, steps=30, batch=10, encoded=200)
    assert seconds(work, SPEED, start=(5.0, 10.0)) == (5 + 1 + 3 + 2, 10 + 2 + 6 + 4)
    mined = replace(work, heavier=(1.5, 2.0))
    assert seconds(mined, SPEED, start=(0, 0)) == (1 + 4.5 + 2, 2 + 12 + 4)


def test_work_is_counted_as_the_loop_counts_it(porsche):
    recipe = Recipe(epochs=2, batch_size=16)
    work = work_of(recipe, porsche, seed=3)
    counted = Loop.__new__(Loop)
    counted.pairs, counted.recipe, counted.seed = porsche.pairs("train"), recipe, 3
    counted.relevant = {q: list(rel) for q, rel in porsche.qrels["train"].items()}
    counted.vectors = None
    assert work.steps == sum(len(counted._batches(epoch)) for epoch in range(2))
    assert work.pairs == len(porsche.pairs("train"))
    assert work.encoded == 3 * len(porsche.passages)


def test_negatives_that_the_data_gives_make_steps_heavier(porsche):
    plain, recipe = work_of(Recipe(), porsche, 1), Recipe(given_negatives=2)
    train = dict(porsche.qrels["train"])
    for query in list(train)[: len(train) // 2]:
        others = [p.id for p in porsche.passages if p.id not in train[query]][:3]
        train[query] = dict(train[query]) | dict.fromkeys(others, 0)
    told = replace(porsche, qrels=dict(porsche.qrels) | {"train": train})
    heavier = work_of(recipe, told, 1)
    assert (heavier.pairs, heavier.steps) == (plain.pairs, plain.steps)
    assert plain.heavier == (1, 1)
    assert heavier.heavier[0] == pytest.approx(1.5, abs=0.1)
    assert work_of(replace(recipe, given_negatives=0), told, 1).heavier == (1, 1)


def test_rounds_of_steps_give_a_range_and_half_a_round_is_left_out():
    assert spread([[1.0, 3.0]]) == (2 * FEW[0], 2 * FEW[1])
    assert spread([[1.0, 3.0], [2.0, 4.0], [9.0]]) == (2 * MANY[0], 3 * MANY[1])


def test_an_estimate_counts_its_steps_and_says_where():
    said = estimate_from(Work(10, 10, 100, 32, 20), Speed((0.4, 0.6), (0.009, 0.02)), device="cpu")
    assert said["seconds"]["low"] < 50 < said["seconds"]["high"]
    assert said["device"] == "cpu" and said["steps"] == 100


def test_what_could_not_be_trained_is_refused_as_the_run_itself_would(tmp_path):
    model = tiny_model_for(small_corpus(), tmp_path)
    with pytest.raises(TrainingError, match="truncate_dim is 64, but the model has 32"):
        estimate(Recipe(truncate_dim=64), small_corpus(), str(model))
    with pytest.raises(ValueError, match="There is no model folder"):
        estimate(Recipe(), small_corpus(), "./nothing")


@pytest.mark.slow
def test_the_command_says_what_a_run_will_take_and_its_time_is_bounded(porsche, tmp_path):
    data = write_beir(porsche, tmp_path / "data", passages=60)
    child = Child("estimate", "--data", data, "--set", "batch_size=8", "--json", home=tmp_path)
    assert child.wait(120) == 0, child.said
    said = json.loads(child.said.splitlines()[-1])
    assert said["pairs"] == len(load_corpus(str(data)).pairs("train"))
    assert 0 < said["seconds"]["low"] < said["seconds"]["high"]
    assert said["memory_bytes"] > 90e6  # the weights alone
    assert said["device"].startswith(("cpu, 1 thread", "cuda:"))
    assert set(said) >= {"steps", "passages", "examples_per_second", "passages_per_second",
                         "seconds_spent", "precision"}
    wrong = Child("estimate", "--set", "epochs=0", "--base", EMBEDDED_MODEL, home=tmp_path)
    assert wrong.wait() == 2
    assert "epochs must be a whole number" in wrong.said
