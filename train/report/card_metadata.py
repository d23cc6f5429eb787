"""The front matter of a card.

What the Hub's search, widget and leaderboards read.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from corpus.load import BUILT_IN
from retrieval.metrics import METRICS
from train.run.parts import RecordedRecipe
from train.run.record import RunRecord

TAGS = ("sentence-transformers", "sentence-similarity", "feature-extraction", "dense",
        "generated_from_trainer", "tandem")
LICENSES = (
    "apache-2.0", "mit", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0",
    "cc-by-nc-nd-4.0", "cc-by-nd-4.0", "cc0-1.0", "bsd-2-clause", "bsd-3-clause", "mpl-2.0",
    "gpl-2.0", "gpl-3.0", "lgpl-3.0", "agpl-3.0", "openrail", "bigscience-openrail-m",
    "creativeml-openrail-m", "llama2", "llama3", "llama3.1", "llama3.2", "llama3.3", "llama4",
    "gemma", "unlicense", "isc", "wtfpl", "odbl", "pddl", "eupl-1.1", "eupl-1.2", "bsl-1.0",
    "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "afl-3.0", "apple-amlr",
    "apple-ascl", "artistic-2.0", "bigcode-openrail-m", "bigscience-bloom-rail-1.0", "bsd",
    "bsd-3-clause-clear", "c-uda", "cc", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-nc-2.0",
    "cc-by-nc-3.0", "cc-by-nc-nd-3.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-sa-3.0",
    "deepfloyd-if-license", "ecl-2.0", "epl-1.0", "epl-2.0", "etalab-2.0",
    "fair-noncommercial-research-license", "gfdl", "gpl", "grok2-community", "h-research",
    "intel-research", "lgpl", "lgpl-2.1", "lgpl-lr", "lppl-1.3c", "ms-pl", "ncsa", "odc-by",
    "ofl-1.1", "openmdw-1.0", "openmdw-1.1", "openrail++", "osl-3.0", "postgresql", "zlib", "other",
    "unknown",
)
"""The Hub's identifiers (its documentation of licences, August 2026), most used first."""
LICENSE_OF_BASE = {
    "sentence-transformers/all-MiniLM-L6-v2": "apache-2.0",
    "sentence-transformers/all-mpnet-base-v2": "apache-2.0",
    "mixedbread-ai/mxbai-embed-large-v1": "apache-2.0",
    "BAAI/bge-small-en-v1.5": "mit",
    "BAAI/bge-base-en-v1.5": "mit",
    "BAAI/bge-large-en-v1.5": "mit",
    "intfloat/e5-base-v2": "mit",
    "intfloat/multilingual-e5-base": "mit",
}
"""For records that do not say what the base model's own card says."""
LANGUAGE = re.compile(r"[a-z]{2,3}|multilingual|code")
LONGEST_TITLE, LONGEST_DESCRIPTION = 120, 5_000


class CardError(ValueError):
    """Something that cannot stand on a card.

    The message says what, and what may.
    """


@dataclass(frozen=True)
class CardEdits:
    """What a person changes on a card before publishing.

    The record keeps it as `card`. None or empty keeps what the record gives. license: an identifier
    of the Hub. language: ISO 639 codes. datasets: Hub ids. private_data: True leaves out every text
    of the data, False shows some, None is as `is_private` has it.
    """

    title: str | None = None
    license: str | None = None
    language: tuple[str, ...] = ()
    description: str | None = None
    datasets: tuple[str, ...] = ()
    private_data: bool | None = None

    def __post_init__(self) -> None:
        """Refuse what the Hub would refuse, or would break the card."""
        if self.title is not None and not 0 < len(self.title.strip()) <= LONGEST_TITLE:
            raise CardError(f"The title must have 1 to {LONGEST_TITLE} characters.")
        if self.title is not None and "\n" in self.title:
            raise CardError("The title must be one line.")
        if self.license is not None and self.license not in LICENSES:
            raise CardError(f"The licence {self.license!r:.40} is none the Hub knows: take one of "
                            f"{', '.join(LICENSES)}.")
        for code in self.language:
            if not LANGUAGE.fullmatch(code):
                raise CardError(f"A language is a code as in ISO 639, such as en or de, not "
                                f"{code!r:.40}.")
        for name in self.datasets:
            if not is_repo_id(name):
                raise CardError(f"A data set is named as on the Hub, owner/name, not {name!r:.80}.")
        if len(self.description or "") > LONGEST_DESCRIPTION:
            raise CardError(f"The description must have at most {LONGEST_DESCRIPTION} characters.")

    @classmethod
    def kept(cls, record: RunRecord) -> "CardEdits":
        """The card edits that a record keeps, and no more."""
        card = record.card
        return cls(card.title, card.license, card.language, card.description, card.datasets,
                   card.private_data)

    @classmethod
    def of(cls, record: RunRecord) -> "CardEdits":
        """The card edits that a record keeps.

        With the base model's licence and languages where it says.
        """
        base, edits = record.base_model, cls.kept(record)
        license_ = base.license or LICENSE_OF_BASE.get(base.name)
        return replace(
            edits,
            license=edits.license or (license_ if license_ in LICENSES else None),
            language=edits.language or tuple(
                code for code in base.language if LANGUAGE.fullmatch(code)),
            datasets=edits.datasets or tuple(
                name for name in [record.data.hub_id] if name and is_repo_id(name)),
            private_data=is_private(record.data.to_json()) if edits.private_data is None
            else edits.private_data,
        )

    def as_record(self) -> dict[str, Any]:
        """The edits as `run.json` keeps them: those that were made."""
        return {key: list(value) if isinstance(value, tuple) else value
                for key, value in asdict(self).items() if value not in (None, ())}


