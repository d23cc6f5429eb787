"""Who is asking, and whether they may.

Checked in every handler that acts, each time. A browser acts through the page alone: with the nonce
that the page was given, and with the account that signed in there. A program acts with the token
that it sends. Neither can lend its name to another site's page.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import gradio as gr

from hub.account import Account, AccountError, Accounts
from hub.tokens import local_token
from train.run.record import Run
from train.settings import Settings

from .serving.address import LOOPBACK, UNKNOWN, address_of
from .serving.rates import Rate

BROWSER_COOKIE = "tandem_browser"
ENDPOINT = object()
"""In place of a nonce: this was asked for at an endpoint, where nobody has one."""
PAID_BY_VISITOR = ("jobs", "zerogpu")
"""Engines that cost the visitor and not the owner of the Space."""


class RefusedError(ValueError):
    """Somebody may not do what they asked for.

    The message says why, and who may.
    """


@dataclass(frozen=True)
class Visitor:
    """Somebody at the page or behind an endpoint.

    key: how their runs are marked, None for the owner of this Tandem. account: whose token they
    have, once the Hub has said so. browser: the mark of their browser, by which what they brought
    is still theirs when they have signed in. address: a hash of where they ask from, which nobody
    can undo and which means nothing after a restart.
    """

    key: str | None
    is_owner: bool = False
    account: Account | None = None
    token: str | None = field(default=None, repr=False)
    browser: str | None = None
    address: str = field(default="", repr=False, compare=False)

    @property
    def shares(self) -> str:
        """Whose share of room and turns they take.

        An account's, else an address's: a cookie is made up in no time.
        """
        return self.name or self.address or self.key or self.browser or ""

    @property
    def name(self) -> str:
        """How the page calls them."""
        return self.account.name if self.account else ""

    def owns(self, run: Run) -> bool:
        """Whether a run is theirs.

        They started it, or Tandem is theirs.
        """
        return self.is_owner or (self.key is not None and run.record().owner == self.key)


@dataclass(frozen=True)
class Auth:
    """Lets in who may come in.

    Every check reads the request at hand and nothing it remembers.
    """

    settings: Settings
    accounts: Accounts = field(default_factory=Accounts)
    refused: Rate = field(default_factory=lambda: Rate(10, 60.0))
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    def nonce(self, request: gr.Request) -> str:
        """The nonce of this session, sent back with every action."""
        self.refuse_other_sites(request)
        session = f"{request.session_hash} {_browser_key(request)}".encode()
        return hmac.new(self.secret, session, hashlib.sha256).hexdigest()

    def visitor(self, request: gr.Request, nonce: object = ENDPOINT) -> Visitor:
        """Who is asking.

        RefusedError for another site's page, AccountError for a bad token. nonce: what the page
        sent, whatever it is; not given by an endpoint, where only a token in the header says who is
        asking.
        """
        self.refuse_other_sites(request)
        if nonce is ENDPOINT:
            token = _token_in_header(request)
        else:
            sent = str(nonce).encode("utf-8", "replace")
            if not hmac.compare_digest(sent, self.nonce(request).encode()):
                raise RefusedError("This page is from before a restart: reload it.")
            token = _token_of_session(request) or _token_in_header(request)
        browser, address = _browser_key(request), self._address(request)
        if not self.settings.on_space:
            return replace(self._at_home(token, browser, address), address=address)
        if token is None:
            return Visitor(browser, browser=browser, address=address)
        account = self._account(token, address)
        is_owner = (
            account.name == self.settings.space_owner or account.id == self.settings.space_creator
        )
        return Visitor(None if is_owner else account.name, is_owner, account, token, browser,
                       address)

    def _address(self, request: gr.Request) -> str:
        """What tells an address from others: no more, and only until the next restart."""
        raw = getattr(request, "request", None)
        address = address_of(raw.scope, self.settings.on_space) if raw is not None else ""
        if address in ("", LOOPBACK, UNKNOWN):
            return ""
        return hmac.new(self.secret, b"address " + address.encode(), hashlib.sha256).hexdigest()

    def _account(self, token: str, address: str) -> Account:
        """Whose a token is; who tries many bad ones is not asked for at the Hub any more."""
        if address and self.refused.is_spent(address) and not self.accounts.knows(token):
            raise AccountError("The Hub has refused several sign-ins from where you are: try again "
                               "in a minute.", "unauthorized")
        try:
            return self.accounts.of(token)
        except AccountError as error:
            if error.kind == "unauthorized":
                self.refused.allows(address)
            raise

    def _at_home(self, token: str | None, browser: str | None, address: str) -> Visitor:
        """Off a Space whoever reaches the page is the owner, unless TANDEM_TRAIN asks for more."""
        if self.settings.train == "open":
            return Visitor(None, True, None, token or local_token(), browser)
        if token is None:
            return Visitor(None, browser=browser)
        account = self._account(token, address)
        local = local_token()
        is_owner = local is not None and self.accounts.of(local).name == account.name
        return Visitor(None if is_owner else account.name, is_owner, account, token, browser)

    def looks(self, request: gr.Request, nonce: object = ENDPOINT) -> Visitor:
        """Who is looking, for what the page offers them.

        Nobody in particular when in doubt.
        """
        try:
            return self.visitor(request, nonce)
        except (RefusedError, AccountError):
            return Visitor(None)

    def refuse_other_sites(self, request: gr.Request) -> None:
        """Let no other site act in a visitor's name.

        A program sends no Origin, a browser does.
        """
        origin = request.headers.get("origin")
        if origin and urlsplit(origin).netloc != request.headers.get("host"):
            raise RefusedError("This was asked for by another site and is refused.")

    def check_start(self, visitor: Visitor, engine: str) -> None:
        """Whether somebody may start a run on an engine (TANDEM_TRAIN).

        RefusedError if not.
        """
        sentence = self.why_not(visitor, engine)
        if sentence:
            raise RefusedError(sentence)

    def why_not(self, visitor: Visitor, engine: str) -> str:
        """Why somebody may not start a run on an engine.

        Empty if they may.
        """
        train = self.settings.train
        if train == "off":
            return "Training is switched off here (TANDEM_TRAIN=off)."
        if engine in PAID_BY_VISITOR and visitor.token is None:
            how = "sign in with Hugging Face" if self.settings.on_space else "run `hf auth login`"
            return f"This is paid with your own account: {how} first."
        if visitor.is_owner or train == "open":
            return ""
        if train == "owner":
            return "Only the owner may train here (TANDEM_TRAIN=owner). Duplicate the Space to " \
                   "train on your own."
        if visitor.account is None:
            return "Sign in with Hugging Face to train here (TANDEM_TRAIN=login)."
        if engine not in PAID_BY_VISITOR and self.settings.on_space:
            return "This Space’s own machine is its owner’s: choose Hugging Face Jobs, which you " \
                   "pay for yourself, or duplicate the Space."
        return ""

    def check_owns(self, visitor: Visitor, run: Run) -> None:
        """Whether somebody may stop, resume, delete or publish a run.

        RefusedError if not.
        """
        if self.settings.train == "off":
            raise RefusedError("Training is switched off here (TANDEM_TRAIN=off).")
        if not visitor.owns(run):
            raise RefusedError(f"{run.id} was started by somebody else: only they and the owner "
                               "may do this.")


def _token_in_header(request: gr.Request) -> str | None:
    """A token that a program sends: gradio_client moves it to a header of its own."""
    for name in ("x-hf-authorization", "authorization"):
        kind, _, token = str(request.headers.get(name) or "").partition(" ")
        if kind.lower() == "bearer" and token.startswith("hf_"):
            return token.strip()
    return None


def _token_of_session(request: gr.Request) -> str | None:
    """The token of whoever signed in on this page, from Gradio's signed cookie."""
    raw = getattr(request, "request", None)
    session: Mapping[str, Any] = (raw.scope.get("session") or {}) if raw is not None else {}
    info = session.get("oauth_info") or {}
    expires = info.get("expires_at")
    return info.get("access_token") if expires is None or expires > time.time() else None


def _browser_key(request: gr.Request) -> str | None:
    """What marks the runs of a browser nobody signed in with: a hash, so that it tells nobody."""
    raw = getattr(request, "request", None)
    cookie = raw.cookies.get(BROWSER_COOKIE) if raw is not None else None
    return f"browser-{hashlib.sha256(cookie.encode()).hexdigest()[:12]}" if cookie else None
