"""The Scoreboard tab: what the test split says about both models."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from . import markup
from .showcase import NotReadyError, Showcase


def scoreboard_tab(showcase: Showcase, version: gr.Number) -> None:
    """Build the tab inside the current Blocks; it follows `version`."""
    board = gr.HTML(markup.scoreboard(None, ""), js_on_load=None, elem_id="scoreboard")

    def show() -> str:
        return markup.scoreboard(showcase.evidence, showcase.progress.text)

    version.change(show, None, board, queue=False, show_progress="hidden",
                   api_visibility="private")


def scoreboard_endpoint(showcase: Showcase) -> Callable[[], dict[str, Any]]:
    """The function behind `/scoreboard`."""

    def scoreboard() -> dict[str, Any]:
        """The evidence of the two models on the test split, with the verdict."""
        if showcase.evidence is None:
            error = NotReadyError("Nothing is measured yet: there is no fine-tuned model.")
            raise gr.Error(str(error), print_exception=False)
        return showcase.evidence.as_json()

    return scoreboard