def is_private(data: Mapping[str, Any]) -> bool:
    """Whether texts of a run's data stay off its card.

    Unless somebody says otherwise. Of whatever was brought, they do; the built-in corpus is public.
    """
    return bool(data.get("private", data.get("source") != BUILT_IN))


def is_repo_id(name: str) -> bool:
    """Whether a name is a Hub id, `owner/name`.

    And no path.
    """
    return bool(re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9_][\w.-]*", name))


def title_of(record: RunRecord) -> str:
    """What a model is called.

    As somebody said, or by its base and its data.
    """
    base = record.base_model.name.rstrip("/").rsplit("/", 1)[-1]
    return CardEdits.of(record).title or f"{base} fine-tuned on {record.data.name}"


def loss_names(recipe: RecordedRecipe) -> list[str]:
    """Names of a recipe's losses in sentence-transformers, outermost first."""
    ranking = ("Cached" if recipe.mini_batch_size else "") + "MultipleNegatives" + (
        "Symmetric" if recipe.hyperparameters.get("symmetric") else "") + "RankingLoss"
    nested = recipe.truncate_dim or recipe.matryoshka_dims
    return ["MatryoshkaLoss", ranking] if nested else [ranking]


def metric_id(name: str, similarity: str) -> str:
    """A metric's name in sentence-transformers' `model-index`.

    Such as `cosine_ndcg@10`.
    """
    return f"{similarity}_{name}"


def front_matter(record: RunRecord) -> str:
    """The YAML between the dashes of a card, dashes included."""
    from huggingface_hub import ModelCardData

    edits, base = CardEdits.of(record), record.base_model
    on_hub = is_repo_id(base.name)
    pairs = record.splits["train"].pairs
    widget = [example.to_json() for example in record.data.widget]
    card = ModelCardData(
        language=list(edits.language) or None,
        license=edits.license,
        base_model=base.name if on_hub else None,
        base_model_relation="finetune" if on_hub else None,
        datasets=list(edits.datasets) or None,
        library_name="sentence-transformers",
        pipeline_tag="sentence-similarity",
        tags=[*TAGS, f"dataset_size:{pairs}",
              *(f"loss:{name}" for name in loss_names(record.recipe or RecordedRecipe()))],
        widget=None if edits.private_data else widget or None,
        metrics=[metric_id(name, base.similarity) for name in METRICS],
        model_name=title_of(record),
        eval_results=_results(record),
    )
    return f"---\n{card.to_yaml()}\n---\n"


def _results(record: RunRecord) -> list[Any]:
    """The tuned model's figures, dev and test under names of their own.

    Where an earlier split gives questions away, those of the others.
    """
    from huggingface_hub import EvalResult

    data, similarity = record.data.name, record.base_model.similarity
    shown = {split: record.metrics[split].unseen or record.metrics[split]
             for split in ("test", "dev")}
    left = {split: f", {figures.queries:,} of {record.metrics[split].queries:,} questions"
            if record.metrics[split].unseen else "" for split, figures in shown.items()}
    return [
        EvalResult(
            task_type="information-retrieval",
            task_name="Information Retrieval",
            dataset_type=record.data.hub_id or data,
            dataset_name=f"{data}, {split}{left[split]}",
            dataset_split=split,
            metric_type=metric_id(name, similarity),
            metric_name=f"{similarity} {name}".title(),
            metric_value=figures.tuned[name],
        )
        for split, figures in shown.items()
        for name in METRICS
    ]
