"""Stream the rows of a Hub data set.

By `datasets`; nothing stays on this machine. A data set's card says which files belong to it, and
may name a file of this machine or an address of this network: only files of the repository itself,
at one commit, are read.
"""

import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from corpus.records import CorpusError
from corpus.text import listed, shortened
from hub.client import Hub
from hub.errors import failure_of
from hub.tokens import hide_tokens

from .rows import Meter, OnBadRow, ReadLimits, Row, TooMuchError, refuse

TIMEOUT = 20.0
"""Seconds that the Hub has to answer a question."""
MOST_OF_A_CARD = 4 << 20
FOREIGN = re.compile(r"://|::|^[/\\~]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)")
"""What a name has that leads out of the repository: to this machine, or to another address."""


@dataclass(frozen=True)
class Repository:
    """One commit of it.

    Sha, files -> bytes, the card's fields.
    """

    id: str
    sha: str
    sizes: Mapping[str, int]
    card: Mapping[str, Any]

    def refuse_foreign(self) -> None:
        """Refuse a data set card that names foreign files.

        Or a script.
        """
        for text in _texts(self.card.get("configs")):
            if FOREIGN.search(text):
                raise CorpusError(f"The card of {self.id} names {text[:80]!r}, which is not a file "
                                  "of the data set: it is not read.")
        if f"{self.id.partition('/')[2]}.py" in self.sizes:
            raise CorpusError(f"{self.id} is read by a program of its own, which is not run here: "
                              "take a data set of JSON, CSV or Parquet files.")

    def default_configs(self) -> tuple[str, ...]:
        """The configs that are read where none is named.

        The first of them that there is.
        """
        return (*(str(config.get("config_name")) for config in self.card.get("configs") or ()
                  if isinstance(config, Mapping) and config.get("default")), "default")


def repository(id: str, revision: str | None, hub: Hub, folder: str) -> Repository:
    """Ask the Hub for it.

    What must be fetched is kept in `folder`.
    """
    from huggingface_hub import DatasetCard

    info = hub.api.dataset_info(id, revision=revision, files_metadata=True, timeout=TIMEOUT)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    card: dict[str, Any] = {}
    for name in ("README.md", ".huggingface.yaml"):
        if name not in sizes:
            continue
        if sizes[name] > MOST_OF_A_CARD:
            raise CorpusError(f"{id}: {name} has {sizes[name]:,} bytes, and the limit is "
                              f"{MOST_OF_A_CARD:,}.")
        path = hub.api.hf_hub_download(
            id, name, repo_type="dataset", revision=info.sha, cache_dir=folder)
        text = Path(path).read_text("utf-8", "replace")
        text = text if name == "README.md" else f"---\n{text}\n---\n"
        fields: Mapping[str, Any] = vars(DatasetCard(text, ignore_metadata_errors=True).data)
        card |= fields
    return Repository(id, str(info.sha), sizes, card)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts([*value.keys(), *value.values()])
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


UNREADABLE = (
    ({"EmptyDatasetError", "DataFilesNotFoundError"},
     "{name} holds no data files: take a data set of JSON, CSV or Parquet files."),
    ({"CastError", "DatasetGenerationCastError"},
     "The files of {name} have not all the same columns: choose a config whose files have."),
)
"""Errors of `datasets` about the files, by the names of their classes -> what to say of them."""
OF_THE_FILES = ("failed", "file", "not_the_hub", "refused_card")
"""Kinds of failure that come from what is in the files here, and not from the Hub."""


@contextmanager
def said(name: str) -> Iterator[None]:
    """Turn what the Hub's clients raise into a CorpusError.

    Each of them has errors of its own (httpx, fsspec, pandas, pyarrow), and errors of the Hub's
    client hold the request with its token: so all are replaced, and none is chained.
    """
    try:
        yield
    except CorpusError:
        raise
    except MemoryError:
        raise TooMuchError(f"{name} needs more memory than there is for it: take a smaller "
                           "split.") from None
    except Exception as error:
        raise CorpusError(_sentence(name, error)) from None


def _sentence(name: str, error: Exception) -> str:
    links = [error, error.__cause__, error.__context__]
    classes = {kind.__name__ for link in links for kind in type(link).__mro__}
    for known, sentence in UNREADABLE:
        if classes & known:
            return sentence.format(name=name)
    token = os.environ.get("HF_TOKEN")
    failure = failure_of(error, token)
    if failure.kind not in OF_THE_FILES:
        return failure.sentence(f"reading the data set {name}")
    text = hide_tokens(shortened(str(error), 200).rstrip("."), token)
    return f"{name} cannot be read ({type(error).__name__}): {text}."


