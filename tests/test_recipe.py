import pytest

from train.recipe import RECIPES, Recipe, RecipeError, first_start_recipe, named_recipe


def test_seed_is_the_ancestors_to_the_letter():
    seed = named_recipe("seed")
    assert (seed.batch_size, seed.epochs, seed.learning_rate) == (8, 3, 2e-5)
    assert (seed.schedule, seed.warmup, seed.scale) == ("cosine", 0.1, 20.0)
    assert (seed.keep, seed.dropout, seed.batching) == ("last", None, "shuffled")
    assert seed.precision == "fp32"


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
])
def test_a_bad_value_is_refused_with_the_allowed_range(key, value, allowed):
    with pytest.raises(RecipeError) as caught:
        named_recipe("tandem").with_values({key: value})
    assert key in str(caught.value) and allowed in str(caught.value)


def test_an_unknown_recipe_and_hyperparameter_are_refused_with_the_known_ones():
    with pytest.raises(RecipeError, match="seed"):
        named_recipe("best")
    with pytest.raises(RecipeError, match="learning_rate"):
        Recipe().with_values({"lr": "1"})


def test_a_first_start_takes_one_epoch_where_three_would_keep_people_waiting():
    assert first_start_recipe("auto", 400).name == "tandem"
    assert first_start_recipe("auto", 2000).name == "quick"
    assert first_start_recipe("seed", 2000).name == "seed"
