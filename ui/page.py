"""The page as a whole.

Its head, its tabs, and the tick that keeps them up to date.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

from ui.html import elements
from ui.services.app import Services
from ui.services.estimate import ModelCheck, Planner
from ui.services.importing import Importer
from ui.services.load_upload import is_own
from ui.services.publishing import Publishing
from ui.services.runs import RunService
from ui.services.selection import Selection
from ui.tabs.compare import (
    addressed,
    compare_endpoint,
    compare_on_endpoint,
    compare_tab,
    question_box,
)
from ui.tabs.finetune import finetune_tab
from ui.tabs.questions import landing_question
from ui.tabs.runs import runs_tab
from ui.tabs.scoreboard import arrival, scoreboard_endpoint, scoreboard_on_endpoint, scoreboard_tab
from ui.tabs.selection import chosen_row, listen
from ui.tabs.shared import QUIET, Shared, ticking

from .api import add_endpoints
from .serving.blocks import BoundedBlocks


def build_page(services: Services) -> BoundedBlocks:
    """All tabs and endpoints; launching is the caller's."""
    opening, publishing = services.opening, Publishing(services)
    service = RunService(services, ModelCheck(services.settings.home,
                                              max_model=services.settings.max_model))
    importer = Importer(services.settings, services.uploads)
    with BoundedBlocks(title="Tandem", analytics_enabled=False,
                       on_space=services.settings.on_space) as page:
        # First: a handler of the page that is called as an endpoint is would take its name.
        gr.api(compare_endpoint(services, service), api_name="compare")
        gr.api(scoreboard_endpoint(services, service), api_name="scoreboard")
        gr.api(compare_on_endpoint(services, service), api_name="compare_on")
        gr.api(scoreboard_on_endpoint(services, service), api_name="scoreboard_on")
        add_endpoints(services, service, importer, publishing)
        with gr.Row(elem_id="head-row"):
            head = gr.HTML(elements.header(), js_on_load=None, elem_id="head")
            if services.settings.on_space:  # elsewhere the local token is who you are
                gr.LoginButton(size="sm", scale=0, min_width=200, elem_id="sign-in")
        with gr.Row(elem_id="state-row"):
            state = gr.HTML(elements.state(opening.state), js_on_load=None, elem_id="state")
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
                options = compare_tab(services, service, shared)
            with gr.Tab("Scoreboard", id="scoreboard"):
                filters = scoreboard_tab(services, service, shared)
            with gr.Tab("Fine-tune", id="finetune") as tab:
                finetune_tab(
                    services,
                    service,
                    importer,
                    Planner(services.settings.home, max_model=services.settings.max_model),
                    publishing,
                    shared,
                    tab,
                )
            with gr.Tab("Runs", id="runs") as tab:
                runs_tab(services, service, shared, tab)
        seen = gr.State(None)
        timer = ticking(True)
        timer.tick(_tick(services), seen,
                   [state, watch, shared.version, shared.board, timer, seen], **QUIET)
        watch.click(lambda: (opening.run.id if opening.run else "",
                             gr.Tabs(selected="finetune")),
                    None, [shared.watched, shared.tabs], **QUIET)
        listen(services, Selection(service), shared, row, lambda: landing_question(opening))
        introduce = _introduce(services, service)
        page.load(_arrive(services, introduce), None,
                  [shared.question, shared.run, shared.watched, shared.nonce, shared.tabs, head],
                  **QUIET)
        page.load(arrival, None, filters, **QUIET)
        page.load(addressed, None, options, **QUIET)
        gr.on([shared.version.change, shared.run.change, shared.stage.change],
              introduce, [shared.run, shared.nonce], head,
              trigger_mode="multiple", **QUIET)
        shared.tabs.change(None, None, None, js="tandem.keepTab", api_visibility="private")
        _keep_quiet(page)
    return page


def _keep_quiet(page: gr.Blocks) -> None:
    """Tell no component of the progress of an event that shows none.

    Gradio's page tells all components of all events so far, at each step of each event, and looks
    for each in the whole page: .15 s of a browser's time for each event, measured while it loads.
    """
    for event in page.fns.values():
        if event.show_progress == "hidden":
            event.show_progress_on = []


def _tick(services: Services) -> Callable[[Any], Any]:
    def tick(seen: Any) -> Any:
        state = services.opening.state
        if state == seen:
            return gr.skip()
        busy = state.kind in ("training", "failed") and services.opening.run is not None
        newer = seen is None or seen.version != state.version
        return (elements.state(state), gr.Button(visible=busy), state.version,
                f"version {state.version}" if newer else gr.skip(),
                ticking(state.kind in ("loading", "waiting", "training")), state)

    return tick


def _introduce(services: Services, service: RunService) -> Callable[..., str]:
    """The head of the page: what is searched with which models, true of what is shown."""
    def introduce(request: gr.Request, run: str, nonce: str) -> str:
        try:
            pair = service.pair(services.auth.looks(request, nonce), run)
        except ValueError:  # it is not ready, or Compare says why not
            return elements.header()
        own = is_own(run)
        title = services.uploads.title(run) if own else ""
        trained = bool(pair.run_id) if pair.tuned else not own and services.settings.train != "off"
        said = elements.introduction(pair.corpus, title, trained, pair.tuned is not None)
        about = [pair.about] if pair.tuned else []
        return elements.header(said, " ".join([*about, *([pair.slow] if pair.slow else [])]))

    return introduce


def _arrive(services: Services, introduce: Callable[..., str]) -> Callable[[gr.Request], Any]:
    """What the address asks for: a question, a run to show or to watch, a tab; and the head."""
    def arrive(request: gr.Request) -> Any:
        asked = dict(request.query_params)
        tab = asked.get("tab")
        tabs = gr.Tabs(selected=tab) if tab in ("scoreboard", "finetune", "runs") else gr.skip()
        try:
            nonce = services.auth.nonce(request)
        except ValueError:
            nonce = ""
        question, run = asked.get("q") or landing_question(services.opening), asked.get("run", "")
        return (question, run, asked.get("watch", ""), nonce, tabs,
                introduce(request, run, nonce))

    return arrive
