"""Files to a repository.

Made if it is new, uploaded with progress, one commit at the end. One commit, and whether it landed:
its answer can be lost on the way back.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any

from hub.client import Hub, Meter, MeteredFile
from hub.errors import PASSING, Failure, HubError
from hub.progress import Progress, mapped

from .bundle import Item
from .errors import PublishError
from .permissions import Target, look
from .remote import RemoteRepo
from .steps import Step

KEPT = ("Nothing was published. What the Hub has already, {} itself included, is kept for the next "
        "try.")
MADE = (*PASSING, "conflict", "not_the_hub")
"""Kinds of failure after which a repository may have been made all the same."""


def create(hub: Hub, target: Target, private: bool, **options: Any) -> Target:
    """Make a repository.

    When the answer is lost, look whether it is there. options: of `create_repo`. PublishError when
    it is not there, or public against the wish.
    """
    repo_id, kind = target.repo_id, target.repo_type
    found = hub.attempt(lambda: hub.api.create_repo(
        repo_id, private=private, repo_type=kind, exist_ok=False, **options))
    if not isinstance(found, Failure) or found.kind in MADE:
        target = _made(hub, target, tries=1 if isinstance(found, Failure) else hub.patience.tries)
    if isinstance(found, Failure) and not target.exists:
        raise PublishError(
            f"{found.sentence(f'creating {repo_id}')} Nothing was published.",
            "refused_name" if found.status == 400 else found.kind, False, found.retry_after)
    if not target.exists:
        raise PublishError(f"{repo_id} was created, but the Hub does not show it yet: nothing was "
                           "sent. Publish again in a minute.", "not_found")
    if private and not target.private:
        raise PublishError(f"{repo_id} was created, but it is public: nothing was sent. Make it "
                           "private in its settings on the Hub.", "public")
    return target


def _made(hub: Hub, target: Target, tries: int) -> Target:
    """A repository that was just made: it may take the Hub a moment to show it."""
    for number in range(tries):
        found = look(hub, target.repo_id, target.repo_type)
        if found.exists or number + 1 == tries or hub.rest(hub.patience.pause * 2**number):
            break
    return found


def send(
    hub: Hub,
    target: Target,
    items: list[Item],
    stale: Iterable[str],
    message: str,
    pull_request: bool = False,
) -> Generator[Step, None, tuple[str, str | None]]:
    """Upload what the Hub lacks, then commit all.

    Deletes what is stale. Yields steps; returns the commit's id and the pull request's address.
    PublishError says that nothing is published, or that it is not known.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    files = [MeteredFile(item.file, item.path) for item in items]
    try:
        adds = [CommitOperationAdd(file.path_in_repo, file) for file in files]
        meter = Meter(total=sum(item.bytes for item in items))
        for file in files:
            file.meter = meter
        yield Step("upload", Progress(0, meter.total))
        yield from _upload(hub, target, adds, meter, pull_request)
        if hub.should_stop():
            raise PublishError.of(Failure("cancelled"), "uploading", KEPT.format(target.repo_id))
        yield Step("commit")
        for file in files:
            file.meter = None
        deletes = [CommitOperationDelete(path) for path in stale]
        return Commit(hub, target, items, message, pull_request).commit([*adds, *deletes])
    finally:
        for file in files:
            file.close()


def _upload(
    hub: Hub, target: Target, adds: list[Any], meter: Meter, pull_request: bool
) -> Generator[Step, None, None]:
    def upload() -> None:
        for add in adds:
            add.path_or_fileobj.seek(0)  # the client leaves a file where it failed
        hub.api.preupload_lfs_files(
            target.repo_id, adds, repo_type=target.repo_type, num_threads=2, free_memory=False,
            create_pr=pull_request)

    for number in range(1, hub.patience.tries + 1):
        found = yield from mapped(hub.watch(upload, meter),
                                  lambda _: Step("upload", meter.progress))
        # 400: what arrived is not what was announced, as when it was cut off on the way.
        if not isinstance(found, Failure) or found.status != 400 or meter.given_up:
            break
        if number < hub.patience.tries:
            hub.rest(hub.patience.pause * 2**number)
    if isinstance(found, Failure):
        raise PublishError.of(found, "uploading", KEPT.format(target.repo_id))
    yield Step("upload", Progress(meter.total, meter.total))


