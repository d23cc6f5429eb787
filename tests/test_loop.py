from dataclasses import replace

import pytest
import torch

from corpus.records import Corpus, Passage, Query
from retrieval.encoder import EMBEDDED_MODEL, load_encoder
from train.loop import Loop, TrainingError
from train.recipe import Recipe, named_recipe

pytestmark = pytest.mark.slow
SMALL = replace(named_recipe("tandem"), batch_size=4, epochs=2, warmup=0.5, precision="fp32")


def corpus(pairs=8):
    passages = tuple(Passage(f"p{i}", f"Passage {i} is about the number {i * 7}.")
                     for i in range(pairs))
    queries = {f"q{i}": Query(f"q{i}", f"what of {i * 7}") for i in range(pairs)}
    qrels = {"train": {f"q{i}": {f"p{i}": 1} for i in range(pairs)}}
    return Corpus("numbers", passages, queries, qrels)


def loop(recipe: Recipe = SMALL, data: Corpus | None = None, **prompts: str) -> Loop:
    model = load_encoder(EMBEDDED_MODEL).model
    model.prompts = dict(prompts)
    return Loop(model, recipe, data or corpus(), seed=1)


def epochs(made: Loop) -> list[float]:
    losses: list[float] = []
    while made.epoch < made.recipe.epochs:
        losses += made.train_epoch()
    return losses


def test_every_pair_is_trained_on_in_every_epoch_and_the_loss_falls():
    made = loop(replace(SMALL, epochs=6, warmup=0.0))
    losses = epochs(made)
    assert len(losses) == made.steps == made.step == 12
    assert sum(losses[-2:]) < sum(losses[:2])


def test_the_rate_warms_up_and_falls_to_nothing():
    made = loop()
    rates = [made._rate(step) for step in range(made.steps + 1)]
    assert rates[0] == 0
    assert max(rates) == rates[made.steps // 2] == 1
    assert rates[-1] == pytest.approx(0)


def test_same_seed_same_losses():
    assert epochs(loop()) == epochs(loop())


def test_stored_prompts_are_trained_with_as_they_are_searched_with():
    made = loop(query="find: ", passage="text: ")
    for names, said in ((("query",), "find : a"), (("document", "passage", "corpus"), "text : a")):
        ids = made._features(["a"], names)["input_ids"][0]
        assert said in made.model.tokenizer.decode(ids)


def test_a_kept_state_goes_on_exactly_as_if_nothing_had_happened(tmp_path):
    whole = loop(replace(SMALL, dropout=0.1))
    first = list(whole.train_epoch())
    whole.save(tmp_path / "state.pt", note=7)
    second = list(whole.train_epoch())
    resumed = loop(replace(SMALL, dropout=0.1))
    assert resumed.load(tmp_path / "state.pt")["note"] == 7
    assert (resumed.epoch, resumed.step) == (1, len(first))
    assert list(resumed.train_epoch()) == second


def test_in_bf16_only_training_is_coarser_and_what_is_measured_is_not():
    made = loop(replace(SMALL, precision="bf16"))
    plain = load_encoder(EMBEDDED_MODEL).model
    text = ["what of 21"]
    made.model.eval()
    assert torch.equal(made.model.encode(text, convert_to_tensor=True),
                       plain.encode(text, convert_to_tensor=True))
    made.model.train()
    features = made._features(text, ("query",))
    coarse = made.model(dict(features))["sentence_embedding"]
    assert coarse.dtype == torch.float32
    assert not torch.equal(coarse, plain.train()(dict(features))["sentence_embedding"])


def test_a_loss_that_is_no_number_says_what_to_change():
    made = loop()
    with torch.no_grad():
        next(made.model.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match="step 1: lower the learning rate"):
        next(made.train_epoch())


def test_pairs_that_leave_no_negative_are_refused():
    with pytest.raises(TrainingError, match="Add pairs"):
        loop(data=corpus(1))


def test_more_dimensions_than_the_model_has_are_refused():
    with pytest.raises(TrainingError, match="truncate_dim is 512, but the model has 384"):
        loop(replace(SMALL, truncate_dim=512))
