"""A Hub on loopback with one model, from a folder on disk."""

from contextlib import contextmanager
from pathlib import Path

from .repos import loopback

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def hub(repo: str, folder: Path, token: str | None = None, commit: str = COMMIT):
    """Serve a folder as a repository, private if it has a token; gives the Hub.

    commit: the only one it has, and its `main`.
    """
    owner = repo.partition("/")[0]
    with loopback() as hub:
        hub.tokens = {token: {"name": owner, "type": "user"}} if token else {}
        made = hub.repo(repo, owner, private=token is not None, files={
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()})
        made.head.oid = commit
        yield hub
