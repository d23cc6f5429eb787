"""The report of a comparison.

All figures as JSON and CSV, and one page to forward as HTML.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from corpus.records import Corpus, Query
from retrieval.evaluation import Evidence, Topic, by_topic
from retrieval.metrics import PRIMARY
from retrieval.truncation import AtDim
from train.run.parts import PromptChoice, RecordedModel
from train.run.record import Run, RunError, now


@dataclass(frozen=True)
class Findings:
    """Everything a report is made of.

    facts: name -> value, what was measured and with what. queries: the questions' texts by id, as
    far as they are known. history: ndcg@10 on dev by epoch. retention: the figures on the general
    collection, None where they were not measured. dims: quality by truncate_dim, if it was looked
    at. date: when the report was made, UTC.
    """

    evidence: Evidence
    facts: Mapping[str, str]
    queries: Mapping[str, Query] = field(default_factory=dict)
    history: Sequence[Mapping[str, Any]] = ()
    retention: Mapping[str, Any] | None = None
    dims: Sequence[AtDim] = ()
    date: str = field(default_factory=now)

    @property
    def topics(self) -> tuple[Topic, ...]:
        """The evidence by topic."""
        return by_topic(self.evidence, self.queries)

    def text(self, query_id: str) -> str:
        """A question's text.

        Its id where the text is not known any more.
        """
        return self.queries[query_id].text if query_id in self.queries else query_id

    def as_json(self) -> dict[str, Any]:
        """All figures."""
        return {
            "date": self.date,
            "facts": dict(self.facts),
            "primary": PRIMARY,
            "seed": self.evidence.seed,
            "evidence": self.evidence.as_json(),
            "topics": [topic.as_json() for topic in self.topics],
            "retention": None if self.retention is None else dict(self.retention),
            "truncate_dim": [row.as_json() for row in self.dims],
            "history": [dict(row) for row in self.history],
            "queries": [
                {"query_id": query.query_id, "text": self.text(query.query_id),
                 "base_rank": query.base_rank, "tuned_rank": query.tuned_rank,
                 "difference": query.difference, "outcome": query.outcome}
                for query in self.evidence.queries
            ],
        }


def findings_of(run: Run, corpus: Corpus | None = None) -> Findings:
    """What a run directory says.

    RunError when its test split was not measured. corpus: its data, for the texts and topics of the
    questions.
    """
    record, rows = run.record(), run.per_query()
    if not record.test or not rows:
        raise RunError(f"{run.id} is {record.status} and has not measured its test split: there "
                       "is nothing to report.")
    evidence = Evidence.from_rows(rows, "test", record.data.passages)
    return Findings(evidence, facts_of(run), corpus.queries if corpus else {},
                    [point.to_json() for point in record.history],
                    record.retention.to_json() if record.retention else None)


def facts_of(run: Run) -> dict[str, str]:
    """Facts of a run: models, data, versions."""
    record = run.record()
    prints, recipe = record.fingerprints, record.recipe
    settings = recipe.hyperparameters if recipe else {}
    changed = ", ".join(f"{key} {value}" for key, value in settings.items()
                        if key != "name" and value is not None)
    pairs = record.splits["train"].pairs if "train" in record.splits else 0
    facts = {
        "Run": run.id,
        "Made": record.finished or record.created,
        "Status": record.status,
        "Base": _named(record.base_model),
        "Base fingerprint": prints.base,
        "Fine-tuned fingerprint": prints.tuned,
        "Data": record.data.name,
        "Data fingerprint": prints.corpus,
        "Test split fingerprint": prints.splits.get("test", ""),
        "Pairs trained on": f"{pairs:,}",
        "Recipe": f"{recipe.name}: {changed}" if recipe else "",
        "Seed": "" if record.seed is None else str(record.seed),
        "Cross-validated": record.cross_validation.verdict if record.cross_validation else "",
        "Prompts": _prompts(record.prompts),
        "Device": record.device,
        "Took": f"{record.seconds:.0f} s" if record.seconds else "",
        "Versions": ", ".join(f"{name} {number}" for name, number in record.versions.items()),
    }
    return {name: value for name, value in facts.items() if value}


def _named(base: RecordedModel) -> str:
    name = base.name
    if Path(name).is_absolute():  # a folder of this machine says nothing elsewhere
        name = Path(name).name
    return f"{name}@{base.revision}" if base.revision else name


def _prompts(prompts: Mapping[str, PromptChoice]) -> str:
    return "; ".join(
        f"{side} {'with' if choice.used else 'without'} its prompts (dev {PRIMARY} "
        f"{choice.with_prompts:.3f} with, {choice.without_prompts:.3f} without)"
        for side, choice in prompts.items()
    )
