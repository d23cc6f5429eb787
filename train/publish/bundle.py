"""What is published.

The files, their hashes, and a record without anything of this machine.
"""

import contextlib
import csv
import hashlib
import io
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub.tokens import hide_tokens
from retrieval.metrics import METRICS
from retrieval.models import file_sha256
from train.report.card import model_card
from train.report.card_metadata import CardEdits
from train.run.files import write_json, write_text
from train.run.record import Run, RunRecord

from .errors import PublishError

CARD, RECORD, FIGURES = "README.md", "run.json", "metrics.csv"
SUFFIXES = (".safetensors", ".json", ".txt", ".model")
"""Of a saved model: weights, configuration, tokenizer. Nothing that can run code is sent."""
KEPT_HERE = ("owner", "process", "published", "error")
"""Of a record: whose the run was and where it ran is nobody's business."""
AS_THEY_ARE = ("samples", "widget", "versions", "metrics", "fingerprints", "architecture", "card")
"""Of a record: figures, what somebody wrote for the card, and texts that may be shown."""
PATH = re.compile(r"(?<![\w:/.<])(?:~[\w-]*|[A-Za-z]:)?[/\\](?:[^/\\\s'\"]+[/\\])*([^/\\\s'\"]*)")
ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b|[\w.+-]+@[\w-]+(?:\.[\w-]+)+")


@dataclass(frozen=True)
class Item:
    """A file that is sent. path: in the repository.

    Sha256: hex.
    """

    path: str
    file: Path
    sha256: str
    bytes: int

    @classmethod
    def of(cls, path: str, file: Path) -> "Item":
        """A file on disk, hashed."""
        return cls(path, file, file_sha256(file), file.stat().st_size)

    def blob_id(self) -> str:
        """What git calls the content.

        How the Hub names a file that is not large.
        """
        content = self.file.read_bytes()
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False
                            ).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """A published file as command line and record write it."""
        return {"path": self.path, "sha256": self.sha256, "bytes": self.bytes}


@dataclass(frozen=True)
class Bundle:
    """All that is published of a run, in a folder.

    card: the generated one.
    """

    folder: Path
    items: tuple[Item, ...]
    card: str

    @property
    def bytes(self) -> int:
        """How large it is."""
        return sum(item.bytes for item in self.items)

    def item(self, path: str) -> Item | None:
        """A file by its path."""
        return next((item for item in self.items if item.path == path), None)

    def with_card(self, text: str | None) -> "Bundle":
        """The parcel with another card, or with none."""
        rest = tuple(item for item in self.items if item.path != CARD)
        if text is None:
            return Bundle(self.folder, rest, self.card)
        write_text(self.folder / CARD, text)
        return Bundle(self.folder, (Item.of(CARD, self.folder / CARD), *rest), self.card)


def pack(
    run: Run, repo: str, folder: Path, extra: Mapping[str, Path] | None = None, link: bool = False
) -> Bundle:
    """Write what is published of a run to a folder.

    An empty one. extra: path in the repository -> file. link: do not copy the model where that can
    be avoided; for a folder that nobody writes to. Raises PublishError when the run has no model,
    no figures, or no licence to be published under.
    """
    record = run.record()
    check_publishable(run, record)
    folder.mkdir(parents=True, exist_ok=True)
    files = _model_files(run.model) | dict(extra or {})
    for path, file in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        _put(file, place, link)
    public = published_record(record)
    if (public.get("onnx") or {}).get("file") not in files:
        public.pop("onnx", None)  # it is not sent this time
    card = model_card(RunRecord.from_json(public), repo)
    public["card_sha256"] = hashlib.sha256(card.encode()).hexdigest()
    public["files"] = sorted([*files, CARD, RECORD, FIGURES])
    write_text(folder / CARD, card)
    write_text(folder / FIGURES, metrics_csv(record))
    write_json(folder / RECORD, public)
    return Bundle(folder, tuple(Item.of(path, folder / path) for path in public["files"]), card)


def _put(file: Path, place: Path, link: bool) -> None:
    if link:
        with contextlib.suppress(OSError):  # another disk, or a file system without links
            place.hardlink_to(file)
            return
    shutil.copyfile(file, place)


def check_publishable(run: Run, record: RunRecord) -> None:
    """Refuse a run that cannot be published.

    It has nothing to publish, or nobody knows under which licence.
    """
    if not record.is_usable or not run.has_model or not record.metrics:
        raise PublishError(
            f"The run {run.id} is {record.status} and has no measured model: there is nothing "
            "to publish. Let it finish, or resume it.", "nothing")
    if CardEdits.of(record).license is None:
        raise PublishError(
            f"The licence of {record.base_model.name} is not known: say under which licence "
            "the model is published (apache-2.0, mit, cc-by-4.0, other, …).", "license")


def _model_files(model: Path) -> dict[str, Path]:
    files = {
        path.relative_to(model).as_posix(): path
        for path in sorted(model.rglob("*"))
        if path.is_file() and path.suffix in SUFFIXES
        and not any(part.startswith(".") for part in path.relative_to(model).parts)
    }
    if not any(path.endswith(".safetensors") for path in files):
        raise PublishError(f"{model.name} of the run has no safetensors weights: train it again.",
                           "nothing")
    return {path: file for path, file in files.items() if path not in (CARD, RECORD, FIGURES)}


def published_record(record: RunRecord) -> dict[str, Any]:
    """A record for everybody.

    No owner, no path of this machine, no address, no token. When the data is private, its texts are
    left out too.
    """
    kept = record.to_json()
    public = {key: _public(value) for key, value in kept.items()
              if key not in KEPT_HERE and key not in AS_THEY_ARE}
    public |= {key: kept[key] for key in AS_THEY_ARE if key in kept}
    public["data"]["name"] = record.data.name  # as somebody called it
    private = bool(CardEdits.of(record).private_data)
    public["card"] = record.card.to_json() | {"private_data": private}
    for key in ("samples", "widget") if private else ():
        public["data"].pop(key, None)
    return public


def card_text(record: RunRecord, repo: str | None) -> str:
    """The card of a run exactly as it is published."""
    return model_card(RunRecord.from_json(published_record(record)), repo)


def _public(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: part if key in AS_THEY_ARE else _public(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_public(part) for part in value]
    if not isinstance(value, str):
        return value
    return ADDRESS.sub("(address)", hide_tokens(PATH.sub(r"\1", value)))


def metrics_csv(record: RunRecord) -> str:
    """Every figure of dev and test as CSV.

    Where an earlier split gives questions away, those of the others too, as `test unseen`.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["split", "metric", "base", "tuned", "difference", "low", "high", "p"])
    sides = {split: record.metrics[split] for split in ("test", "dev")}
    unseen = {f"{split} unseen": figures.unseen for split, figures in sides.items()
              if figures.unseen}
    for split, figures in (sides | unseen).items():
        for name in METRICS:
            gap = figures.difference[name]
            writer.writerow([split, name, figures.base[name], figures.tuned[name],
                             gap.value, gap.low, gap.high, gap.p])
    return text.getvalue()
