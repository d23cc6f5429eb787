from dataclasses import asdict, fields

import pytest

from retrieval.models import PRESETS, preset_of
from train.recipe import (
    RECIPES,
    RETIRED,
    RULES,
    Recipe,
    RecipeError,
    first_start_recipe,
    named_recipe,
    retired_values,
)


def test_seed_is_the_ancestors_to_the_letter():
    seed = named_recipe("seed")
    assert (seed.batch_size, seed.epochs, seed.learning_rate) == (8, 3, 2e-5)
    assert (seed.schedule, seed.warmup, seed.scale) == ("cosine", 0.1, 20.0)
    assert (seed.keep, seed.dropout, seed.batching) == ("last", None, "shuffled")
    assert seed.precision == "fp32"
    assert (seed.given_negatives, seed.mask, seed.symmetric) == (0, False, False)
    assert (seed.patience, seed.truncate_dim, seed.mini_batch_size) == (None, None, None)


def test_tandem_starts_from_what_measured_best():
    tandem = named_recipe("tandem")
    assert (tandem.batch_size, tandem.learning_rate, tandem.epochs) == (32, 5e-5, 3)
    assert (tandem.schedule, tandem.dropout, tandem.batching) == ("cosine", 0.0, "like_length")
    assert RECIPES["quick"].epochs == 1


def test_values_given_as_text_replace_hyperparameters():
    recipe = named_recipe("tandem").with_values(
        {"epochs": "1", "learning_rate": "1e-4", "dropout": "none", "batching": "shuffled"})
    assert (recipe.epochs, recipe.learning_rate) == (1, 1e-4)
    assert (recipe.dropout, recipe.batching) == (None, "shuffled")


@pytest.mark.parametrize("key, value, allowed", [
    ("epochs", "0", "from 1 to 100"), ("epochs", "x", "from 1 to 100"),
    ("epochs", "1.5", "from 1 to 100"), ("batch_size", "1", "from 2 to 4096"),
    ("learning_rate", "0", "above 0"), ("learning_rate", "nan", "above 0"),
    ("learning_rate", "inf", "above 0"), ("warmup", "-1", "from 0 to 0.9"),
    ("schedule", "stairs", "linear, cosine, constant"), ("dropout", "2", "from 0 to 0.9"),
    ("max_seq_length", "1", "from 8 to 8192"), ("keep", "worst", "best, last"),
    ("patience", "0", "from 1 to 100"), ("given_negatives", "17", "from 0 to 16"),
    ("given_negatives", "-1", "from 0 to 16"), ("memory", "11", "to 10"),
    ("mask", "maybe", "true or false"), ("symmetric", "2", "true or false"),
    ("mini_batch_size", "0", "from 1 to 4096"), ("batching", "sorted", "neighbours"),
])
def test_a_bad_value_is_refused_with_the_allowed_range(key, value, allowed):
    with pytest.raises(RecipeError) as caught:
        named_recipe("tandem").with_values({key: value})
    assert key in str(caught.value) and allowed in str(caught.value)


@pytest.mark.parametrize("text, value", [
    ("true", True), ("False", False), ("yes", True), ("no", False), ("1", True), ("0", False)])
def test_a_switch_is_given_as_a_word(text, value):
    assert Recipe().with_values({"symmetric": text}).symmetric is value


def test_every_hyperparameter_can_be_given_as_text_and_has_a_rule():
    values = {field.name: str(getattr(Recipe(), field.name))
              for field in fields(Recipe) if field.name != "name"}
    assert Recipe().with_values(values) == Recipe()
    assert {name for name, _, _ in RULES} == set(values)


def test_a_bad_value_is_refused_however_it_is_given():
    with pytest.raises(RecipeError, match="mask must be true or false"):
        Recipe(mask=1)  # as a record read from a file might hold it


@pytest.mark.parametrize("key", RETIRED)
def test_a_hyperparameter_that_is_gone_is_refused_with_a_sentence(key):
    with pytest.raises(RecipeError, match=f"{key} cannot be set any more.*Leave it out"):
        Recipe().with_values({key: "2"})


def test_the_recipe_of_an_old_record_is_still_read():
    old = asdict(named_recipe("tandem")) | {
        "negatives": 0, "negatives_margin": 0.95, "lora_rank": None, "lora_alpha": 32.0}
    assert Recipe.from_record(old) == named_recipe("tandem")
    assert retired_values(old) == []
    assert retired_values(old | {"lora_rank": 8, "negatives": 2}) == ["lora_rank=8", "negatives=2"]
    with pytest.raises(RecipeError, match="no recipe of this Tandem"):
        Recipe.from_record(old | {"invented": 1})


def test_an_unknown_recipe_and_hyperparameter_are_refused_with_the_known_ones():
    with pytest.raises(RecipeError, match="seed"):
        named_recipe("best")
    with pytest.raises(RecipeError, match="learning_rate"):
        Recipe().with_values({"lr": "1"})


def test_a_first_start_takes_one_epoch_where_three_would_keep_people_waiting():
    assert first_start_recipe("auto", 400).name == "tandem"
    assert first_start_recipe("auto", 2000).name == "quick"
    assert first_start_recipe("seed", 2000).name == "seed"


def test_the_ancestors_base_is_a_preset_to_the_letter():
    preset = PRESETS["mxbai-large"]
    assert preset.base == "mixedbread-ai/mxbai-embed-large-v1"
    assert preset.revision == "e7857440379da569f68f19e8403b69cd7be26e50"
    assert preset.truncate_dim == 512
    assert preset.query_prompt == "Represent this sentence for searching relevant passages: "


def test_a_preset_is_found_by_its_name_and_by_its_model():
    assert preset_of("minilm") is preset_of("sentence-transformers/all-MiniLM-L6-v2")
    assert preset_of("somebody/else") is None


def test_a_hyperparameter_is_still_set_by_its_older_name():
    assert Recipe().with_values({"memory": "0.5"}) == \
        Recipe().with_values({"cross_batch_memory": "0.5"})
    with pytest.raises(RecipeError, match="cross_batch_memory must be a weight from 0"):
        Recipe().with_values({"memory": "a lot"})
