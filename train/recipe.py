"""Recipes: every hyperparameter of training, validated once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

SCHEDULES = ("linear", "cosine", "constant")
BATCHINGS = ("shuffled", "like_length", "neighbours")
KEEPS = ("best", "last")
PRECISIONS = ("auto", "fp32", "bf16")
TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


RENAMED = {"memory": "cross_batch_memory"}
"""Hyperparameters by their older names, which records and command lines still have."""
RETIRED = ("lora_rank", "lora_alpha", "negatives", "negatives_margin")
"""Hyperparameters that records of earlier versions have: no measurement spoke for them."""


class RecipeError(ValueError):
    """A hyperparameter out of range: the message gives the range."""


@dataclass(frozen=True)
class Recipe:
    """Hyperparameters of a fine-tune with multiple negatives ranking loss.

    batch_size: pairs a step, each other's negatives, over all processes together. batching:
    `shuffled`, `like_length` (batches of texts of like length, so that little is padded), or
    `neighbours` (batches of pairs that the base finds similar). dropout: None keeps the model's
    own. max_seq_length: tokens, None keeps the model's own. truncate_dim: train these first
    dimensions beside all of them. keep: which checkpoint becomes the result, the `best` by ndcg@10
    on dev or the `last`. patience: so many evaluations on dev without a better one end the run.
    scale: of the cosine in the loss (the dot product of a model that is compared
    by that, and whose vectors have any length, is taken as it is).

    given_negatives: passages a pair, at most, that the data itself says are no answers; of more,
    others in each epoch. mask: a passage known to answer a query, or equal in text to one that
    does, is no negative of it. cross_batch_memory (`memory` in older records and commands): weight
    of a second loss, in which each query is to find its passage among those of all training pairs,
    with the vectors they had when they were last in a batch (the base's before that); 0 leaves it
    out. symmetric: each passage also looks for its query.

    precision: of the matrix products in training; `auto` takes bf16 where the device computes it
    in hardware. Weights, the loss, and all measuring stay in fp32. mini_batch_size: texts a forward
    pass; a batch is then encoded twice, in parts, with the gradient of the whole: for one that does
    not fit in memory.
    """

    name: str = "tandem"
    epochs: int = 3
    batch_size: int = 32
    learning_rate: float = 5e-5
    schedule: str = "cosine"
    warmup: float = 0.1
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    scale: float = 20.0
    dropout: float | None = 0.0
    batching: str = "like_length"
    max_seq_length: int | None = None
    truncate_dim: int | None = None
    keep: str = "best"
    patience: int | None = None
    given_negatives: int = 4
    mask: bool = True
    cross_batch_memory: float = 1.0
    symmetric: bool = False
    precision: str = "auto"
    mini_batch_size: int | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot train."""
        for name, allowed, is_allowed in RULES:
            value = getattr(self, name)
            if not is_allowed(value):
                raise RecipeError(f"{name} must be {allowed}, not {value!r:.60}.")

    @classmethod
    def from_record(cls, kept: Mapping[str, Any]) -> "Recipe":
        """The recipe of a record, old or new; RecipeError.

        Hyperparameters of `RETIRED` are left out.
        """
        try:
            return cls(**{RENAMED.get(name, name): value for name, value in kept.items()
                          if name not in RETIRED})
        except TypeError as error:
            raise RecipeError(f"The record has no recipe of this Tandem: {error}.") from None

    def with_values(self, values: Mapping[str, str]) -> "Recipe":
        """The recipe with hyperparameters replaced (`--set key=value`)."""
        changes = {RENAMED.get(name, name): _parsed(RENAMED.get(name, name), text)
                   for name, text in values.items()}
        return replace(self, **changes)


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high


def _real(low: float, high: float, above: bool = False) -> Callable[[Any], bool]:
    def allowed(v: Any) -> bool:
        if isinstance(v, bool) or not isinstance(v, int | float):
            return False
        return (low < v if above else low <= v) and v <= high

    return allowed


def _or_none(allowed: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda v: v is None or allowed(v)


def _truth(v: Any) -> bool:
    return isinstance(v, bool)


def _one_of(choices: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda v: v in choices


RULES: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
    ("epochs", "a whole number from 1 to 100", _whole(1, 100)),
    ("batch_size", "a whole number from 2 to 4096", _whole(2, 4096)),
    ("learning_rate", "above 0 and at most 0.01", _real(0, 0.01, above=True)),
    ("schedule", f"one of {', '.join(SCHEDULES)}", _one_of(SCHEDULES)),
    ("warmup", "a share of the steps from 0 to 0.9", _real(0, 0.9)),
    ("weight_decay", "from 0 to 1", _real(0, 1)),
    ("max_grad_norm", "above 0 and at most 100", _real(0, 100, above=True)),
    ("scale", "from 1 to 200", _real(1, 200)),
    ("dropout", "from 0 to 0.9, or none for the model's own", _or_none(_real(0, 0.9))),
    ("batching", f"one of {', '.join(BATCHINGS)}", _one_of(BATCHINGS)),
    ("max_seq_length", "from 8 to 8192 tokens, or none for the model's own",
     _or_none(_whole(8, 8192))),
    ("truncate_dim", "from 8 to 8192, or none for all dimensions", _or_none(_whole(8, 8192))),
    ("keep", f"one of {', '.join(KEEPS)}", _one_of(KEEPS)),
    ("patience", "from 1 to 100 evaluations on dev, or none to train to the end",
     _or_none(_whole(1, 100))),
    ("given_negatives", "a whole number of passages a pair from 0 to 16", _whole(0, 16)),
    ("mask", "true or false", _truth),
    ("cross_batch_memory", "a weight from 0 (none) to 10", _real(0, 10)),
    ("symmetric", "true or false", _truth),
    ("mini_batch_size", "from 1 to 4096 texts, or none for the whole batch at once",
     _or_none(_whole(1, 4096))),
    ("precision", f"one of {', '.join(PRECISIONS)}", _one_of(PRECISIONS)),
)

RECIPES = {
    recipe.name: recipe
    for recipe in (
        Recipe(),
        # One pass: a higher rate and both directions were better on dev, on two data sets.
        Recipe(name="quick", epochs=1, learning_rate=1e-4, symmetric=True),
        # The ancestor's, to the letter: DESIGN section 7.
        Recipe(
            name="seed",
            epochs=3,
            batch_size=8,
            learning_rate=2e-5,
            schedule="cosine",
            warmup=0.1,
            dropout=None,
            batching="shuffled",
            keep="last",
            given_negatives=0,
            mask=False,
            cross_batch_memory=0.0,
            precision="fp32",
        ),
    )
}


AUTO = "auto"
FIRST_START_PAIRS = 600
"""The most pairs that three epochs and their measuring take about three minutes for, on one core
of a small machine (bench/RESULTS.md); with more, a first start makes do with one epoch."""


def first_start_recipe(name: str, pairs: int) -> Recipe:
    """The recipe of a first start, by name or `auto`.

    `auto` takes what does not keep people waiting. pairs: how many there are to train on.
    """
    if name != AUTO:
        return named_recipe(name)
    return RECIPES["tandem" if pairs <= FIRST_START_PAIRS else "quick"]


def retired_values(kept: Mapping[str, Any]) -> list[str]:
    """Retired hyperparameters that an old record uses, as `key=value`."""
    used = {name: kept[name] for name in ("lora_rank", "negatives") if kept.get(name)}
    return [f"{name}={value}" for name, value in used.items()]


def named_recipe(name: str) -> Recipe:
    """A recipe by its name."""
    if name not in RECIPES:
        raise RecipeError(f"There is no recipe {name!r:.60}: take one of {', '.join(RECIPES)}.")
    return RECIPES[name]


def _parsed(name: str, text: str) -> Any:
    kinds = {field.name: str(field.type) for field in fields(Recipe) if field.name != "name"}
    if name in RETIRED:
        raise RecipeError(f"{name} cannot be set any more: no measurement spoke for "
                          f"{'low-rank adaptation' if 'lora' in name else 'mined negatives'}. "
                          "Leave it out.")
    if name not in kinds:
        raise RecipeError(f"A recipe has no {name!r:.60}: it has {', '.join(kinds)}.")
    if "None" in kinds[name] and text.lower() in ("none", ""):
        return None
    try:
        if "bool" in kinds[name]:
            return TRUTHS[text.lower()]
        if "int" in kinds[name]:
            return int(text)
        return float(text) if "float" in kinds[name] else text
    except (ValueError, KeyError):
        allowed = next(allowed for rule, allowed, _ in RULES if rule == name)
        raise RecipeError(f"{name} must be {allowed}, not {text!r:.60}.") from None
