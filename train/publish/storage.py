"""Files in a private repository or bucket of the Hub."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Protocol

from hub.client import Hub, Meter
from hub.errors import Failure
from hub.progress import drained

from .bundle import Item
from .commit import create, send
from .errors import PublishError
from .permissions import Target, check_may_write, check_repo_id, look
from .remote import OF_THE_HUB, RemoteRepo

if TYPE_CHECKING:
    from huggingface_hub import BucketFile

Adds = list[tuple[str | Path | bytes, str]]
"""Files, each with its path in a bucket."""
NAMED = re.compile(r"(?:hf://)?(?:(buckets|datasets)/)?([^/]+/[^/]+)")
BUCKET = "buckets/"


class Storage(Protocol):
    """A private repository or bucket, as files by path."""

    @property
    def name(self) -> str:
        """How the repository or bucket is named."""

    def prepare(self) -> None:
        """Make the repository if it is not there.

        PublishError where it is public, or may not be written.
        """

    def files(self) -> dict[str, int]:
        """The files in it: path -> size in bytes."""

    def put(self, files: Mapping[str, Path], deleted: Iterable[str], last: str) -> None:
        """Write files by path, and delete others.

        `last` is written when the others are there.
        """

    def fetch(self, paths: Iterable[str], folder: Path) -> None:
        """Download files into a folder, each at its path."""


def storage(hub: Hub, name: str) -> Storage:
    """The repository or bucket of a name.

    `owner/name` is a data set, `buckets/owner/name` a bucket. PublishError for any other.
    """
    found = NAMED.fullmatch(name.strip())
    if found is None:
        raise PublishError(f"{name!r:.120} is no place for runs: give owner/name of a private data "
                           "set repository, or buckets/owner/name.", "refused_name")
    repo_id = check_repo_id(found[2])
    return BucketStorage(hub, repo_id) if found[1] == "buckets" else DatasetStorage(hub, repo_id)


@dataclass
class DatasetStorage:
    """Files in a private data set repository.

    A commit for each change.
    """

    hub: Hub
    repo_id: str

    @property
    def name(self) -> str:
        """How it is named."""
        return self.repo_id

    def prepare(self) -> None:
        """Make the repository if it is not there.

        PublishError where it is public, or may not be written.
        """
        target = check_may_write(self.hub, self.repo_id, private=True, repo_type="dataset")
        if not target.exists:
            create(self.hub, target, private=True)

    def _target(self) -> Target:
        target = look(self.hub, self.repo_id, "dataset")
        if not target.exists:
            raise PublishError(f"There is no data set {self.repo_id} any more.", "not_found")
        if not target.private:
            raise PublishError(f"{self.repo_id} is public now: nothing more is kept there. Make it "
                               "private in its settings on the Hub.", "public")
        return target

    def files(self) -> dict[str, int]:
        """The files in it: path -> size in bytes."""
        from huggingface_hub.hf_api import RepoFile

        head = self._target().head
        return self.hub.ask(f"listing {self.repo_id}", lambda: {
            entry.path: entry.size for entry in self.hub.api.list_repo_tree(
                self.repo_id, recursive=True, revision=head, repo_type="dataset")
            if isinstance(entry, RepoFile) and entry.path not in OF_THE_HUB})

    def put(self, files: Mapping[str, Path], deleted: Iterable[str], last: str) -> None:
        """Write files by path and delete others.

        In one commit.
        """
        target = self._target()
        remote = RemoteRepo.at(self.hub, target)
        items = [Item.of(path, file) for path, file in files.items()]
        changed = remote.changed(items)
        stale = [path for path in deleted if path in remote.files]
        if changed or stale:
            wanted = [item for item in items if item.path in changed]
            drained(send(self.hub, target, wanted, stale, f"Keep {PurePosixPath(last).parent.name}"
                         if wanted else "Delete what is deleted"))

    def fetch(self, paths: Iterable[str], folder: Path) -> None:
        """Download files into a folder, each at its path.

        Their hashes are compared.
        """
        target = self._target()
        remote = RemoteRepo.at(self.hub, target)
        for path in paths:
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            sha256 = self._fetched(target, path, place)
            if not remote.has(Item(path, place, sha256, place.stat().st_size)):
                raise PublishError(f"{path} of {self.repo_id} came other than it is there.",
                                   "differs")

    def _fetched(self, target: Target, path: str, place: Path) -> str:
        meter = Meter()

        def fetch() -> str:
            return self.hub.fetch(self.repo_id, str(target.head), path, place, meter, "dataset")

        number = 1
        while isinstance(found := drained(self.hub.watch(fetch, meter)), Failure):
            if not found.passing or number == self.hub.patience.tries:
                raise PublishError.of(found, f"reading {path} of {self.repo_id}")
            self.hub.rest(self.hub.patience.pause * 2**number)
            number += 1
        return found


@dataclass
class BucketStorage:
    """Files in a private bucket.

    It knows no commits: what shall be seen last is written last.
    """

    hub: Hub
    bucket_id: str

    @property
    def name(self) -> str:
        """How it is named."""
        return BUCKET + self.bucket_id

    def prepare(self) -> None:
        """Make the repository if it is not there.

        PublishError where it is public, or may not be written.
        """
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()
        found = self.hub.attempt(lambda: self.hub.api.bucket_info(self.bucket_id))
        if isinstance(found, Failure) and found.kind == "not_found":
            self.hub.ask(f"making the bucket {self.bucket_id}", lambda: self.hub.api.create_bucket(
                self.bucket_id, private=True, exist_ok=True))
            found = self.hub.attempt(lambda: self.hub.api.bucket_info(self.bucket_id))
        if isinstance(found, Failure):
            raise PublishError.of(found, f"looking at the bucket {self.bucket_id}")
        if not found.private:
            raise PublishError(f"The bucket {self.bucket_id} is public: nothing is kept there. "
                               "Make it private in its settings on the Hub, or take another.",
                               "public")

    def files(self) -> dict[str, int]:
        """The files in it: path -> size in bytes."""
        from huggingface_hub import BucketFile

        return self.hub.ask(f"listing {self.name}", lambda: {
            entry.path: entry.size for entry in self.hub.api.list_bucket_tree(
                self.bucket_id, recursive=True) if isinstance(entry, BucketFile)})

    def put(self, files: Mapping[str, Path], deleted: Iterable[str], last: str) -> None:
        """Write files by path, `last` at the end.

        Then delete others.
        """
        there = self.files()
        stale = [path for path in deleted if path in there]
        first: Adds = [(file, path) for path, file in files.items() if path != last]
        if last in stale:  # so that a half deleted run is none
            self._batch(delete=[last])
            stale.remove(last)
        if first:
            self._batch(add=first)
        if last in files:
            self._batch(add=[(files[last], last)])
        if stale:
            self._batch(delete=stale)

    def _batch(self, add: "Adds | None" = None, delete: list[str] | None = None) -> None:
        found = self.hub.call(lambda: self.hub.api.batch_bucket_files(
            self.bucket_id, add=add, delete=delete))
        if isinstance(found, Failure):
            raise PublishError.of(found, f"writing to {self.name}")

    def fetch(self, paths: Iterable[str], folder: Path) -> None:
        """Download files into a folder, each at its path.

        The client of xet checks what comes.
        """
        wanted: list[tuple[str | BucketFile, str | Path]] = []
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            wanted.append((path, folder / path))
        found = self.hub.call(lambda: self.hub.api.download_bucket_files(
            self.bucket_id, wanted, raise_on_missing_files=True))
        if isinstance(found, Failure):
            raise PublishError.of(found, f"reading from {self.name}")
