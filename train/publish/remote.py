"""What a repository holds already, and whose it is.

A card that somebody edited on the Hub: what is different, and putting both together.
"""

import difflib
import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

from hub.client import Hub, Meter
from train.report.card import model_card
from train.run.record import RunRecord
from train.run.schema import JsonObject

from .bundle import CARD, RECORD, Item
from .errors import PublishError
from .permissions import Target

OF_THE_HUB = (".gitattributes", CARD)
"""What a repository has that nobody put anything into."""
LARGEST_TEXT = 5_000_000


class EditedCardError(PublishError):
    """The card on the Hub was edited.

    Somebody must say what becomes of it. diff: what publishing would change, unified. theirs: the
    card there. ours: that of the run.
    """

    def __init__(self, sentence: str, diff: str, theirs: str, ours: str) -> None:
        """Keep both cards and the difference."""
        super().__init__(sentence, "edited")
        self.args = (sentence, diff, theirs, ours)
        self.diff, self.theirs, self.ours = diff, theirs, ours


@dataclass(frozen=True, kw_only=True)
class Named(JsonObject):
    """A base model or a corpus by its name."""

    name: str


@dataclass(frozen=True, kw_only=True)
class PublishedRecord(JsonObject):
    """The record that Tandem published in a repository.

    Only what tells whose it is: the rest may be of another version. files: that were published.
    card_sha256: of the card as it was generated.
    """

    schema: int
    base_model: Named
    data: Named
    files: tuple[str, ...]
    card_sha256: str = ""

    @property
    def model(self) -> str:
        """The model it is of, as `model_of` says it."""
        return model_of(self.base_model.name, self.data.name)


