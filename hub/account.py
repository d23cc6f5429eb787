"""Whose a Hub token is.

Nobody is who they say they are until the Hub says so.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .client import Hub
from .errors import Failure, HubError

KEPT = 300.0
"""Seconds for which an answer of the Hub is believed: `whoami` is rate-limited."""
REFUSAL_KEPT = 10.0
"""Seconds for which it is believed that nobody answers: a page asks every second."""
BAD_KEPT = 120.0
"""Seconds for which a no is believed: a token that was bad stays so."""
MOST_KEPT = 1000
ASKING = "asking who you are"
WRITING_ROLES = (None, "admin", "write", "contributor")
"""Roles in an organisation that may create repositories there."""
WRITING = ("repo.write", "repo.content.write")
"""Permissions of a fine-grained token that let it push."""


class AccountError(HubError):
    """A Hub token refused, or a Hub that is silent.

    The message says which.
    """


@dataclass(frozen=True)
class Account:
    """A user of the Hub, by their token.

    namespaces: where it may create repositories, the user's own first. repositories: single ones
    that a fine-grained token is limited to. role: `read`, `write` or `fineGrained`. until: when the
    sign-in ends, None for as long as they leave it.
    """

    name: str
    id: str
    namespaces: tuple[str, ...]
    repositories: tuple[str, ...] = ()
    role: str = "write"
    until: datetime | None = None

    def may_write(self, repo_id: str) -> bool:
        """Whether the token says that it may write there.

        The Hub has the last word.
        """
        return repo_id.split("/")[0] in self.namespaces or repo_id in self.repositories


def account_of(hub: Hub) -> Account:
    """The account of a Hub token, as the Hub says.

    HubError when it does not.
    """
    return read_account(hub.ask(ASKING, lambda: hub.api.whoami(token=hub.token)))


def ask_hub(token: str) -> Account:
    """Ask the Hub once whose a token is.

    AccountError with a sentence, never with the token.
    """
    hub = Hub.of(token)
    said = hub.call(lambda: hub.api.whoami(token=token))
    if isinstance(said, Failure):
        raise AccountError(said.sentence(ASKING), said.kind, said.retry_after)
    return read_account(said)


def read_account(said: Any) -> Account:
    """An account from what `whoami` answers; AccountError for anything else."""
    if not isinstance(said, Mapping) or not said.get("name"):
        raise AccountError("The Hub did not say who you are. Sign in again.", "unauthorized")
    name, auth = str(said["name"]), said.get("auth") or {}
    token = auth.get("accessToken") or {}
    role = str(token.get("role") or "write")
    own = (name, *(str(org["name"]) for org in said.get("orgs") or ()
                   if org.get("roleInOrg") in WRITING_ROLES))
    scoped: tuple[str, ...] = ()
    if role == "fineGrained":
        scoped = tuple(_scoped(token.get("fineGrained") or {}))
        own = tuple(place for place in own if place in scoped)
    return Account(name, str(said.get("id", "")), () if role == "read" else own,
                   tuple(place for place in scoped if "/" in place), role,
                   _time(auth.get("expiresAt")))


def _scoped(fine: Mapping[str, Any]) -> Iterator[str]:
    """Users, organisations and repositories in which a fine-grained token may write."""
    for scope in fine.get("scoped") or ():
        name = (scope.get("entity") or {}).get("name")
        if name and any(each in WRITING for each in scope.get("permissions") or ()):
            yield str(name)


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None


@dataclass
class Accounts:
    """Answers of the Hub, kept for some minutes.

    Tokens are kept as hashes only.
    """

    ask: Callable[[str], Account] = ask_hub
    _known: dict[str, tuple[float, Account | AccountError]] = field(
        default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _asking: dict[str, threading.Lock] = field(default_factory=dict, repr=False)

    def of(self, token: str) -> Account:
        """Whose a token is.

        AccountError when the Hub does not say.
        """
        key = hashlib.sha256(token.encode()).hexdigest()
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:  # who asks the same meanwhile waits for the one answer
            answer = self._remembered(key)
            if answer is None:
                answer = self._asked(token)
                with self._lock:
                    if len(self._known) >= MOST_KEPT:
                        del self._known[next(iter(self._known))]
                    self._known[key] = time.monotonic(), answer
        with self._lock:
            if not asking.locked():
                self._asking.pop(key, None)
        if isinstance(answer, AccountError):
            raise AccountError(*answer.args)
        return answer

    def knows(self, token: str) -> bool:
        """Whether the Hub need not be asked about a token."""
        return self._remembered(hashlib.sha256(token.encode()).hexdigest()) is not None

    def _remembered(self, key: str) -> "Account | AccountError | None":
        """An answer that is believed yet."""
        with self._lock:
            asked, answer = self._known.get(key, (0.0, None))
        kept = KEPT if isinstance(answer, Account) else BAD_KEPT if isinstance(
            answer, AccountError) and answer.kind == "unauthorized" else REFUSAL_KEPT
        return answer if time.monotonic() - asked < kept else None

    def _asked(self, token: str) -> Account | AccountError:
        try:
            return self.ask(token)
        except AccountError as error:  # without its traceback, where the token stands
            return AccountError(*error.args)
