"""The fields of a recipe, made from the rules it is checked by: none is listed twice."""

from dataclasses import fields

import gradio as gr

from train.recipe import RECIPES, RULES, Recipe

ABOUT = {
    "tandem": "ours: as good as the ancestor’s in less than half its time",
    "quick": "one pass at a higher rate: nearly as good in about a sixth of the time",
    "seed": "the ancestor’s, to the letter",
}
NAMES = tuple(name for name, _, _ in RULES)


def recipe_choices() -> list[tuple[str, str]]:
    """The named recipes with what they are for, as choices of a radio."""
    return [(f"{name} – {ABOUT[name]}" if name in ABOUT else name, name) for name in RECIPES]


def recipe_fields() -> list[gr.Textbox]:
    """A text box for each hyperparameter, empty where the recipe's own value holds."""
    boxes: list[gr.Textbox] = []
    for start in range(0, len(RULES), 3):
        with gr.Row():
            for name, allowed, _ in RULES[start : start + 3]:
                boxes.append(gr.Textbox(
                    label=name, info=allowed, placeholder="the recipe’s own", max_length=60,
                    min_width=180,
                ))
    return boxes


def values_of(name: str) -> dict[str, str]:
    """A recipe's own values, by hyperparameter: what holds where a box is empty.

    They are shown beside the boxes, not in them: filling a box from the server while somebody types
    into it would take away what they typed.
    """
    recipe = RECIPES.get(name, RECIPES["tandem"])
    return {field: _value(recipe, field) for field in NAMES}


def changed(texts: tuple[str, ...]) -> dict[str, str]:
    """What was typed into the boxes, by hyperparameter."""
    return {name: text.strip() for name, text in zip(NAMES, texts, strict=True) if text.strip()}


def _value(recipe: Recipe, name: str) -> str:
    known = {field.name for field in fields(recipe)}
    value = getattr(recipe, name) if name in known else None
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
