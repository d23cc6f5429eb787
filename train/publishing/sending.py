"""Files to a repository: made if it is new, uploaded with progress, one commit at the end."""

from collections.abc import Generator, Iterable
from typing import Any

from ..hub import Hub, Meter, MeteredFile
from ..hub_errors import PASSING, Failure, PublishError
from .landing import Landing
from .may_write import Target, look
from .parcel import Item

Event = dict[str, Any]
MADE = (*PASSING, "conflict", "not_the_hub")
"""Kinds of failure after which a repository may have been made all the same."""


def create(hub: Hub, target: Target, private: bool, **options: Any) -> Target:
    """Make a repository; when the answer is lost, look whether it is there.

    options: of `create_repo`. PublishError when it is not there, or public against the wish.
    """
    repo_id, kind = target.repo_id, target.repo_type
    found = hub.attempt(lambda: hub.api.create_repo(
        repo_id, private=private, repo_type=kind, exist_ok=False, **options))
    if not isinstance(found, Failure) or found.kind in MADE:
        target = look(hub, repo_id, kind)
    if isinstance(found, Failure) and not target.exists:
        raise PublishError(
            f"{found.sentence(f'creating {repo_id}')} Nothing was published.",
            "refused_name" if found.status == 400 else found.kind, False, found.retry_after)
    if private and not target.private:
        raise PublishError(f"{repo_id} was created, but it is public: nothing was sent. Make it "
                           "private in its settings on the Hub.", "public")
    return target


def send(
    hub: Hub,
    target: Target,
    items: list[Item],
    stale: Iterable[str],
    message: str,
    pull_request: bool = False,
) -> Generator[Event, None, tuple[str, str | None]]:
    """Upload what the Hub has not got, then commit all of it and delete what is stale.

    Yields `phase` and `progress` events; returns the commit's id and the pull request's address.
    PublishError says that nothing is published, or that it is not known.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    files = [MeteredFile(item.file, item.path) for item in items]
    try:
        adds = [CommitOperationAdd(file.path_in_repo, file) for file in files]
        meter = Meter(total=sum(item.bytes for item in items))
        for file in files:
            file.meter = meter
        yield {"type": "phase", "phase": "upload", "files": len(items), "total": meter.total}
        yield from _upload(hub, target, adds, meter, pull_request)
        yield {"type": "phase", "phase": "commit"}
        for file in files:
            file.meter = None
        deletes = [CommitOperationDelete(path) for path in stale]
        return Landing(hub, target, items, message, pull_request).commit([*adds, *deletes])
    finally:
        for file in files:
            file.close()


def _upload(
    hub: Hub, target: Target, adds: list[Any], meter: Meter, pull_request: bool
) -> Generator[Event, None, None]:
    watched = hub.watch(lambda: hub.api.preupload_lfs_files(
        target.repo_id, adds, repo_type=target.repo_type, num_threads=2, free_memory=False,
        create_pr=pull_request), meter)
    while True:
        try:
            next(watched)
        except StopIteration as finished:
            found = finished.value
            break
        yield {"type": "progress", "phase": "upload", "done": meter.done, "total": meter.total}
    if isinstance(found, Failure):
        raise PublishError(
            f"{found.sentence('uploading')} Nothing was published. What the Hub has already, "
            f"{target.repo_id} itself included, is kept for the next try.", found.kind, False,
            found.retry_after)
    yield {"type": "progress", "phase": "upload", "done": meter.total, "total": meter.total}
