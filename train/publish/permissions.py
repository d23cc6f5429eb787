"""Who publishes where.

Names as typed, what a token may do, what a repository is.
"""

import re
from dataclasses import dataclass

from hub.account import Account, account_of
from hub.client import Hub
from hub.errors import Failure

from .errors import PublishError

LONGEST_NAME = 96


@dataclass(frozen=True)
class Target:
    """The repository that is published to, as it is.

    head: its newest commit, None if new.
    """

    repo_id: str
    head: str | None = None
    private: bool | None = None
    repo_type: str = "model"

    @property
    def exists(self) -> bool:
        """Whether it is there already."""
        return self.head is not None


def check_repo_id(text: str) -> str:
    """A repository id as typed, trimmed.

    PublishError with the reason when it cannot be one.
    """
    name = text.strip()
    owner, _, model = name.partition("/")
    bad = re.search(r"[^A-Za-z0-9._/-]", name)
    reason = None
    if not name:
        reason = "Give a name: owner/name."
    elif "://" in name or name.startswith(("huggingface.co", "hf.co")):
        reason = "Give owner/name alone, without the address of the Hub before it."
    elif name.count("/") != 1 or not owner or not model:
        reason = "A name is owner/name: your user name or organisation, a slash, the model's name."
    elif bad:
        reason = f"A name has letters, digits, dashes, dots and underscores, not {bad[0]!r}."
    elif len(name) > LONGEST_NAME:
        reason = f"A name has at most {LONGEST_NAME} characters; this one has {len(name)}."
    elif any(part[0] in ".-" or part[-1] in ".-" for part in (owner, model)):
        reason = "Neither part of a name starts or ends with a dash or a dot."
    elif "--" in name or ".." in name:
        reason = "A name has no two dashes or dots in a row."
    elif name.endswith(".git"):
        reason = "A name does not end with .git."
    if reason:
        raise PublishError(reason, "refused_name")
    return name


def check_may_write(
    hub: Hub, repo_id: str, private: bool = True, pull_request: bool = False,
    repo_type: str = "model",
) -> Target:
    """Check that a repository can be published to.

    Before anything is trained or sent for it. private: what was asked; a repository that is public
    is refused then. A pull request needs no right to write. Raises PublishError with what is in the
    way.
    """
    repo_id = check_repo_id(repo_id)
    account = account_of(hub)
    if account.role == "read":
        raise PublishError(
            "This token may only read. Make one with write access at huggingface.co/settings/"
            "tokens, or sign in on the page.", "forbidden")
    target = look(hub, as_spelled(repo_id, account), repo_type)
    if pull_request:
        if not target.exists:
            raise PublishError(f"There is no {repo_id} to make a pull request to. Publish a commit "
                               "instead, or check the name.", "not_found")
        return target
    if not account.may_write(target.repo_id):
        raise PublishError(_not_there(repo_id, account), "forbidden")
    if target.exists:
        _check_existing(hub, target, private)
    return target


def look(hub: Hub, repo_id: str, repo_type: str = "model") -> Target:
    """The repository as this account sees it."""
    found = hub.attempt(lambda: hub.api.repo_info(repo_id, repo_type=repo_type))
    if isinstance(found, Failure):
        if found.kind == "not_found":
            return Target(repo_id, repo_type=repo_type)
        raise PublishError.of(found, f"looking at {repo_id}")
    there = str(found.id or repo_id)
    named = there if there.lower() == repo_id.lower() else repo_id
    return Target(named, str(found.sha), bool(found.private), repo_type)


def as_spelled(repo_id: str, account: Account) -> str:
    """A repository id as the Hub spells its owner.

    To the Hub, names that differ in case are one.
    """
    owner, _, name = repo_id.partition("/")
    known = next((place for place in account.namespaces if place.lower() == owner.lower()), owner)
    return next((place for place in account.repositories if place.lower() == repo_id.lower()),
                f"{known}/{name}")


def _check_existing(hub: Hub, target: Target, private: bool) -> None:
    repo_id, repo_type = target.repo_id, target.repo_type
    if private and not target.private:
        raise PublishError(
            f"{repo_id} is public, and you asked for a private one. Make it private in its "
            "settings on the Hub, take another name, or publish publicly.", "public")
    found = hub.attempt(
        lambda: hub.api.auth_check(repo_id, repo_type=repo_type, write=True))
    if isinstance(found, Failure):
        if found.kind in ("forbidden", "not_found"):
            raise PublishError(
                f"{repo_id} is there already, and this account may not write to it. Take a name of "
                "your own, or make it a pull request.", "forbidden")
        raise PublishError.of(found, f"asking for the right to write to {repo_id}")


def _not_there(repo_id: str, account: Account) -> str:
    owner = repo_id.split("/")[0]
    places = [*account.namespaces, *account.repositories]
    may = f"It may write in {', '.join(places)}." if places else "It may write nowhere."
    return (f"This account or token ({account.name}) may not write in {owner}. {may} Take one of "
            "these, give the token more rights, or make it a pull request.")
