"""The page as a whole: its head, its tabs, and the tick that keeps them up to date."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from train.settings import Settings

from . import markup
from .compare import compare_endpoint, compare_tab, landing_question
from .guard import refuse_strangers
from .scoreboard import scoreboard_endpoint, scoreboard_tab
from .showcase import Showcase

TICK = 1.0
"""Seconds between two looks at how far things are."""


def build_page(showcase: Showcase, settings: Settings) -> gr.Blocks:
    """All tabs and endpoints; launching is the caller's."""
    with gr.Blocks(title="Tandem", analytics_enabled=False) as page:
        gr.HTML(markup.header(), js_on_load=None)
        with gr.Row(elem_id="state-row"):
            state = gr.HTML(markup.state(showcase.progress), js_on_load=None, elem_id="state")
            action = gr.Button("Stop", size="sm", scale=0, min_width=130, visible=False)
        with gr.Tabs() as tabs:
            with gr.Tab("Compare", id="compare"):
                tab = compare_tab(showcase)
            with gr.Tab("Scoreboard", id="scoreboard"):
                scoreboard_tab(showcase, tab.version, tabs, tab.question)
        seen = gr.State(None)
        timer = gr.Timer(TICK)
        timer.tick(_tick(showcase, settings), seen, [state, action, tab.version, seen],
                   queue=False, show_progress="hidden", api_visibility="private")
        action.click(_act(showcase, settings), None, None, queue=False, api_visibility="private")
        page.load(_arrive(showcase), None, tab.question, queue=False, show_progress="hidden",
                  api_visibility="private")
        gr.api(compare_endpoint(showcase), api_name="compare")
        gr.api(scoreboard_endpoint(showcase), api_name="scoreboard")
    return page


def _tick(showcase: Showcase, settings: Settings) -> Callable[[Any], Any]:
    def tick(seen: Any) -> Any:
        progress = showcase.progress
        if progress == seen:
            return gr.skip()
        label = {"training": "Stop", "failed": "Train again"}.get(progress.kind)
        allowed = label is not None and settings.train == "open" and showcase.base is not None
        return (markup.state(progress), gr.Button(label or "Stop", visible=allowed),
                progress.version, progress)

    return tick


def _act(showcase: Showcase, settings: Settings) -> Callable[[gr.Request], None]:
    def act(request: gr.Request) -> None:
        refuse_strangers(request, settings)
        try:
            showcase.stop() if showcase.progress.kind == "training" else showcase.start()
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return act


def _arrive(showcase: Showcase) -> Callable[[gr.Request], str]:
    def arrive(request: gr.Request) -> str:
        return request.query_params.get("q") or landing_question(showcase)

    return arrive
