"""A data set's repository on the Hub: its commit, its files, and what its card says of them."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..records import CorpusError

TIMEOUT = 20.0
"""Seconds that the Hub has to answer a question."""
MOST_OF_A_CARD = 4 << 20
FOREIGN = re.compile(r"://|::|^[/\\~]|^[A-Za-z]:|(^|[/\\])\.\.([/\\]|$)")
"""What a name has that leads out of the repository: to this machine, or to another address."""


@dataclass(frozen=True)
class Repository:
    """One commit of it: sha, files -> bytes, the card's fields."""

    id: str
    sha: str
    sizes: Mapping[str, int]
    card: Mapping[str, Any]

    def refuse_foreign(self) -> None:
        """Refuse a card whose configs name what is not the repository's own, or a script."""
        for text in _texts(self.card.get("configs")):
            if FOREIGN.search(text):
                raise CorpusError(f"The card of {self.id} names {text[:80]!r}, which is not a file "
                                  "of the data set: it is not read.")
        if f"{self.id.partition('/')[2]}.py" in self.sizes:
            raise CorpusError(f"{self.id} is read by a program of its own, which is not run here: "
                              "take a data set of JSON, CSV or Parquet files.")

    def default_configs(self) -> tuple[str, ...]:
        """The configs that are read where none is named: the first of them that there is."""
        return (*(str(config.get("config_name")) for config in self.card.get("configs") or ()
                  if isinstance(config, Mapping) and config.get("default")), "default")


def repository(id: str, revision: str | None, token: str | bool, folder: str) -> Repository:
    """Ask the Hub for it; what must be fetched is kept in `folder`."""
    from huggingface_hub import DatasetCard, HfApi, hf_hub_download

    info = HfApi(token=token).dataset_info(
        id, revision=revision, files_metadata=True, timeout=TIMEOUT)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    card: dict[str, Any] = {}
    for name in ("README.md", ".huggingface.yaml"):
        if name not in sizes:
            continue
        if sizes[name] > MOST_OF_A_CARD:
            raise CorpusError(f"{id}: {name} has {sizes[name]:,} bytes, and the limit is "
                              f"{MOST_OF_A_CARD:,}.")
        path = hf_hub_download(
            id, name, repo_type="dataset", revision=info.sha, token=token, cache_dir=folder)
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
