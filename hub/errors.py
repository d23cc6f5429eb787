"""What went wrong with the Hub, as a sentence for a person, without token, address or header."""

import json
import re
from dataclasses import dataclass
from typing import Any

TOKEN = re.compile(r"\b(?:hf|api_org)_[\w-]{6,}")
LONGEST = 300
PASSING = ("timeout", "unreachable", "unavailable", "rate_limited")
"""Kinds of failure that may be gone at the next try."""


class PublishError(ValueError):
    """Something that was not published, or not as it should be: what, why, and what to do.

    kind: one word for programs. published: whether anything is on the Hub now; None when the Hub
    did not say. retry_after: seconds the Hub asks to wait.
    """

    def __init__(
        self,
        sentence: str,
        kind: str = "refused",
        published: bool | None = False,
        retry_after: float | None = None,
    ) -> None:
        """Keep the sentence and what a program needs; all of it can be pickled."""
        super().__init__(sentence, kind, published, retry_after)
        self.kind, self.published, self.retry_after = kind, published, retry_after

    def __str__(self) -> str:
        """The sentence."""
        return str(self.args[0])


class StoppedError(Exception):
    """Somebody asked publishing to stop while a file was read for it."""


@dataclass(frozen=True)
class Failure:
    """What the client raised, without the client's objects: those carry the token."""

    kind: str
    status: int | None = None
    said: str = ""
    retry_after: float | None = None

    def sentence(self, doing: str) -> str:
        """Why `doing` failed, and what to do. doing: what was being done, as a gerund."""
        end = "" if self.said.endswith((".", "!", "?")) else "."
        said = f" It said: {self.said}{end}" if self.said else ""
        return ADVICE.get(self.kind, ADVICE["refused"]).format(
            doing=doing, status=self.status, said=said, wait=_wait(self.retry_after))


ADVICE = {
    "unauthorized": "The Hub does not take this token ({status} while {doing}): it has expired or "
                    "was revoked.{said} Sign in again, or make a new token with write access.",
    "forbidden": "The Hub does not allow this account or token that ({status} while {doing}).{said}"
                 " Take a name of your own, or a token that may write there.",
    "not_found": "The Hub has no such repository for this account (404 while {doing}).{said} Check "
                 "the name, and that your token may see it.",
    "conflict": "Something else is going on in that repository (409 while {doing}).{said} Try again"
                " in a minute.",
    "moved": "Somebody changed the repository meanwhile (412 while {doing}).{said} Publish again: "
             "what was changed is looked at first.",
    "rate_limited": "The Hub has had too many requests from this account (429 while {doing})."
                    "{said} Try again {wait}.",
    "unavailable": "The Hub is in trouble ({status} while {doing}).{said} Try again in some "
                   "minutes.",
    "payment": "The Hub wants this account to pay for that (402 while {doing}).{said}",
    "timeout": "The Hub did not answer in time while {doing}. Try again in some minutes.",
    "unreachable": "The connection to the Hub failed while {doing}. Check the network, and try "
                   "again.",
    "not_the_hub": "What answered while {doing} is not the Hub: it sent a page instead of data, as "
                   "a proxy or a gateway does. Check the network, and try again.",
    "refused_card": "The Hub refuses the card's metadata.{said} Change the card, and publish "
                    "again.",
    "offline": "This process is told to stay offline (HF_HUB_OFFLINE): nothing can be published "
               "from it.",
    "file": "A file of the run could not be read while {doing}.{said}",
    "cancelled": "Publishing was stopped while {doing}.",
    "refused": "The Hub refused the request ({status} while {doing}).{said}",
}
STATUSES = {401: "unauthorized", 402: "payment", 403: "forbidden", 404: "not_found",
            408: "timeout", 409: "conflict", 412: "moved", 429: "rate_limited"}


def failure_of(error: BaseException, token: str) -> Failure:
    """What an exception of the client, or of reading a file for it, means."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    if type(error) is ValueError and "README.md" in str(error):
        return Failure("refused_card", 400, plain(str(error).partition("\n")[2], token))
    for link in _chain(error):
        if isinstance(link, StoppedError):
            return Failure("cancelled")
        if isinstance(link, HfHubHTTPError) and link.response is not None:
            return _of_status(link, token)
        if isinstance(link, httpx2.TimeoutException):
            return Failure("timeout")
        if isinstance(link, OfflineModeIsEnabled):
            return Failure("offline")
        if isinstance(link, httpx2.HTTPError | httpx2.StreamError):
            return Failure("unreachable")
        if isinstance(link, json.JSONDecodeError):
            return Failure("not_the_hub")
    if isinstance(error, OSError):
        return Failure("file", None, plain(error.strerror or "", token))
    return Failure("refused", None, plain(str(error) or type(error).__name__, token))


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what caused it: uploads are raised again as something else."""
    links: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in links:
        links.append(link)
        link = link.__cause__
    return links


def _of_status(error: Any, token: str) -> Failure:
    status = error.response.status_code
    kind = STATUSES.get(status, "unavailable" if status >= 500 else "refused")
    return Failure(kind, status, plain(error.server_message or "", token),
                   retry_after(error.response.headers))


def retry_after(headers: Any) -> float | None:
    """How long the Hub asks to wait, in seconds; None when it does not say."""
    value = str(headers.get("retry-after", "")).strip()
    return float(value) if value.isascii() and value.isdigit() else None


def plain(text: str, token: str) -> str:
    """What the Hub said, on one line, short, without a token."""
    text = re.sub(r"\s+", " ", text).strip(" -")
    if token:
        text = text.replace(token, "(token)")
    return TOKEN.sub("(token)", text)[:LONGEST]


def _wait(seconds: float | None) -> str:
    return "in some minutes" if seconds is None else f"in {seconds:,.0f} seconds"