PREFIXES = ("hf:", "https://huggingface.co/datasets/")
NAME = re.compile(r"([\w.-]{1,96}/[\w.-]{1,96})(?:(?:@|/tree/)([\w./-]{1,255}))?", re.ASCII)
BATCH = 256
KINDS = ("json", "csv", "parquet", "arrow", "text")
"""Builders of `datasets` that make tables of text."""
HF = "hf://datasets/"
_changing = threading.Lock()


@dataclass(frozen=True)
class HubData:
    """A data set of the Hub.

    What is None is looked up.
    """

    id: str
    config: str | None = None
    split: str | None = None
    revision: str | None = None

    def __str__(self) -> str:
        """As `parse` reads it."""
        return f"hf:{self.id}" + (f"@{self.revision}" if self.revision else "")


@dataclass(frozen=True)
class Choices:
    """What a data set offers.

    source: what is read, with the full hash of the commit; its config is None where one of
    `configs` must be chosen, its split where one of `splits` must be. splits: of that config.
    """

    source: HubData
    configs: tuple[str, ...]
    splits: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The choices as JSON holds them."""
        return {"source": str(self.source), "config": self.source.config,
                "split": self.source.split, "configs": list(self.configs),
                "splits": list(self.splits)}


def is_hub_source(source: str) -> bool:
    """Whether a source names a data set of the Hub.

    And no path.
    """
    return source.startswith(PREFIXES)


def parse(source: str, config: str | None = None, split: str | None = None) -> HubData:
    """`hf:OWNER/NAME`, with `@REVISION` or without.

    The address of its page will do as well.
    """
    prefix = next((prefix for prefix in PREFIXES if source.startswith(prefix)), "")
    found = NAME.fullmatch(source.removeprefix(prefix).rstrip("/"))
    if not prefix or not found or ".." in source:
        raise CorpusError(f"{source[:120]!r} names no data set of the Hub: write hf:OWNER/NAME, or "
                          "hf:OWNER/NAME@REVISION.")
    return HubData(found[1], config or None, split or None, found[2])


def hub_choices(source: HubData) -> Choices:
    """The configs and splits of a Hub data set.

    Splits of the config that is named or is the default.
    """
    with _opened(source) as opened:
        return opened.choices


def hub_rows(
    source: HubData, limits: ReadLimits, on_bad_row: OnBadRow = refuse
) -> Iterator[Row]:
    """The rows of one split, as they come.

    Text, numbers, truth values, lists of texts. Raises CorpusError when the Hub does not give it,
    when a config or split must be chosen, and TooMuchError when it has more bytes than the limit,
    or as soon as it turns out to.
    """
    with _opened(source) as opened:
        resolved = opened.choices.source
        name = f"{resolved.id} {resolved.split}"
        meter = Meter(name, limits)
        builder = opened.builder
        if builder is None or resolved.split is None:
            raise CorpusError(_ask(opened.choices))
        meter.hold(bytes=opened.bytes_of(builder.config.data_files[resolved.split]))
        with said(source.id):
            with _kept_in(opened.folder):
                rows = builder.as_streaming_dataset(split=resolved.split)
                if rows.features:
                    rows = rows.decode(False)  # a picture may name a file of this machine
            for fields in rows:
                meter.hold(columns=len(fields))
                meter.row(fields)
                yield f"{name} row {meter.rows}", _plain(fields)


@dataclass
class _Opened:
    """A data set whose config has been looked up; builder: None where none is chosen."""

    choices: Choices
    builder: Any
    sizes: Mapping[str, int]
    folder: str

    def bytes_of(self, files: Any) -> int:
        start = f"hf://datasets/{self.choices.source.id}@{self.choices.source.revision}/"
        return sum(self.sizes.get(str(file).removeprefix(start), 0) for file in files)


@contextmanager
def _opened(source: HubData) -> Iterator[_Opened]:
    hub = Hub.of(os.environ.get("HF_TOKEN"))  # not of whoever is signed in here
    token = hub.token
    with TemporaryDirectory(prefix="tandem-hub-") as folder, said(source.id):
        held = repository(source.id, source.revision, hub, folder)
        held.refuse_foreign()
        pinned = replace(source, revision=held.sha)
        with _kept_in(folder):
            configs, config = _configs(pinned, held, token, folder)
            builder = _builder(replace(pinned, config=config), token, folder) if config else None
        splits = tuple(str(split) for split in builder.config.data_files) if builder else ()
        chosen = replace(pinned, config=config, split=_split(pinned, splits) if builder else None)
        yield _Opened(Choices(chosen, configs, splits), builder, held.sizes, folder)


def _configs(
    source: HubData, held: Repository, token: str | bool, folder: str
) -> tuple[tuple[str, ...], str | None]:
    """The names of all configs, and the one to read where that is known."""
    from datasets import get_dataset_config_names

    names = tuple(get_dataset_config_names(
        HF + source.id, revision=source.revision, **_how(token, folder)))
    if source.config is not None and source.config not in names:
        raise CorpusError(f"{source.id} has no config {source.config[:80]!r}: it has "
                          f"{listed(names) or 'none'}.")
    if source.config is not None or len(names) == 1:
        return names, source.config or names[0]
    return names, next((name for name in held.default_configs() if name in names), None)


def _builder(source: HubData, token: str | bool, folder: str) -> Any:
    """What `datasets` reads the config with, once it is sure that it reads its own files only."""
    from datasets import load_dataset_builder
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES as MODULES

    builder = load_dataset_builder(HF + source.id, source.config, revision=source.revision,
                                   token=token, cache_dir=folder, **_how(token, folder))
    made_by = {kind.__module__ for kind in type(builder).__mro__}
    if not made_by & {MODULES[kind][0] for kind in KINDS}:
        raise CorpusError(f"{source.id} holds no tables: take a data set of JSON, CSV or Parquet "
                          "files.")
    start = f"{HF}{source.id}@{source.revision}/"
    for files in builder.config.data_files.values():
        for file in files:
            if not str(file).startswith(start) or "::" in str(file):
                raise CorpusError(f"{source.id} names {str(file)[:80]!r}, which is not a file of "
                                  "the data set: it is not read.")
    if hasattr(builder.config, "batch_size"):
        builder.config.batch_size = BATCH  # else a whole row group, of whatever size it is
    return builder


def _split(source: HubData, splits: tuple[str, ...]) -> str | None:
    if source.split is not None and source.split not in splits:
        raise CorpusError(f"{source.id} has no split {source.split[:80]!r}: it has "
                          f"{listed(splits) or 'none'}.")
    if source.split is not None or len(splits) == 1:
        return source.split or splits[0]
    return "train" if "train" in splits else None


def _how(token: str | bool, folder: str) -> dict[str, Any]:
    from datasets import DownloadConfig

    return {"download_config": DownloadConfig(
        cache_dir=Path(folder), token=token, max_retries=1, disable_tqdm=True)}


@contextmanager
def _kept_in(folder: str) -> Iterator[None]:
    """Have the clients keep what they fetch in a folder that goes: it may be private.

    Some of it they fetch without asking where to, so the place is changed for the whole process;
    so is that a stream of rows needs torch, which takes ten times as long to load as all else.
    """
    from datasets import config, disable_progress_bars
    from huggingface_hub import constants

    config.HF_UPDATE_DOWNLOAD_COUNTS = False  # it tells another host the name
    config.STREAMING_READ_MAX_RETRIES = config.STREAMING_OPEN_MAX_RETRIES = 2
    config.STREAMING_READ_SERVER_UNAVAILABLE_RETRY_INTERVAL = 5
    config.STREAMING_READ_RATE_LIMIT_RETRY_INTERVAL = 5
    disable_progress_bars()
    with _changing:
        usual = constants.HF_HUB_CACHE, config.TORCH_AVAILABLE
        constants.HF_HUB_CACHE, config.TORCH_AVAILABLE = folder, False
        try:
            yield
        finally:
            constants.HF_HUB_CACHE, config.TORCH_AVAILABLE = usual


def _ask(choices: Choices) -> str:
    name = choices.source.id
    if choices.source.config is None:
        return f"{name} has several configs: choose one of {listed(choices.configs)}."
    return f"{name} has several splits: choose one of {listed(choices.splits)}."


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A row without what is neither text, a number, a truth value, a date, nor made of these."""
    return {name: str(value) if isinstance(value, date | Decimal) else value
            for name, value in fields.items()
            if value is None or isinstance(value, str | int | float | date | Decimal)
            or isinstance(value, list | dict) and _is_plain(value) and _has_text(value)}


def _is_plain(value: object, depth: int = 0) -> bool:
    """Whether lists and objects hold nothing but texts, numbers and the like."""
    if isinstance(value, dict) and "bytes" in value and "path" in value:
        return False  # a picture or a sound, whose path may be one of this machine
    if isinstance(value, list | dict):
        parts = value.values() if isinstance(value, dict) else value
        return depth < 6 and all(_is_plain(part, depth + 1) for part in parts)
    return value is None or isinstance(value, str | int | float)


def _has_text(value: object) -> bool:
    """Whether there is a text in it, or nothing at all."""
    parts = list(value.values() if isinstance(value, dict) else value) if isinstance(
        value, list | dict) else []
    return isinstance(value, str) or value in ([], {}) or any(map(_has_text, parts))
