from support.markup import HOSTILE, Tags
from train.recipe import RECIPES, RULES
from ui.html import words


def test_every_recipe_and_hyperparameter_says_in_words_what_it_is_for():
    assert {name for name, *_ in RULES} <= set(words.FIELDS)
    assert set(RECIPES) <= set(words.RECIPES)
    insiders = ("ancestor", "seed ", "safetensors", "BEIR", "Holm")
    said = " ".join([*words.FIELDS.values(), *words.RECIPES.values()])
    assert not [word for word in insiders if word in said]


def test_commands_are_set_as_code_and_the_rest_stays_text():
    assert words.with_code("run `hf auth login` first") == "run <code>hf auth login</code> first"
    assert "img" not in {tag for tag, _ in Tags(words.with_code(f"`{HOSTILE}`")).opened}
