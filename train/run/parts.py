"""What the record of a run consists of.

Models, data, figures, publications, as frozen types. A default stands for what was not recorded: ""
and 0 of a name and a size that every later record has, None of what may be unknown for good.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from retrieval.metrics import PRIMARY
from train.recipe import RENAMED

from .schema import JsonObject, SchemaError


@dataclass(frozen=True, kw_only=True)
class RecordedRecipe(JsonObject):
    """The hyperparameters of a run, as far as recorded.

    None where an older version had no such hyperparameter: today's default says nothing of it.
    """

    name: str = ""
    epochs: int = 0
    batch_size: int | None = None
    max_seq_length: int | None = None
    truncate_dim: int | None = None
    keep: str | None = None
    negatives: int | None = None
    cross_batch_memory: float | None = field(
        default=None, metadata={"keys": ("cross_batch_memory", "memory")})
    lora_rank: int | None = None
    mini_batch_size: int | None = None
    matryoshka_dims: tuple[int, ...] = ()

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """All that was recorded, by the names of today."""
        return {RENAMED.get(name, name): value for name, value in self.to_json().items()}


@dataclass(frozen=True, kw_only=True)
class RecordedModel(JsonObject):
    """The base model.

    What was asked for, and, once it was loaded, what it is. query_prompt, passage_prompt: what was
    asked to be put before a text, None for what it has. dim: of its vectors, as they are used;
    full_dim: before they are cut. max_seq_length: tokens of a text that it reads, 0 for all.
    stored_prompts: by name. license, language: as its own card on the Hub has them.
    """

    name: str = ""
    revision: str | None = None
    query_prompt: str | None = None
    passage_prompt: str | None = None
    fingerprint: str = ""
    dim: int = 0
    max_seq_length: int = 0
    full_dim: int | None = None
    parameters: int = 0
    architecture: str = ""
    similarity: str = "cosine"
    stored_prompts: Mapping[str, str] = field(default_factory=dict)
    license: str | None = None
    language: tuple[str, ...] = ()

    @property
    def prompts(self) -> dict[str, str | None]:
        """The prompts that were asked for, by side."""
        return {"query": self.query_prompt, "passage": self.passage_prompt}


@dataclass(frozen=True, kw_only=True)
class Spread(JsonObject):
    """Lengths of texts, in tokens or characters."""

    min: float
    mean: float
    max: float


@dataclass(frozen=True, kw_only=True)
class PairStatistics(JsonObject):
    """Sizes of a split's pairs, and their texts' lengths.

    By unit (`tokens`, `characters`).
    """

    pairs: int = 0
    questions: int = 0
    passages: int = 0
    anchor: Mapping[str, Spread] = field(default_factory=dict)
    positive: Mapping[str, Spread] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class SamplePair(JsonObject):
    """A pair of a split as the card shows it."""

    anchor: str = ""
    positive: str = ""
    split: str = "train"


@dataclass(frozen=True, kw_only=True)
class WidgetExample(JsonObject):
    """A test query with passages for a model's widget.

    On its page on the Hub.
    """

    source_sentence: str = ""
    sentences: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RecordedData(JsonObject):
    """The corpus of a run: place, name, and facts.

    What the card says of it. source: a path, or the name of a built-in corpus; None of runs that a
    command line began before it was recorded. hub_id: of the data set on the Hub, if it is one.
    """

    source: str | None = None
    name: str = ""
    passages: int = 0
    statistics: Mapping[str, PairStatistics] = field(default_factory=dict)
    samples: tuple[SamplePair, ...] = ()
    widget: tuple[WidgetExample, ...] = ()
    hub_id: str | None = None
    private: bool = False


@dataclass(frozen=True, kw_only=True)
class RecordedEngine(JsonObject):
    """The engine of a run.

    Of Jobs also where the job is. stage: of the job, as the Hub says it. mark: what its log lines
    are known by. limit_s: seconds after which the Hub ends it.
    """

    name: str = "local"
    flavor: str | None = None
    job: str = ""
    url: str = ""
    stage: str = ""
    mark: str = ""
    namespace: str = ""
    repository: str = ""
    limit_s: int = 0


@dataclass(frozen=True, kw_only=True)
class SplitSizes(JsonObject):
    """Judged queries of a split, and its pairs.

    Of query and relevant passage.
    """

    queries: int = 0
    pairs: int = 0


@dataclass(frozen=True, kw_only=True)
class Fingerprints(JsonObject):
    """Fingerprints of a run's corpus, splits and models.

    SHA-256; of models, of their weights.
    """

    corpus: str = ""
    base: str = ""
    tuned: str = ""
    splits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RecordedDifference(JsonObject):
    """Recorded difference of tuned and base in one metric.

    With its 95 % interval. p: of the randomisation test, where there was one. p_holm: corrected for
    the metrics being many.
    """

    value: float
    low: float
    high: float
    p: float | None = None
    p_holm: float | None = None


@dataclass(frozen=True, kw_only=True)
class RecordedEvidence(JsonObject):
    """Recorded metrics of base and tuned on one split.

    On the same queries, and their differences. outcomes: queries `won`, `lost` and `tied` in
    ndcg@10. detectable_difference: in ndcg@10. leaked: queries that an earlier split gives away,
    None where nobody looked; unseen: the same figures without those, where there are both.
    """

    split: str = ""
    queries: int = 0
    passages: int = 0
    base: Mapping[str, float]
    tuned: Mapping[str, float]
    difference: Mapping[str, RecordedDifference]
    outcomes: Mapping[str, int] = field(default_factory=dict)
    detectable_difference: float | None = None
    verdict: str = ""
    leaked: int | None = None
    unseen: "RecordedEvidence | None" = None

    @classmethod
    def from_json(cls, value: object, where: str = "") -> Self:
        """Check that the metric everything turns on is there too.

        SchemaError.
        """
        found = super().from_json(value, where)
        for name in ("base", "tuned", "difference"):
            if PRIMARY not in getattr(found, name):
                raise SchemaError(f"{f'{where}.{name}'.lstrip('.')} has no {PRIMARY}")
        return found


@dataclass(frozen=True, kw_only=True)
class PromptChoice(JsonObject):
    """With or without its prompts.

    How a model did on dev in ndcg@10, and the way it is used.
    """

    query: str = ""
    passage: str = ""
    used: bool = True
    with_prompts: float = field(default=math.nan, metadata={"keys": ("with",)})
    without_prompts: float = field(default=math.nan, metadata={"keys": ("without",)})


@dataclass(frozen=True, kw_only=True)
class DevPoint(JsonObject):
    """An evaluation on dev.

    After an epoch, the base at epoch 0. loss: the epoch's, in training; dev_loss: that of the dev
    pairs, where it was computed.
    """

    epoch: float
    step: int
    ndcg: float = field(metadata={"keys": (PRIMARY,)})
    loss: float | None = field(default=None, metadata={"keys": ("loss", "train_loss")})
    dev_loss: float | None = None


@dataclass(frozen=True, kw_only=True)
class LossPoint(JsonObject):
    """The mean training loss since the point before.

    Of the steps up to this one.
    """

    step: int
    loss: float


@dataclass(frozen=True, kw_only=True)
class RecordedOptimizer(JsonObject):
    """The optimiser of a run, beside its recipe.

    What changes the weights after each batch.
    """

    name: str = ""
    betas: tuple[float, ...] = ()
    eps: float | None = None


@dataclass(frozen=True, kw_only=True)
class RecordedTandem(JsonObject):
    """The Tandem that trained.

    Its version, and where others find it.
    """

    version: str = ""
    url: str | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingSpeed(JsonObject):
    """Training pairs and encoded passages a second."""

    examples_per_second: float | None = None
    passages_per_second: float | None = None


@dataclass(frozen=True, kw_only=True)
class OnnxExport(JsonObject):
    """The int8 export of the tuned model.

    Its file, its size, and a metric beside fp32's.
    """

    file: str = ""
    sha256: str = ""
    bytes: int = 0
    metric: str = PRIMARY
    split: str = "dev"
    fp32: float = math.nan
    int8: float = math.nan


@dataclass(frozen=True, kw_only=True)
class RecordedCard(JsonObject):
    """What a person changed on the model card.

    None or empty where they changed nothing.
    """

    title: str | None = None
    license: str | None = None
    language: tuple[str, ...] = ()
    description: str | None = None
    datasets: tuple[str, ...] = ()
    private_data: bool | None = None


@dataclass(frozen=True, kw_only=True)
class PublishedFile(JsonObject):
    """A file of a publication with its hash and size."""

    path: str = ""
    sha256: str = ""
    bytes: int = 0


@dataclass(frozen=True, kw_only=True)
class PublishedCheck(JsonObject):
    """A published model, downloaded again.

    Files hashed, test queries asked again, same answers.
    """

    hashes: int = 0
    questions: int = 0
    same: int = 0
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Published(JsonObject):
    """A published commit of a run's model.

    To a repository of the Hub. pull_request: its address, None of a plain commit. at: when, in UTC.
    private: None where it was not known.
    """

    repo: str = ""
    url: str = ""
    revision: str = ""
    commit_url: str = ""
    pull_request: str | None = None
    private: bool | None = None
    at: str = ""
    verified: bool = False
    files: tuple[PublishedFile, ...] = ()
    checked: PublishedCheck | None = None
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class RecordedEstimate(JsonObject):
    """Recorded estimate of a run's seconds, least and most."""

    seconds: tuple[float, ...] = ()