NEWEST = 20
"""How many commits back one's own is looked for."""
LOST = (*PASSING, "not_the_hub", "cancelled")
"""Kinds of failure after which the commit may be there all the same."""


@dataclass
class Commit:
    """A commit to one repository. items: what it adds.

    message: its first line.
    """

    hub: Hub
    target: Target
    items: list[Item]
    message: str
    pull_request: bool

    def commit(self, operations: list[Any]) -> tuple[str, str | None]:
        """Commit; its id and the address of the pull request.

        When no answer comes it looks whether the commit is there, before it is made again; one on
        the same parent cannot land twice. A pull request, which could, is not made again.
        PublishError says whether anything is published.
        """
        before = self._pulls() if self.pull_request else {}
        for number in range(self.hub.patience.tries):
            found = self._once(operations)
            if not isinstance(found, Failure):
                return str(found.oid), found.pr_url
            if found.kind in LOST or (number and found.kind == "moved"):
                landed = self._find(before, found)
                if landed is not None:
                    return landed
            if not found.passing or self.pull_request:
                break
            if (found.retry_after or 0) > self.hub.patience.longest_wait or self.hub.rest(
                    found.retry_after or self.hub.patience.pause * 2**number):
                break
        raise PublishError.of(found, "committing", "Nothing was published; what was uploaded is "
                              "kept for the next try.")

    def _once(self, operations: list[Any]) -> Any:
        api, repo_id = self.hub.api, self.target.repo_id
        return self.hub.committing().once(lambda: api.create_commit(
            repo_id, operations, commit_message=self.message, parent_commit=self.target.head,
            create_pr=self.pull_request, repo_type=self.target.repo_type, num_threads=2))

    def _find(self, before: dict[str, str], why: Failure) -> tuple[str, str | None] | None:
        """The commit, if it is there; None if it surely is not."""
        try:
            if self.pull_request:
                return self._find_pull(before)
            return self._find_commit()
        except HubError:
            raise PublishError.of(
                why, "committing", f"It is not known whether {self.target.repo_id} was changed. "
                "Publish again: nothing is published twice.", None) from None

    def _find_commit(self) -> tuple[str, None] | None:
        head = look(self.hub.committing(), self.target.repo_id, self.target.repo_type).head
        if head is None or head == self.target.head:
            return None
        for revision in self._since(head):
            if self._is_ours(revision):
                return revision, None
        return None

    def _since(self, head: str) -> Iterable[str]:
        """The commits after the one that was built upon, the oldest first."""
        hub, repo_id = self.hub.committing(), self.target.repo_id
        listed = hub.ask("looking for the commit", lambda: [
            commit.commit_id for commit in hub.api.list_repo_commits(
                repo_id, repo_type=self.target.repo_type)[:NEWEST]])
        newer = listed[: listed.index(self.target.head)] if self.target.head in listed else [head]
        return reversed(newer)

    def _find_pull(self, before: dict[str, str]) -> tuple[str, str] | None:
        for ref, revision in self._pulls().items():
            if ref not in before and self._is_ours(revision):
                number = ref.rsplit("/", 1)[-1]
                place = f"{self.hub.endpoint}/{self.target.repo_id}/discussions/{number}"
                return revision, place
        return None

    def _pulls(self) -> dict[str, str]:
        hub, repo_id = self.hub.committing(), self.target.repo_id
        refs = hub.ask("looking at the pull requests", lambda: hub.api.list_repo_refs(
            repo_id, repo_type=self.target.repo_type, include_pull_requests=True))
        return {ref.ref: ref.target_commit for ref in refs.pull_requests or []}

    def _is_ours(self, revision: str) -> bool:
        remote = RemoteRepo.at(self.hub.committing(), self.target, revision)
        return not remote.changed(tuple(self.items))
