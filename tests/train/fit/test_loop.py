from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss

from corpus.records import Corpus, Passage, Query
from retrieval.index import build_index
from retrieval.models import load_encoder
from support.tiny import tiny_model_for
from train.fit.gradient import PASSAGE_PROMPTS, QUERY_PROMPTS
from train.fit.loop import Loop, TrainingError
from train.recipe import Recipe, named_recipe

pytestmark = pytest.mark.slow

SMALL = replace(named_recipe("tandem"), batch_size=4, epochs=2, warmup=0.5, learning_rate=1e-3,
                precision="fp32", cross_batch_memory=0.0)
EVERYTHING = replace(SMALL, given_negatives=2, cross_batch_memory=0.5, symmetric=True,
                     truncate_dim=16, mask=True)


def numbers(pairs=10):
    passages = tuple(
        Passage(f"p{i}", f"Passage {i} is about the number {i * 7}, " + "so " * (i % 4))
        for i in range(pairs))
    queries = {f"q{i}": Query(f"q{i}", f"what of {i * 7}") for i in range(pairs)}
    qrels = {"train": {f"q{i}": {f"p{i}": 1} for i in range(pairs)}}
    return Corpus("numbers", passages, queries, qrels)


def data_for(recipe: Recipe) -> Corpus:
    """The numbers; for a recipe with everything, each query has three passages that are wrong."""
    data = numbers()
    if recipe.given_negatives != EVERYTHING.given_negatives:
        return data
    train = {query: rel | {f"p{(int(query[1:]) + step) % 10}": 0 for step in (2, 5, 7)}
             for query, rel in data.qrels["train"].items()}
    return replace(data, qrels={"train": train})


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return str(tiny_model_for(numbers(), tmp_path_factory.mktemp("tiny")))


@pytest.fixture
def loop(folder):
    def made(recipe: Recipe = SMALL, data: Corpus | None = None, model: str = folder) -> Loop:
        data = data or data_for(recipe)
        encoder = load_encoder(model)
        told = recipe.cross_batch_memory or recipe.batching == "neighbours"
        index = build_index(encoder, data) if told else None
        return Loop(encoder.model, recipe, data, seed=1, index=index)

    return made


def epochs(made: Loop) -> list[float]:
    losses: list[float] = []
    while made.epoch < made.recipe.epochs:
        losses += made.train_epoch()
    return losses


def weights(made: Loop) -> torch.Tensor:
    return torch.cat([value.detach().flatten() for value in made.trained.values()])


def test_every_pair_is_trained_on_in_every_epoch_and_the_loss_falls(loop):
    made = loop(replace(SMALL, epochs=6, warmup=0.0))
    losses = epochs(made)
    assert len(losses) == made.steps == made.step == 18
    assert sum(losses[-3:]) < sum(losses[:3])


def test_seed_steps_as_sentence_transformers_and_plain_adamw_do(loop):
    made = loop(replace(named_recipe("seed"), dropout=0.0, warmup=0.0))
    model = load_encoder(made.model[0].config.name_or_path).model.train()
    model.load_state_dict(made.model.state_dict())
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    theirs = MultipleNegativesRankingLoss(model, scale=20.0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, weight_decay=0.0, fused=False)
    for batch, loss in zip(made._batches(0), made.train_epoch(), strict=True):
        optimizer.param_groups[0]["lr"] = 2e-5 * made._rate(made.step - 1)
        columns = [[pair.query.text for pair in batch], [pair.passage.content for pair in batch]]
        expected = theirs([model.preprocess(column) for column in columns], torch.empty(0))
        assert loss == pytest.approx(expected.item(), abs=1e-6)
        expected.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    for name, value in model.named_parameters():
        # The bias of the keys has no gradient but rounding, whose sign AdamW follows.
        if not name.endswith("key.bias"):
            assert torch.allclose(made.trained[name], value, atol=1e-6), name


