"""The page as a whole: its head, its tabs, and the tick that keeps them up to date."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from ui.html import elements
from ui.services.app import Services
from ui.services.estimate import ModelCheck, Planner
from ui.services.importing import Importer
from ui.services.publishing import Publishing
from ui.services.runs import RunService, Selection
from ui.tabs.compare import (
    compare_endpoint,
    compare_on_endpoint,
    compare_tab,
    landing_question,
    question_box,
)
from ui.tabs.finetune import finetune_tab
from ui.tabs.runs import runs_tab
from ui.tabs.scoreboard import arrival, scoreboard_endpoint, scoreboard_on_endpoint, scoreboard_tab
from ui.tabs.selection import chosen_row, listen
from ui.tabs.shared import Shared

from .api import add_endpoints

TICK = 1.0
"""Seconds between two looks at how far things are."""
CACHE_LIVES = (600, 3600)
"""How often Gradio's own copies of files are looked through, and how old they may get: seconds."""

# The tab stays in the address too; Compare is where an address without one leads.
KEEP_TAB = """() => setTimeout(() => {
  const chosen = document.querySelector('[role=tab][aria-selected=true]')?.innerText.trim();
  const tab = {Scoreboard: 'scoreboard', 'Fine-tune': 'finetune', Runs: 'runs'}[chosen];
  const url = new URL(window.location.href);
  tab ? url.searchParams.set('tab', tab) : url.searchParams.delete('tab');
  window.history.replaceState(null, '', url);
}, 50)"""


def build_page(services: Services) -> gr.Blocks:
    """All tabs and endpoints; launching is the caller's."""
    opening, publishing = services.opening, Publishing(services)
    service = RunService(services, ModelCheck(services.settings.home))
    importer = Importer(services.settings, services.uploads)
    with gr.Blocks(title="Tandem", analytics_enabled=False, delete_cache=CACHE_LIVES) as page:
        # First: a handler of the page that is called as an endpoint is would take its name.
        gr.api(compare_endpoint(services, service), api_name="compare")
        gr.api(scoreboard_endpoint(services, service), api_name="scoreboard")
        gr.api(compare_on_endpoint(services, service), api_name="compare_on")
        gr.api(scoreboard_on_endpoint(services, service), api_name="scoreboard_on")
        add_endpoints(services, service, importer, publishing)
        with gr.Row(elem_id="head-row"):
            gr.HTML(elements.header(), js_on_load=None)
            if services.settings.on_space:  # elsewhere the local token is who you are
                gr.LoginButton(size="sm", scale=0, min_width=200, elem_id="sign-in")
        with gr.Row(elem_id="state-row"):
            state = gr.HTML(elements.state(opening.progress), js_on_load=None, elem_id="state")
            watch = gr.Button("Watch it", size="sm", scale=0, min_width=130, visible=False)
        row = chosen_row()
        # Not States: those tell nobody when an unqueued tick changes them.
        shared = Shared(
            question=question_box(),
            tabs=gr.Tabs(render=False),
            version=gr.Number(-1, visible="hidden", elem_id="version-shown"),
            run=gr.Textbox("", visible="hidden", elem_id="run-shown"),
            watched=gr.Textbox("", visible="hidden"),
            tune=gr.Textbox("", visible="hidden"),
            nonce=gr.Textbox("", visible="hidden"),
            stage=gr.Textbox("", visible="hidden", elem_id="stage"),
            board=gr.Textbox("", visible="hidden", elem_id="board-shown"),
            reading=tuple(gr.HTML(js_on_load=None, elem_id=name, visible=False, render=False)
                          for name in ("reading", "reading-board")),
        )
        shared.tabs.render()
        with shared.tabs:
            with gr.Tab("Compare", id="compare"):
                compare_tab(services, service, shared)
            with gr.Tab("Scoreboard", id="scoreboard"):
                addressed = scoreboard_tab(services, service, shared)
            with gr.Tab("Fine-tune", id="finetune") as tab:
                finetune_tab(
                    services,
                    service,
                    importer,
                    Planner(services.settings.home),
                    publishing,
                    shared,
                    tab,
                )
            with gr.Tab("Runs", id="runs") as tab:
                runs_tab(services, service, shared, tab)
        seen = gr.State(None)
        quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden",
                                 "api_visibility": "private"}
        gr.Timer(TICK).tick(_tick(services), seen,
                            [state, watch, shared.version, shared.board, seen], **quiet)
        watch.click(lambda: (opening.run.id if opening.run else "",
                             gr.Tabs(selected="finetune")),
                    None, [shared.watched, shared.tabs], **quiet)
        listen(services, Selection(service), shared, row, lambda: landing_question(opening))
        page.load(_arrive(services), None,
                  [shared.question, shared.run, shared.watched, shared.nonce, shared.tabs], **quiet)
        page.load(arrival, None, addressed, **quiet)
        shared.tabs.change(None, None, None, js=KEEP_TAB, api_visibility="private")
    return page


def _tick(services: Services) -> Callable[[Any], Any]:
    def tick(seen: Any) -> Any:
        progress = services.opening.progress
        if progress == seen:
            return gr.skip()
        busy = progress.kind in ("training", "failed") and services.opening.run is not None
        newer = seen is None or seen.version != progress.version
        return (elements.state(progress), gr.Button(visible=busy), progress.version,
                f"version {progress.version}" if newer else gr.skip(), progress)

    return tick


def _arrive(services: Services) -> Callable[[gr.Request], Any]:
    """What the address asks for: a question, a run to show, a run to watch, a tab."""
    def arrive(request: gr.Request) -> Any:
        asked = dict(request.query_params)
        tab = asked.get("tab")
        tabs = gr.Tabs(selected=tab) if tab in ("scoreboard", "finetune", "runs") else gr.skip()
        try:
            nonce = services.auth.nonce(request)
        except ValueError:
            nonce = ""
        return (asked.get("q") or landing_question(services.opening), asked.get("run", ""),
                asked.get("watch", ""), nonce, tabs)

    return arrive
