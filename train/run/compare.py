"""Runs beside each other.

Two on the same test questions, or several in one table.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from retrieval.evaluation import Evidence, means
from retrieval.metrics import PRIMARY

from .record import Run


@dataclass(frozen=True)
class RunRow:
    """A run in a table of several.

    What it is, and how it did on the test split. against: its ndcg@10 minus that of the first run
    of the table, None for the first itself.
    """

    run_id: str
    recipe: str
    base_model: str
    base: float
    tuned: float
    verdict: str
    seconds: float | None
    against: Evidence | None = None


def beside(left: Run, right: Run) -> Evidence:
    """Two runs on the same test questions.

    The left one stands as base, the right as tuned. ValueError when they were not measured alike:
    other data, another split, other dimensions.
    """
    check_alike(left, right)
    sides = [_evidence(run) for run in (left, right)]
    known = [side.leaked for side in sides if side.leaked is not None]
    return Evidence("test", sides[0].passages, sides[0].tuned, sides[1].tuned,
                    leaked=frozenset().union(*known) if len(known) == len(sides) else None)


def table(runs: Sequence[Run]) -> list[RunRow]:
    """Several runs on the same queries, against the first.

    ValueError as `beside`.
    """
    rows = []
    for place, run in enumerate(runs):
        record, own = run.record(), _evidence(run)
        rows.append(RunRow(
            run.id, record.recipe_name, record.base_model.name,
            means(own.base)[PRIMARY], means(own.tuned)[PRIMARY], own.verdict,
            record.seconds, beside(runs[0], run) if place else None))
    return rows


def check_alike(left: Run, right: Run) -> None:
    """Refuse two runs whose figures say nothing about each other."""
    records = [run.record() for run in (left, right)]
    prints = [record.fingerprints for record in records]
    alike: dict[str, list[str | None]] = {
        "passages": [known.corpus for known in prints],
        "test questions": [known.splits.get("test") for known in prints],
    }
    for what, values in alike.items():
        if values[0] != values[1]:
            raise ValueError(f"The two runs were measured on different data (other {what}): they "
                             "cannot be compared.")
    dims = [record.dim for record in records]
    if all(dims) and dims[0] != dims[1]:
        raise ValueError(f"{left.id} has vectors of {dims[0]} dimensions and {right.id} of "
                         f"{dims[1]}: compare runs with the same truncate_dim.")


def _evidence(run: Run) -> Evidence:
    rows, record = run.per_query(), run.record()
    if not any(row["split"] == "test" for row in rows):
        raise ValueError(f"{run.id} is {record.status} and has not measured its test split: "
                         "that is not zero, it is not known.")
    return Evidence.from_rows(rows, "test", record.data.passages)
