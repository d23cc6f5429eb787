"""Failures of the Hub as sentences for a person.

Without token, address or header.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from .tokens import hide_tokens

LONGEST = 300
"""Characters of what the Hub says that are repeated."""
PASSING = ("timeout", "unreachable", "unavailable", "rate_limited")
"""Kinds of failure that may be gone at the next try."""


class HubError(ValueError):
    """An answer of the Hub that was none.

    What, why, and what to do. kind: one word for programs, a key of `TABLE`. retry_after: seconds
    the Hub asks to wait.
    """

    def __init__(
        self, sentence: str, kind: str = "refused", retry_after: float | None = None
    ) -> None:
        """Keep the sentence and what a program needs; all of it can be pickled."""
        super().__init__(sentence, kind, retry_after)
        self.kind, self.retry_after = kind, retry_after

    def __str__(self) -> str:
        """The sentence."""
        return str(self.args[0])


class StoppedError(Exception):
    """Somebody stopped a transfer to the Hub.

    While a file was read for it.
    """


@dataclass(frozen=True)
class Failure:
    """What the Hub's client raised, without its objects.

    Those carry the token. kind: a key of `TABLE`. status: of the answer, None where none came.
    said: by the Hub.
    """

    kind: str
    status: int | None = None
    said: str = ""
    retry_after: float | None = None

    @property
    def passing(self) -> bool:
        """Whether the same Hub request may succeed when repeated."""
        return self.kind in PASSING

    def sentence(self, doing: str) -> str:
        """Why it failed, and the way out.

        doing: as a gerund, such as "reading acme/faq".
        """
        known = TABLE.get(self.kind, TABLE["refused"])
        wait = "in some minutes" if self.retry_after is None else (
            f"in {self.retry_after:,.0f} seconds")
        way_out = f" {known.way_out.format(wait=wait)}" if known.way_out else ""
        end = "" if self.said.endswith((".", "!", "?")) else "."
        said = f" The Hub says: {self.said}{end}" if self.said and known.repeats else ""
        at = doing if self.status is None else f"{self.status} while {doing}"
        return f"{known.cause.format(doing=doing, at=at)}{way_out}{said}"

    def error(self, doing: str) -> HubError:
        """The sentence as an error to raise."""
        return HubError(self.sentence(doing), self.kind, self.retry_after)


class Known(NamedTuple):
    """A failure of the Hub in words.

    repeats: whether what the Hub said of it adds something.
    """

    cause: str
    way_out: str
    repeats: bool = True


READER = "sign in with an account that may read it, or set HF_TOKEN to its token"
TABLE = {
    "unauthorized": Known(
        "The Hub does not take this sign-in or token ({at}): it may have expired.",
        "Sign in again, or make a new token that may do this."),
    "payment": Known(
        "This account has no plan or credit for that ({at}).",
        "Add some at https://huggingface.co/settings/billing, or take what is free."),
    "forbidden": Known(
        "This account or token may not do that ({at}).",
        "Sign in again and allow it, take a token that may, or a name of your own."),
    "gated": Known(
        "The Hub gives this only to those who asked for it on its page ({at}).",
        f"Ask there, then {READER}."),
    "not_found": Known(
        "There is nothing of that name on the Hub, or it is private ({at}).",
        f"Check the name, or {READER}.", False),
    "revision": Known("There is no such revision ({at}).",
                      "Check what stands behind the @.", False),
    "conflict": Known("Something else is going on in that repository ({at}).",
                      "Try again in a minute."),
    "moved": Known("Somebody changed the repository meanwhile ({at}).",
                   "Publish again: what was changed is looked at first."),
    "rate_limited": Known("The Hub has had too many requests from here ({at}).",
                          "Try again {wait}."),
    "unavailable": Known("The Hub is in trouble ({at}).", "Try again in some minutes."),
    "timeout": Known("The Hub did not answer in time while {doing}.",
                     "Try again in some minutes."),
    "unreachable": Known("The Hub does not answer: the connection failed while {doing}.",
                         "Check the network, and try again."),
    "not_the_hub": Known(
        "What answered while {doing} is not the Hub: it sent a page instead of data, as a proxy or "
        "a gateway does.", "Check the network, and try again."),
    "refused_card": Known("The Hub refuses the card's metadata.",
                          "Change the card, and publish again."),
    "offline": Known("This process is told to stay offline (HF_HUB_OFFLINE): the Hub was not "
                     "asked while {doing}.", "Unset it, and try again."),
    "file": Known("A file could not be read while {doing}.", ""),
    "cancelled": Known("It was stopped while {doing}.", ""),
    "refused": Known("The Hub refused the request ({at}).", ""),
    "failed": Known("The Hub's client failed while {doing}.", "Try again."),
}
"""Kind of failure -> its cause and the way out. {at}: the status, and what was being done."""
STATUSES = {401: "unauthorized", 402: "payment", 403: "forbidden", 404: "not_found",
            408: "timeout", 409: "conflict", 412: "moved", 425: "unavailable", 429: "rate_limited"}
CLASSES = (
    ("cancelled", {"StoppedError"}),
    ("offline", {"OfflineModeIsEnabled"}),
    ("gated", {"GatedRepoError"}),
    ("revision", {"RevisionNotFoundError"}),
    ("not_found", {"RepositoryNotFoundError", "DatasetNotFoundError"}),
)
"""Classes of the Hub's client and of `datasets`, by name: the status alone does not tell these
apart (of what is private, the Hub says 401 to nobody)."""


def failure_of(error: BaseException, *tokens: str | None) -> Failure:
    """What an exception of the Hub's client means.

    Or one of reading a file for it. tokens: taken out of what is said.
    """
    if type(error) is ValueError and "README.md" in str(error):
        return Failure("refused_card", 400, _one_line(str(error).partition("\n")[2], tokens))
    links = list(_chain(error))
    names = {kind.__name__ for link in links for kind in type(link).__mro__}
    answered = next((link for link in links if _status(link) is not None), None)
    known = next((kind for kind, classes in CLASSES if names & classes), None)
    if answered is not None:
        return _answer(answered, tokens, known)
    if known is not None:
        return Failure(known)
    if (kind := _unanswered(links, names)) is not None:
        return Failure(kind)
    if isinstance(error, OSError):
        return Failure("file", None, _one_line(error.strerror or "", tokens))
    return Failure("failed", None, _one_line(str(error) or type(error).__name__, tokens))


def _unanswered(links: list[BaseException], names: set[str]) -> str | None:
    """The kind of a failure without an answer; None where it was not for want of one."""
    import httpx2

    for link in links:
        if isinstance(link, httpx2.TimeoutException | TimeoutError):
            return "timeout"
        if isinstance(link, httpx2.HTTPError | httpx2.StreamError | ConnectionError):
            return "unreachable"
        if isinstance(link, json.JSONDecodeError):
            return "not_the_hub"
    # It looked on the Hub, and then in its cache.
    return "unreachable" if "LocalEntryNotFoundError" in names else None


def kind_of(status: int) -> str:
    """What kind of failure a status of the Hub is."""
    return STATUSES.get(status, "unavailable" if status >= 500 else "refused")


def retry_after(headers: Any) -> float | None:
    """How long the Hub asks to wait, in seconds.

    None when it does not say.
    """
    value = str(headers.get("retry-after", "")).strip()
    return float(value) if value.isascii() and value.isdigit() else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what caused it: the clients raise the Hub's again as something else."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _status(error: BaseException) -> int | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) else None


def _answer(error: Any, tokens: tuple[str | None, ...], kind: str | None = None) -> Failure:
    status, headers = error.response.status_code, error.response.headers
    page = str(headers.get("content-type", "")).startswith("text/html")
    if page and status < 500 and not headers.get("x-error-code"):
        return Failure("not_the_hub", status)
    return Failure(kind or kind_of(status), status,
                   _one_line(getattr(error, "server_message", None) or "", tokens),
                   retry_after(headers))


def _one_line(text: str, tokens: tuple[str | None, ...]) -> str:
    """What was said, on one line, short, without a token."""
    return hide_tokens(re.sub(r"\s+", " ", text).strip(" -"), *tokens)[:LONGEST]
