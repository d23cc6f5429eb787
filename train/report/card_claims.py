"""Claims of the card about training, choice and measurement.

In words.
"""

from collections.abc import Iterator

from retrieval.metrics import PRIMARY
from train.run.parts import RecordedEvidence, RecordedRecipe
from train.run.record import RunRecord

PATIENCE = "patience"


def longest(record: RunRecord) -> int:
    """How many tokens of a text the model reads.

    0 for all, as a static embedding does.
    """
    own, recipe = record.base_model.max_seq_length, record.recipe or RecordedRecipe()
    return min(own, recipe.max_seq_length or own)


def chosen_by_dev(record: RunRecord) -> bool:
    """Whether dev chose the checkpoint that was kept.

    Or the last was kept whatever it said.
    """
    return record.recipe is None or record.recipe.keep != "last"


def dev_choices(record: RunRecord) -> list[str]:
    """What the dev split decided, and so flatters.

    Its figures flatter whatever they chose.
    """
    stops = bool(record.recipe and record.recipe.hyperparameters.get(PATIENCE))
    return [said for said, did in (("the checkpoint", chosen_by_dev(record)),
                                   ("when to stop", stops),
                                   ("the use of prompts", bool(record.prompts))) if did]


def heading(record: RunRecord, split: str) -> str:
    """What a split was for, above its figures."""
    if split == "test":
        return "Test split (measured once)"
    chose = dev_choices(record)
    return f"Dev split (chose {listed(chose)})" if chose else "Dev split (chose nothing)"


def use_of(record: RunRecord, split: str) -> str:
    """What a split was used for."""
    if split == "dev":
        chose = dev_choices(record)
        return f"choosing {listed(chose)}" if chose else "watching the training"
    return {"train": "training", "test": "the figures above"}.get(split, "")


def listed(words: list[str]) -> str:
    """Words as a sentence has them: a, b and c."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _of_leaks(test: RecordedEvidence) -> str:
    """What figures on questions are worth that training knew, or whose answers it knew."""
    if test.unseen is None:
        return (f"All {test.queries:,} test questions stand in train or dev too, as a question or "
                "by their answer: the figures show whether new wordings find answers that training "
                "saw. They cannot show how well answers are found that it never saw.")
    return (f"{test.leaked:,} of the {test.queries:,} test questions stand in train or dev too, "
            "as a question or by their answer: figures that count them flatter.")


def limits(record: RunRecord) -> Iterator[str]:
    """What the figures say against the model."""
    test, dev = record.metrics["test"], record.metrics["dev"]
    shown = test.unseen or test
    gap = shown.difference[PRIMARY]
    yield (f"Measured on {shown.queries:,} questions of one data set, `{record.data.name}`: other "
           "questions can come out otherwise.")
    if test.leaked:
        yield _of_leaks(test)
    if gap.low <= 0 <= gap.high:
        yield (f"The interval of the difference in {PRIMARY} holds zero: these figures do not show "
               "that it is better than its base.")
    if shown.outcomes.get("lost"):
        yield f"It got worse on {shown.outcomes['lost']:,} of those {shown.queries:,} questions."
    worse = [name for name, other in shown.difference.items() if other.high < 0]
    if worse:
        yield f"It is worse than its base in {', '.join(worse)}."
    if shown.detectable_difference:
        yield (f"So many questions show a difference in {PRIMARY} of "
               f"{shown.detectable_difference:.4f} or more; a smaller one would not show.")
    if chose := dev_choices(record):
        was = "was" if len(chose) == 1 else "were"
        yield (f"The dev figures ({dev.tuned[PRIMARY]:.4f} {PRIMARY}) flatter: {listed(chose)} "
               f"{was} chosen by them.")
    if not chosen_by_dev(record):
        yield "The last checkpoint was kept, whether or not it was the best on dev."
    if tokens := longest(record):
        yield f"A text is read up to {tokens} tokens; what comes after is not seen."
    if not record.retention:
        yield "What fine-tuning cost on other subjects was not measured."
