"""Whose a Hub token is: nobody is who they say they are until the Hub says so."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

KEPT = 300.0
"""Seconds for which an answer of the Hub is believed: `whoami` is rate-limited."""
REFUSAL_KEPT = 10.0
"""Seconds for which a no is believed, or that nobody answers: a page asks every second."""
MOST_KEPT = 1000


class AccountError(ValueError):
    """A token that the Hub does not take, or a Hub that does not answer: the message says which."""


@dataclass(frozen=True)
class Account:
    """A user of the Hub. namespaces: where they may create repositories, their own first."""

    name: str
    id: str
    namespaces: tuple[str, ...]


def ask_hub(token: str) -> Account:
    """Ask the Hub whose a token is; AccountError with a sentence, never with the token."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    from .client import set_time_limits

    set_time_limits()  # the client by itself would wait for ever
    try:
        said = HfApi().whoami(token=token)
    except HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status == 401:
            raise AccountError("The Hub does not take this sign-in any more: sign in "
                               "again.") from None
        raise AccountError(f"The Hub could not say who you are (status {status}): try again in a "
                           "minute.") from None
    except Exception:  # whatever the client's transport raises when nobody answers
        raise AccountError("The Hub does not answer, so it is not known who you are: try again in "
                           "a minute.") from None
    organisations = [
        org["name"] for org in said.get("orgs", [])
        if org.get("roleInOrg") in (None, "admin", "write", "contributor")
    ]
    return Account(said["name"], str(said.get("id", "")), (said["name"], *organisations))


@dataclass
class Accounts:
    """Answers of the Hub, kept for some minutes; tokens are kept as hashes only."""

    ask: Callable[[str], Account] = ask_hub
    _known: dict[str, tuple[float, Account | AccountError]] = field(
        default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, token: str) -> Account:
        """Whose a token is. AccountError when the Hub does not say."""
        key = hashlib.sha256(token.encode()).hexdigest()
        with self._lock:
            asked, answer = self._known.get(key, (0.0, None))
        kept = KEPT if isinstance(answer, Account) else REFUSAL_KEPT
        if answer is None or time.monotonic() - asked >= kept:
            answer = self._asked(token)
            with self._lock:
                if len(self._known) >= MOST_KEPT:
                    self._known.clear()
                self._known[key] = time.monotonic(), answer
        if isinstance(answer, AccountError):
            raise AccountError(str(answer))
        return answer

    def _asked(self, token: str) -> Account | AccountError:
        try:
            return self.ask(token)
        except AccountError as error:
            return AccountError(str(error))