@dataclass(frozen=True)
class RemoteRepo:
    """The files of a revision.

    Path -> SHA-256 of a large file, git's blob id of any other. record: the `run.json` of what
    Tandem published there, None where it did not.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    record: PublishedRecord | None = None
    card: str | None = None

    @classmethod
    def at(cls, hub: Hub, target: Target, revision: str | None = None) -> "RemoteRepo":
        """List a revision, the newest if none is given.

        Then its record and card are read too.
        """
        from huggingface_hub.hf_api import RepoFile

        repo_id, commit = target.repo_id, revision or target.head
        listed = hub.ask(f"listing {repo_id}", lambda: [
            (entry.path, entry.lfs.sha256 if entry.lfs else entry.blob_id)
            for entry in hub.api.list_repo_tree(repo_id, recursive=True, revision=commit,
                                                repo_type=target.repo_type)
            if isinstance(entry, RepoFile)
        ])
        files = dict(listed)
        if revision is not None or target.repo_type != "model":
            return cls(files)
        texts = {path: _text(hub, target, path) for path in (CARD, RECORD) if path in files}
        return cls(files, _record(texts.get(RECORD)), texts.get(CARD))

    def has(self, item: Item) -> bool:
        """Whether a file is there as it is here."""
        found = self.files.get(item.path)
        return found is not None and (found == item.sha256 or found == item.blob_id())

    def changed(self, items: Iterable[Item]) -> set[str]:
        """Paths of files that are new or changed there."""
        return {item.path for item in items if not self.has(item)}

    def stale(self, items: Iterable[Item]) -> tuple[str, ...]:
        """Published files that this publication has no more."""
        sent = {item.path for item in items} | {CARD}
        ours = self.record.files if self.record else ()
        return tuple(sorted(path for path in ours if path in self.files and path not in sent))

    def check_ours(self, repo_id: str, record: RunRecord) -> None:
        """Refuse to publish over another model.

        Over anything but an earlier version of the same. record: of the run that is to be
        published.
        """
        others = sorted(set(self.files) - set(OF_THE_HUB))
        ours = model_of(record.base_model.name, record.data.name)
        if not others or (self.record and self.record.model == ours):
            return
        shown = ", ".join(others[:5]) + (" …" if len(others) > 5 else "")
        what = (f"another model, {self.record.model}" if self.record
                else f"something that Tandem did not publish ({shown})")
        raise PublishError(
            f"{repo_id} holds {what}. Take another name, make it a pull request, or say that it "
            "may be published over.", "other_content")


def model_of(base: str, data: str) -> str:
    """The model of a base and data, across its versions."""
    return f"{PurePath(base).name} fine-tuned on {data}"


def reconcile_card(
    hub: Hub, target: Target, remote: RemoteRepo, ours: str, on_edited: str
) -> str | None:
    """The card to publish: ours, or both together.

    None to leave the one that is there. on_edited: `ask`, `keep`, `replace` or `merge`.
    EditedCardError with the difference when it is `ask`, or when both changed the same lines.
    """
    theirs = remote.card
    if theirs is None or theirs == ours or on_edited == "replace":
        return ours
    if remote.record and remote.record.card_sha256 == hashlib.sha256(theirs.encode()).hexdigest():
        return ours  # as it was generated: nobody edited it
    if on_edited == "keep":
        return None
    said = f"The card of {target.repo_id} was edited on the Hub"
    if remote.record is None:
        said = f"{target.repo_id} has a card that Tandem did not write"
    if on_edited == "merge":
        ancestor = _generated(remote.record, target.repo_id) if remote.record else None
        merged = merge(ancestor, theirs, ours) if ancestor is not None else None
        if merged is not None:
            return merged
        said += ", where this run changes it too, so they cannot be put together"
    raise EditedCardError(
        f"{said}. Keep it, replace it, or merge by hand. Nothing was published.",
        difference(theirs, ours), theirs, ours)


def _generated(published: PublishedRecord, repo_id: str) -> str | None:
    """The card as it was generated from a published record; None if this Tandem writes another."""
    kept, data = published.to_json(), published.data.to_json()
    shown = "samples" in data or "widget" in data
    try:
        edits = {"private_data": not shown} | dict(kept.get("card") or {})
        card = model_card(RunRecord.from_json(kept | {"card": edits}), repo_id)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    same = hashlib.sha256(card.encode()).hexdigest() == published.card_sha256
    return card if same else None


def _text(hub: Hub, target: Target, path: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "file"
        hub.ask(f"reading {path} of {target.repo_id}",
                lambda: hub.fetch(target.repo_id, str(target.head), path, place, Meter()))
        if place.stat().st_size > LARGEST_TEXT:
            raise PublishError(f"{path} of {target.repo_id} is too large to be a card or a record. "
                               "Take another name.", "other_content")
        return place.read_text("utf-8", "replace")


def _record(text: str | None) -> PublishedRecord | None:
    """A `run.json` that Tandem published; None for any other."""
    try:
        return PublishedRecord.from_json(json.loads(text or ""))
    except (ValueError, RecursionError):
        return None


def difference(theirs: str, ours: str) -> str:
    """What publishing changes on the Hub's card, as diff."""
    return "".join(difflib.unified_diff(
        theirs.splitlines(keepends=True), ours.splitlines(keepends=True),
        "README.md on the Hub", "README.md of this run"))


def merge(ancestor: str, theirs: str, ours: str) -> str | None:
    """A three-way merge by lines.

    Both changes to the ancestor; None where they meet. ancestor: the card as it was generated last.
    theirs: that card as edited. ours: the new one.
    """
    base = ancestor.splitlines(keepends=True)
    sides = [text.splitlines(keepends=True) for text in (theirs, ours)]
    changes = sorted(
        (low, high, side, sides[side][start:end])
        for side in (0, 1)
        for low, high, start, end in _changes(base, sides[side])
    )
    merged: list[str] = []
    at, last = 0, None
    for low, high, side, lines in changes:
        if last is not None and (low, high, lines) == last[:3]:
            continue  # both made the same change
        if last is not None and side != last[3] and low <= last[1]:
            return None
        merged += base[at:low] + lines
        at, last = high, (low, high, lines, side)
    return "".join(merged + base[at:])


def _changes(base: Sequence[str], side: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Which lines of the ancestor (low, high) a side replaced by which of its own."""
    found = difflib.SequenceMatcher(None, base, side, autojunk=False).get_opcodes()
    return [(low, high, start, end) for kind, low, high, start, end in found if kind != "equal"]
