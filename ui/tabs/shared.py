"""What the tabs of the page share.

Components that one fills and others listen to.
"""

import json
from dataclasses import dataclass
from typing import Any, TypeVar

import gradio as gr

T = TypeVar("T", list[str], dict[str, Any])

TICK = 1.0
"""Seconds between two looks at something that is being made."""
SLOW_TICK = 5.0
"""Seconds between two looks at what is at rest: each costs the browser a walk over the page."""
HIDDEN: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
"""Of an event of the page that shows no progress of Gradio's and is no endpoint."""
QUIET: dict[str, Any] = HIDDEN | {"queue": False}
"""Of one that is answered at once, past the queue."""


def ticking(busy: bool) -> gr.Timer:
    """A timer that looks often while something is being made."""
    return gr.Timer(TICK if busy else SLOW_TICK, active=True)


def read_back(text: str, empty: T) -> T:
    """JSON that a hidden component holds for us.

    `empty` where it holds nothing of that type, with its length or its keys, if it has any: anybody
    can send anything in its place.
    """
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return empty
    if not isinstance(read, type(empty)):
        return empty
    if isinstance(read, dict):
        return read if read.keys() >= set(empty) else empty
    is_like = len(read) == len(empty) or not empty
    return read if is_like and all(isinstance(one, str) for one in read) else empty


@dataclass(frozen=True)
class Shared:
    """Components of one page view.

    version: rises when the opening pair changes. run: what Compare and Scoreboard show: the id of a
    run, the name of data that a visitor brought, empty for the opening pair. stage: changes when
    something more of it can be shown; board: whenever the Scoreboard shows something else; reading:
    how far it is, in Compare and in Scoreboard.
    watched: the run that the Fine-tune tab shows, empty for the newest. tune: the data that its
    form is asked to take. nonce: what proves that an
    action comes from this page.

    At most one listener of an event may have `trigger_mode="always_last"`, which is also what
    `.change` has by itself: where one of several is put off, Gradio 6 triggers all of them anew
    when it is done, and that puts off the next, for ever.
    """

    question: gr.Textbox
    tabs: gr.Tabs
    version: gr.Number
    run: gr.Textbox
    watched: gr.Textbox
    nonce: gr.Textbox
    tune: gr.Textbox
    stage: gr.Textbox
    board: gr.Textbox
    reading: tuple[gr.HTML, ...]
