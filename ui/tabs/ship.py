"""What could ship: the Scoreboard's first table.

With a box to add another base model to it.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from train.engines.local import hub_environment
from ui.auth import Visitor
from ui.html import alternatives
from ui.services.app import Services
from ui.services.board.alternatives import AlternativesService
from ui.services.load_upload import is_own
from ui.services.model_pair import ModelPair
from ui.services.runs import RunService

from .board_handlers import NO_STOP, ended, pair_seen, run_of, told
from .shared import HIDDEN, QUIET, Shared


def ship_table(services: Services, service: RunService, shared: Shared) -> None:
    """Build the table and its box inside the current Blocks."""
    worker = AlternativesService(services.settings.home)
    shown = gr.HTML(js_on_load=None, elem_id="what-could-ship")
    with gr.Accordion("Add another base model to the table", open=False, visible=False) as adding, \
            gr.Row():
        named = gr.Textbox(label="Hub id or folder", placeholder="owner/name", max_lines=1,
                           elem_id="other-base")
        add = gr.Button("Measure it", size="sm", elem_id="add-base")
        stop = gr.Button("Stop measuring", size="sm", variant="stop", visible=False,
                         elem_id="stop-base")
    said = gr.HTML(js_on_load=None)
    show = shown_table(service, worker)
    shared.board.change(show, [shared.run, shared.nonce], [shown, adding],
                        trigger_mode="multiple", concurrency_limit=1, **HIDDEN)
    gr.on([add.click, named.submit], _add(service, worker), [shared.run, shared.nonce, named],
          [shown, add, said, stop], concurrency_limit=1, **HIDDEN)
    stop.click(_stopped(service, worker), [shared.run, shared.nonce], None, **QUIET)


def shown_table(
    service: RunService, worker: AlternativesService
) -> Callable[..., Iterator[tuple[str, Any]]]:
    """Shows the chosen pair's table once it is measured."""
    def show(request: gr.Request, run: str, nonce: str) -> Iterator[tuple[str, Any]]:
        try:
            pair = pair_seen(service, request, nonce, run)
            if pair.evidence is None and pair.of_base is None:
                yield "", gr.Accordion(visible=False)
                return
            yield alternatives.MEASURING, gr.skip()
            yield _drawn(service, worker, pair), gr.Accordion(visible=True)
        except ValueError:  # the board says why there is nothing
            yield "", gr.Accordion(visible=False)

    return show


def _drawn(service: RunService, worker: AlternativesService, pair: ModelPair) -> str:
    table = worker.table(pair, run_of(service.services, pair))
    return alternatives.what_could_ship(table) if table else ""


def _add(
    service: RunService, worker: AlternativesService
) -> Callable[..., Iterator[tuple[Any, ...]]]:
    auth = service.services.auth

    def add(
        request: gr.Request, run: str, nonce: str, named: str
    ) -> Iterator[tuple[Any, ...]]:
        try:
            visitor = auth.visitor(request, nonce)
            auth.check_start(visitor, "local")
            base, revision = service.base(visitor, named_base(named))
            pair = service.pair(visitor, run)
            steps = worker.add_base(pair, f"{base}@{revision}" if revision else base,
                                    source_of(service, visitor, pair, run),
                                    hub_environment(visitor.is_owner, visitor.token),
                                    visitor.key or "")
            yield from told(steps, f"{base} reads the passages", lambda bar: (
                gr.skip(), gr.Button(interactive=False), bar, gr.Button(visible=True)))
            yield _drawn(service, worker, pair), gr.Button(interactive=True), "", NO_STOP
        except (ValueError, OSError) as error:
            yield gr.skip(), gr.Button(interactive=True), ended(error), NO_STOP

    return add


def _stopped(service: RunService, worker: AlternativesService) -> Callable[..., None]:
    def stop(request: gr.Request, run: str, nonce: str) -> None:
        with contextlib.suppress(ValueError):  # then nothing of theirs is being measured
            visitor = service.services.auth.visitor(request, nonce)
            worker.stop(service.pair(visitor, run), visitor.key or "")

    return stop


def named_base(text: str) -> str:
    """A base model's name as it was typed; ValueError without."""
    if not text.strip():
        raise ValueError("Name a base model: its Hub id, owner/name, or its folder.")
    return text.strip()


def source_of(service: RunService, visitor: Visitor, pair: ModelPair, run: str) -> str:
    """Where the data of what is shown is."""
    if is_own(run):
        return service.source(visitor, run)
    made = run_of(service.services, pair)
    record = made.record() if made else None
    return (record.data.source or record.data.name) if record else service.services.settings.data