def test_the_rate_warms_up_and_falls_to_nothing(loop):
    made = loop()
    rates = [made._rate(step) for step in range(made.steps + 1)]
    assert rates[0] == 0
    assert max(rates) == rates[made.steps // 2] == 1
    assert rates[-1] == pytest.approx(0)


@pytest.mark.parametrize("recipe", [
    replace(SMALL, dropout=0.1),
    replace(EVERYTHING, dropout=0.1, batching="neighbours", mini_batch_size=2),
], ids=["plain", "everything"])
def test_same_seed_same_losses_and_another_seed_others(loop, recipe):
    first, again = loop(recipe), loop(recipe)
    assert epochs(first) == epochs(again)
    assert torch.equal(weights(first), weights(again))
    other = loop(recipe)
    other.gradient = replace(other.gradient, seed=2)  # dropout alone draws otherwise
    assert not torch.equal(weights(first), (epochs(other), weights(other))[1])


@pytest.mark.parametrize("recipe", [
    replace(SMALL, dropout=0.1),
    replace(EVERYTHING, dropout=0.1, batching="neighbours", mini_batch_size=2),
], ids=["plain", "everything"])
def test_a_state_kept_within_an_epoch_goes_on_as_if_nothing_had_happened(loop, recipe, tmp_path):
    whole = loop(recipe)
    training = whole.train_epoch()
    next(training), next(training)
    whole.save(tmp_path / "state.pt", note=7)
    rest = list(training) + list(whole.train_epoch())
    resumed = loop(recipe)
    torch.rand(3)  # what else draws random numbers does not matter
    assert resumed.load(tmp_path / "state.pt")["note"] == 7
    assert (resumed.epoch, resumed.step, resumed.step_in_epoch) == (0, 2, 2)
    assert list(resumed.train_epoch()) + list(resumed.train_epoch()) == rest
    assert torch.equal(weights(whole), weights(resumed))


def test_a_state_kept_after_an_epoch_goes_on_with_the_next(loop, tmp_path):
    whole = loop()
    first = list(whole.train_epoch())
    whole.save(tmp_path / "state.pt")
    second = list(whole.train_epoch())
    resumed = loop()
    resumed.load(tmp_path / "state.pt")
    assert (resumed.epoch, resumed.step, resumed.step_in_epoch) == (1, len(first), 0)
    assert list(resumed.train_epoch()) == second


@pytest.mark.parametrize("recipe", [SMALL, EVERYTHING], ids=["plain", "everything"])
@pytest.mark.parametrize("size", [1, 3])
def test_a_batch_in_parts_has_the_gradient_of_the_whole(loop, recipe, size):
    whole, parts = loop(recipe), loop(replace(recipe, mini_batch_size=size))
    batch = whole._batches(0)[0]
    values, gradients = [], []
    for made in (whole, parts):
        passages = made._passages(batch)
        assert (len(passages) > len(batch)) == (recipe.given_negatives == 2)
        known = made._known(batch, passages)
        recall = made.memory.recall(batch, recipe.mask) if made.memory else None
        texts = [made.passage[passage].content for passage in passages]
        values.append(made.gradient.of([p.query.text for p in batch], texts, known, 0, recall))
        gradients.append(torch.cat([value.grad.flatten() for value in made.trained.values()
                                    if value.grad is not None]))
    assert values[1] == pytest.approx(values[0], abs=1e-5)
    assert torch.allclose(*gradients, atol=1e-5)
    assert gradients[0].abs().max() > 1e-3


def test_what_is_encoded_twice_draws_the_same_dropout_twice(loop):
    recipe = replace(SMALL, dropout=0.3)
    assert epochs(loop(recipe)) == epochs(loop(replace(recipe, mini_batch_size=99)))


def judged(told):
    """The same data with one more passage a query that is judged to be no answer, and a few."""
    data = numbers()
    train = {q: rel | dict.fromkeys(told(int(q[1:])), 0)
             for q, rel in data.qrels["train"].items() if q != "q9"}
    return replace(data, qrels={"train": train, "test": {"q9": {"p9": 1}}})


def test_passages_that_the_data_says_are_no_answers_join_the_batch_of_their_query(loop):
    data = judged(lambda number: [f"p{(number + 5) % 10}"])
    made, without = loop(data=data), loop(replace(SMALL, given_negatives=0), data)
    for batch in made._batches(0):
        own = [pair.passage.id for pair in batch]
        told = {f"p{(int(pair.query.id[1:]) + 5) % 10}" for pair in batch} - set(own)
        # p9 answers a test question: nothing may be learned of it, q4's judgement neither.
        assert made._passages(batch) == own + sorted(told - {"p9"})
        assert without._passages(batch) == own


def test_of_many_given_negatives_each_epoch_draws_others_and_the_same_again(loop):
    data = judged(lambda number: [f"p{other}" for other in range(9) if other != number])
    made = loop(replace(SMALL, given_negatives=2), data)
    batch = made._batches(0)[0][:1]
    first = made._passages(batch)
    assert len(first) == 3 and made._passages(batch) == first
    seen = set(first)
    for made.epoch in range(1, 8):
        seen |= set(made._passages(batch))
    assert len(seen) > 4


def test_without_the_bases_index_what_needs_it_is_refused(folder):
    for recipe in (replace(SMALL, batching="neighbours"),
                   replace(SMALL, cross_batch_memory=1.0)):
        with pytest.raises(ValueError, match="index"):
            Loop(load_encoder(folder).model, recipe, numbers(), seed=1)


def test_neighbours_share_a_batch(loop):
    made = loop(replace(SMALL, batching="neighbours", batch_size=5))

    def likeness(recipe):
        place = {pair: place for place, pair in enumerate(made.pairs)}
        return np.mean([made.vectors[place[a]] @ made.vectors[place[b]]
                        for batch in loop(recipe)._batches(0)
                        for a in batch for b in batch if a != b])

    assert likeness(made.recipe) > likeness(replace(made.recipe, batching="shuffled"))


def test_a_mask_leaves_out_what_is_equal_in_text(loop):
    data = numbers(4)
    twin = Passage("twin", data.passages[0].text, data.passages[0].title)
    qrels = {"train": {**data.qrels["train"], "q3": {"twin": 1}}}
    data = Corpus("twins", (*data.passages, twin), data.queries, qrels)
    plain = loop(replace(SMALL, mask=False), data)
    masked = loop(SMALL, data)
    (first,) = plain.train_epoch()
    (second,) = masked.train_epoch()
    assert second < first


def test_a_model_of_the_ancestors_make_trains_with_its_prompt_and_dimensions(loop, tmp_path):
    prompt = "find the number: "
    model = tiny_model_for(numbers(), tmp_path, pooling="cls", prompts={"query": prompt},
                           truncate_dim=16)
    made = loop(replace(SMALL, truncate_dim=16, epochs=6, warmup=0.0), model=str(model))
    assert made.model[1].pooling_mode == "cls"
    assert made.gradient._dims() == {16, 32}
    losses = epochs(made)
    assert sum(losses[-3:]) < sum(losses[:3])
    encoder = load_encoder(str(model))
    for names, text in ((QUERY_PROMPTS, prompt + "what of 7"), (PASSAGE_PROMPTS, "what of 7")):
        ids = made.gradient.features(["what of 7"], names)["input_ids"]
        assert torch.equal(ids, encoder.model.preprocess([text])["input_ids"])


@pytest.mark.parametrize("prompts, passage", [
    ({"passage": "text: "}, "text: "), ({"document": "", "passage": "text: "}, ""),
    ({"corpus": "c: ", "document": "d: "}, "d: ")])
def test_passages_get_the_prompt_that_they_are_searched_with(loop, prompts, passage):
    made = loop()
    made.model.prompts = prompts
    ids = made.gradient.features(["a"], PASSAGE_PROMPTS)["input_ids"][0]
    encoded = made.model.eval().encode_document(["a"], convert_to_tensor=True)
    plain = made.model.encode([passage + "a"], prompt="", convert_to_tensor=True)
    assert torch.equal(encoded, plain)
    assert ids.tolist() == made.model.preprocess([passage + "a"])["input_ids"][0].tolist()


def test_in_bf16_only_training_is_coarser_and_what_is_measured_is_not(loop):
    made = loop(replace(SMALL, precision="bf16"))
    plain = loop().model
    text = ["what of 21"]
    assert torch.equal(made.model.eval().encode(text, convert_to_tensor=True),
                       plain.encode(text, convert_to_tensor=True))
    features = made.gradient.features(text, QUERY_PROMPTS)
    coarse = made.model.train()(dict(features))["sentence_embedding"]
    assert coarse.dtype == torch.float32
    assert not torch.equal(coarse, plain.train()(dict(features))["sentence_embedding"])
    assert all(value.dtype == torch.float32 for value in made.trained.values())


def test_a_loss_that_is_no_number_says_what_to_change(loop):
    made = loop()
    with torch.no_grad():
        next(made.model.parameters()).fill_(float("nan"))
    with pytest.raises(TrainingError, match="step 1: lower the learning rate"):
        next(made.train_epoch())


def test_pairs_that_leave_no_negative_are_refused(loop):
    with pytest.raises(TrainingError, match="Add pairs"):
        loop(data=numbers(1))


@pytest.mark.parametrize("passages", [["p0"], ["p0", "p1"]], ids=["one", "equal in text"])
def test_pairs_that_all_have_one_answer_are_refused(loop, passages):
    texts = tuple(Passage(pid, "The one answer.") for pid in passages)
    qrels = {"train": {f"q{i}": {passages[i % len(passages)]: 1} for i in range(6)}}
    with pytest.raises(TrainingError, match="All 6 training pairs of same have the same passage"):
        loop(data=Corpus("same", texts, numbers().queries, qrels))


def test_more_dimensions_than_the_model_has_are_refused(loop, tmp_path):
    cut = tiny_model_for(numbers(), tmp_path, truncate_dim=16)
    with pytest.raises(TrainingError, match="truncate_dim is 48, but the model has 32"):
        loop(replace(SMALL, truncate_dim=48), model=str(cut))


def test_more_tokens_than_the_model_has_positions_for_are_refused(loop):
    with pytest.raises(TrainingError, match="max_seq_length is 65, .* at most 64"):
        loop(replace(SMALL, max_seq_length=65))
    assert loop(replace(SMALL, max_seq_length=64)).steps


def test_an_answer_of_50_000_tokens_is_cut_to_what_the_model_reads(loop):
    data = numbers(4)
    long = Passage("p0", "number 7 " * 25_000)
    data = Corpus("long", (long, *data.passages[1:]), data.queries, data.qrels)
    made = loop(SMALL, data)
    seen = []
    forward = made.model[0].forward
    made.model[0].forward = lambda features: (
        seen.append(features["input_ids"].shape), forward(features))[1]
    assert all(np.isfinite(loss) for loss in made.train_epoch())
    assert max(length for _, length in seen) == 64


@pytest.mark.parametrize("error", [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
    MemoryError()], ids=["cuda", "cpu", "python"])
def test_memory_that_runs_out_says_the_step_and_what_to_lower(loop, error):
    def full(features):
        raise error

    for recipe, said in ((SMALL, "set mini_batch_size"),
                         (replace(SMALL, mini_batch_size=2), r"lower mini_batch_size \(it is 2\)")):
        made = loop(recipe)
        training = made.train_epoch()
        next(training)
        made.model[0].forward = full
        said = rf"step 2: lower batch_size \(it is 4\), or {said}"
        with pytest.raises(TrainingError, match=said):
            next(training)


def test_an_error_nobody_foresaw_stays_what_it_is(loop):
    made = loop()
    made.optimizer = SimpleNamespace()
    with pytest.raises(AttributeError):
        next(made.train_epoch())
