"""Votes on which list helps more.

For a question whose answer nobody knows.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

from retrieval.blind import Ballot, tally
from train.run.files import sentence_of
from ui.services.runs import RunService

from .blind import check_pace, kept_vote, session_for, votes_on
from .board_handlers import pair_seen
from .shared import HIDDEN, Shared

MOST = 200
"""Votes of one view of the page: a public one must not fill the disk."""
CHOICES = {"left": "Base helps more", "right": "Fine-tuned helps more", "tie": "Both alike",
           "neither": "Neither helps"}
"""What each vote is called. Base stands left: the lists are not blind here."""


def helps_buttons(service: RunService, shared: Shared, shown: gr.State) -> None:
    """Build the votes inside the current Blocks.

    The result draws its own buttons, where it is read; the page's script presses these. shown: what
    Compare last answered, the question first.
    """
    said = gr.Textbox("", label="Counted", elem_classes="t-hide")
    for choice, label in CHOICES.items():
        button = gr.Button(label, elem_classes="t-hide", elem_id=f"vote-{choice}")
        button.click(_vote(service, choice), [shared.run, shared.nonce, shown], said,
                     trigger_mode="once", concurrency_limit=4, **HIDDEN).then(
            None, said, None, js="tandem.counted", **HIDDEN)


def _vote(service: RunService, choice: str) -> Callable[..., str]:
    def vote(request: gr.Request, run: str, nonce: str, shown: Any) -> str:
        try:
            visitor = service.services.auth.looks(request, nonce)
            pair, identity = pair_seen(service, request, nonce, run), str(request.session_hash)
            if not shown or pair.tuned is None or pair.corpus.relevant(shown[0]):
                raise ValueError("Ask a question of your own first.")
            kept = votes_on(service.services, pair)
            session = session_for(kept, visitor, identity)
            check_pace(visitor.shares)
            if len(kept.of(session)) >= MOST:
                raise ValueError(f"That were {MOST} votes: reload the page to go on.")
            ballot = Ballot(str(shown[0]).strip(), False)
            kept.add(session, kept_vote(session, f"voter {identity[:4]}", visitor.shares, ballot,
                                        choice))
            return f"Counted: {CHOICES[choice]}. {tally(kept.all()).sentence}"
        except (ValueError, OSError) as error:
            return sentence_of(error)

    return vote
