"""Sessions without a copy of the page in each.

Gradio makes, for each session, the configuration of all components anew, which only deep links
read: those are closed. It took three quarters of the time of a question that a program asks (each
call is a session of its own), and half a megabyte.
"""

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

from gradio.state_holder import SessionState

if TYPE_CHECKING:
    from gradio import Blocks

_made = SessionState.__init__


def keep_small() -> None:
    """Have Gradio make states without the copy.

    The class itself is changed, since states are made in four places of Gradio.
    """
    for name, method in (("__init__", _without_copy), ("_update_config", _leave),
                         ("_update_value_in_config", _leave)):
        setattr(SessionState, name, method)


def _without_copy(state: SessionState, blocks: "Blocks") -> None:
    # It copies those components that it finds in `blocks.blocks`.
    bare = SimpleNamespace(default_config=blocks.default_config, blocks=())
    _made(state, cast("Blocks", bare))


def _leave(state: SessionState, key: int, value: object = None) -> None:
    """Nothing: nobody reads it."""
