"""Exports whose columns have names of their own."""

from collections.abc import Iterator, Mapping, Sequence

from corpus.columns import Columns
from corpus.names import first_called
from corpus.readers.rows import OnBadRow, Row

from .layout import Fields, Layout, mostly, names_of, values_of
from .values import passages_of, text_of


def ragas(first: Sequence[Fields]) -> Layout | None:
    """RAGAS: question, contexts, ground_truth; or user_input, reference_contexts, reference.

    And llama-index's LabelledRagDataset, which has its references too.
    """
    names = set(names_of(first))
    question = next((name for name in ("user_input", "question", "query") if name in names), "")
    if not question:
        return None
    truths: tuple[str, ...]
    if "reference_contexts" in names and question != "question":
        name, truths = "RAGAS" if question == "user_input" else "LabelledRagDataset", (
            "reference", "reference_answer", "reference_contexts")
        contexts, trusted = "reference_contexts", True
    elif question == "user_input" and "reference" in names:
        name, truths, contexts, trusted = "RAGAS", ("reference",), "", False
    elif question == "question" and names & {"ground_truth", "ground_truths"}:
        name, truths, contexts = "RAGAS", ("ground_truth", "ground_truths"), "contexts"
        trusted = "evolution_type" in names or "answer" not in names
    else:
        return None
    by_context = trusted and mostly(first, contexts, lambda value: isinstance(value, list))
    positive = contexts if by_context else next((name for name in truths if name in names), "")
    if not positive:
        return None
    said = ("each text of it is a passage that answers" if by_context
            else "since the contexts there are what a system found, right or wrong")
    return _as_columns(name, f"It is read as {name}: “{question}” with “{positive}”, {said}.",
                       Columns(question, positive))


def deepeval(first: Sequence[Fields]) -> Layout | None:
    """DeepEval's goldens and test cases: input, expected_output, context.

    In snake or camel case. What a system retrieved or said is no answer.
    """
    names = names_of(first)
    question, expected, actual, context = (first_called(names, (name,)) for name in (
        "input", "expected_output", "actual_output", "context"))
    if not question or not (expected or actual):
        return None
    by_context = bool(context) and mostly(first, context, lambda value: isinstance(value, list)
                                          ) and 2 * len(values_of(first, context)) > len(first)
    positive = context if by_context else expected
    if not positive:
        return None
    return _as_columns("DeepEval", f"It is read as DeepEval's test cases: “{question}” with "
                       f"“{positive}”" + (", each text of it a passage that answers."
                                          if by_context else "."), Columns(question, positive))


def alpaca(first: Sequence[Fields]) -> Layout | None:
    """Alpaca: an instruction, its `input` where it has one."""
    names = set(names_of(first))
    if not {"instruction", "input", "output"} <= names or not values_of(first, "input"):
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        more = text_of(fields.get("input")).strip()
        asked = fields.get("instruction")
        if more and isinstance(asked, str):
            asked = f"{asked}\n{more}"
        yield where, {"instruction": asked,
                      **{key: value for key, value in fields.items()
                         if key not in ("instruction", "input")}}

    return Layout("Alpaca", "It is read as Alpaca: “instruction”, with “input” after it where "
                  "there is one, is the question, and “output” the answer.", expand,
                  Columns("instruction", "output"))


def _as_columns(name: str, note: str, columns: Columns) -> Layout:
    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        yield where, {key: passages_of(value) if key == columns.positive and isinstance(
            value, list | Mapping) else value for key, value in fields.items()}

    return Layout(name, note, expand, columns)
