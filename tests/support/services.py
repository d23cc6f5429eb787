"""What stands behind the page, over an empty home, with fakes for what is slow."""

import sys
from pathlib import Path

from support.fakes import FakeEngine

ROOT = Path(__file__).resolve().parents[2]
FAKE = (sys.executable, "-S", str(Path(__file__).with_name("fake_corpus.py")))
"""What stands for `python -m corpus`."""

ADA, BEN = "hf_ada", "hf_ben"
"""Tokens the fake Hub knows: Ada's, whose the Space is, and Ben's, a stranger."""


def ask_fake_hub(token):
    from hub.account import Account, AccountError

    names = {ADA: "ada", BEN: "ben"}
    if token not in names:
        raise AccountError("The Hub does not take this sign-in any more: sign in again.")
    return Account(names[token], f"id-{names[token]}", (names[token],))


def services_in(home, engines=None, ask=ask_fake_hub, **chosen):
    """What stands behind the page, with fakes for what is slow."""
    from hub.account import Accounts
    from train.engines.queue import Queue
    from train.settings import Settings
    from ui.auth import Auth
    from ui.services.app import Services
    from ui.services.opening import OpeningPair
    from ui.services.uploads import Uploads

    settings = Settings(home=home, **chosen)
    queue = Queue(settings.runs, engines or {"local": FakeEngine()}, settings.max_disk)
    return Services(settings, OpeningPair(settings, queue), queue, Auth(settings, Accounts(ask)),
                 Uploads(settings))
