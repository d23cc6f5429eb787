"""The run that is watched.

How it is doing, and what can be done about it.
"""

import time
from collections.abc import Callable
from typing import Any

import gradio as gr

from train.run.files import sentence_of
from train.run.record import Run
from ui.auth import Visitor
from ui.html import elements, runs
from ui.html.words import without_code
from ui.services.app import Services
from ui.services.publishing import Publishing
from ui.services.run_state import LOST_AFTER, RunState
from ui.services.runs import RunService

from .publish import publish_panel
from .shared import QUIET, Shared, ticking


def run_panel(
    services: Services, service: RunService, publishing: Publishing, shared: Shared
) -> None:
    """Build the panel inside the current Blocks.

    It follows the run in `shared.watched`.
    """
    panel = gr.HTML(runs.no_run(), js_on_load=None, elem_id="run")
    with gr.Row(elem_id="run-acts"):
        stop = gr.Button("Stop", variant="stop", visible=False, elem_id="run-stop")
        resume = gr.Button("Resume", variant="secondary", visible=False)
        use = gr.Button("Use in Compare", variant="primary", visible=False)
        board = gr.Button("Open in Scoreboard", visible=False)
    drawn = gr.Textbox(visible="hidden")
    current = gr.Textbox(visible="hidden", elem_id="run-current")
    panel_of = publish_panel(services, service, publishing, shared, current)
    buttons = [stop, resume, use, board, panel_of]
    timer = ticking(False)
    looking = {"fn": _look(services, service),
               "inputs": [shared.nonce, shared.watched, shared.run, drawn],
               "outputs": [panel, drawn, current, timer, *buttons], **QUIET}
    gr.on([timer.tick, shared.watched.change, shared.nonce.change, shared.run.change],
          trigger_mode="multiple", **looking)
    stop.click(_act(services, service, "stop"), [shared.nonce, current], stop,
               api_visibility="private", queue=False).then(**looking)
    resume.click(_act(services, service, "resume"), [shared.nonce, current], resume,
                 api_visibility="private", queue=False).then(**looking)
    use.click(_chosen("compare"), current, [shared.run, shared.tabs], **QUIET)
    board.click(_chosen("scoreboard"), current, [shared.run, shared.tabs], **QUIET)


def _look(services: Services, service: RunService) -> Callable[..., Any]:
    def look(request: gr.Request, nonce: str, watched: str, shown: str, drawn: str) -> Any:
        visitor = services.auth.looks(request, nonce)
        try:
            run = service.run(visitor, watched) if watched else service.newest(visitor)
            if run is None:
                return (runs.no_run(), "", "", ticking(False), *_buttons(None, False)) \
                    if drawn else gr.skip()
            status = run.record().status
            place = services.queue.place(run) if status == "queued" else 0
            if visitor.owns(run):
                services.queue.visit(run, visitor.token)
            mark = _mark(run, place, shown, visitor, status == "running")
            if mark == drawn:
                return gr.skip()
            state = service.state(run)
            showing = run.id in (shown, services.opening.opening_run if not shown else "")
            return (runs.run_panel(state, showing), mark, run.id, ticking(state.active),
                    *_buttons(state, visitor.owns(run), services.queue.is_stopping(run)))
        except ValueError as error:
            said = f"! {error}"
            return gr.skip() if drawn == said else (
                elements.error(str(error)), said, "", ticking(False), *_buttons(None, False))

    return look


def _mark(run: Run, place: int, shown: str, visitor: Visitor, running: bool) -> str:
    """What a run looks like now, in short: drawn again only when this has changed.

    A running one that says nothing any more changes by the minute, so that this is said.
    """
    sizes, silent = [], 0.0
    for name in ("run.json", "events.jsonl"):
        try:
            status = (run.folder / name).stat()
            sizes.append(f"{status.st_mtime_ns}:{status.st_size}")
            silent = time.time() - status.st_mtime
        except OSError:
            sizes.append("-")
    minutes = int(silent / 60) if running and silent > LOST_AFTER else 0
    return " ".join([run.id, *sizes, str(place), str(minutes), shown, visitor.key or "",
                     str(visitor.is_owner)])


def _buttons(
    state: RunState | None, own: bool, stopping: bool = False
) -> list[gr.Button | gr.Accordion]:
    """Stop, Resume, Use in Compare, Open in Scoreboard, Publish: shown where they do something."""
    active = state is not None and state.active
    ended_early = state is not None and state.status in ("interrupted", "failed", "stopped")
    usable = state is not None and state.usable
    return [
        gr.Button("Stopping …" if stopping else "Take out of the queue"
                  if state and state.status == "queued" else "Stop",
                  visible=active and own, interactive=not stopping),
        gr.Button("Go on" if usable else "Resume", visible=ended_early and own, interactive=True),
        gr.Button(visible=usable),
        gr.Button(visible=usable and bool(state and state.verdict)),
        gr.Accordion(visible=usable and own),
    ]


def _act(services: Services, service: RunService, name: str) -> Callable[..., Any]:
    def act(request: gr.Request, nonce: str, run_id: str) -> Any:
        try:
            visitor = services.auth.visitor(request, nonce)
            getattr(service, name)(visitor, run_id)
        except (ValueError, OSError) as error:
            raise gr.Error(without_code(sentence_of(error)), print_exception=False) from error
        return gr.Button("Stopping …" if name == "stop" else "Starting …",
                         interactive=False)

    return act


def _chosen(tab: str) -> Callable[[str], Any]:
    def chosen(run_id: str) -> Any:
        return run_id, gr.Tabs(selected=tab)

    return chosen
