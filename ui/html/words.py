"""Recipes and hyperparameters in words for visitors.

What they are for.
"""

import re
from html import escape

RECIPES = {
    "tandem": "Thorough",
    "quick": "Quick: nearly as good in a sixth of the time",
    "seed": "As the model card we started from",
}
FIELDS = {
    "epochs": "How often all pairs are gone through",
    "batch_size": "Pairs in one step; each sees the others' answers as wrong ones",
    "learning_rate": "How far one step goes",
    "schedule": "How the rate falls over the run",
    "warmup": "How long the rate rises first",
    "weight_decay": "How hard weights are drawn to zero",
    "max_grad_norm": "Larger gradients are cut to this",
    "scale": "How sharply right and wrong are told apart",
    "dropout": "Share of activations switched off in a step",
    "batching": "Which pairs go into a step together",
    "max_seq_length": "Tokens of a text that are read",
    "truncate_dim": "Numbers in a vector that are kept",
    "matryoshka_dims": "Shorter vectors that are trained to work too",
    "keep": "Which state of the model is kept at the end",
    "patience": "Evaluations without a gain before the run ends",
    "negatives": "Wrong passages that Base finds, beside each pair",
    "negatives_margin": "How near to the answer a wrong passage may come",
    "given_negatives": "Wrong passages of your data, beside each pair",
    "mask": "Leave out passages that may be right after all",
    "cross_batch_memory": "Also look for the answer among all training passages",
    "symmetric": "Also look for the question from the answer",
    "lora_rank": "Train small added matrices of this rank, not the model",
    "lora_alpha": "How strongly the added matrices count",
    "mini_batch_size": "Texts encoded at a time; fewer take less memory",
    "precision": "How exactly the numbers are held",
    "query_prompt": "Text before each question",
    "passage_prompt": "Text before each passage",
}


LABELS = {
    "epochs": "Epochs",
    "batch_size": "Batch size",
    "learning_rate": "Learning rate",
    "schedule": "Course of the learning rate",
    "warmup": "Warm-up",
    "weight_decay": "Weight decay",
    "max_grad_norm": "Largest gradient",
    "scale": "Sharpness",
    "dropout": "Dropout",
    "batching": "Batches",
    "max_seq_length": "Longest text",
    "truncate_dim": "Dimensions",
    "keep": "What is kept",
    "patience": "Patience",
    "given_negatives": "Wrong passages of your data",
    "mask": "Spare possible answers",
    "cross_batch_memory": "All answers as rivals",
    "symmetric": "Both directions",
    "mini_batch_size": "Texts at once",
    "precision": "Precision",
    "seed": "Random start",
}
"""Hyperparameters as they are called on the page; their ids stand beside them."""
SPLITS = {"train": "to train on", "dev": "to choose by", "test": "to measure on"}


def label_words(name: str) -> str:
    """A hyperparameter by what it is, with its id."""
    return f"{LABELS[name]} ({name})" if name in LABELS else name


def split_words(name: str, count: int) -> str:
    """How many questions a split has, and what for."""
    return f"{count:,} {SPLITS[name]}" if name in SPLITS else f"{name} {count:,}"


def recipe_words(name: str) -> str:
    """A recipe by what it does, with its id."""
    return f"{RECIPES[name]} ({name})" if name in RECIPES else name


def field_words(name: str, allowed: str) -> str:
    """What a hyperparameter does, and which values it may have."""
    return f"{FIELDS[name]}: {allowed}" if name in FIELDS else allowed


def without_code(text: str) -> str:
    """A sentence as plain text.

    Without the backticks around commands.
    """
    return re.sub(r"`([^`]+)`", r"\1", text)


def with_code(text: str) -> str:
    """Escaped text whose commands between backticks are set as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
