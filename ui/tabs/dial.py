"""The retention dial: a run merged with its base.

The curve by alpha, and the merge taken as a run of its own.
"""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from train.run.extra_parts import MergeCurve
from ui.html import dial as html
from ui.html import elements
from ui.services.app import Services
from ui.services.board.merging import MergingService
from ui.services.runs import RunService

from .board_handlers import NO_STOP, ended, owned, pair_seen, run_of, stop_measuring, told
from .shared import HIDDEN, QUIET, Shared


def retention_dial(services: Services, service: RunService, shared: Shared) -> None:
    """Build the dial inside the current Blocks."""
    worker = MergingService(services.settings.home, services.settings.runs)
    with gr.Accordion("Merge with Base: how much of it to keep", open=False, visible=False,
                      elem_id="retention-dial") as panel:
        measure = gr.Button("Measure merges", size="sm", elem_id="measure-merges")
        shown = gr.HTML(js_on_load=None)
        with gr.Row(visible=False) as taking:
            alpha = gr.Slider(0.5, 1, value=1, step=0.05, label="Alpha",
                              info="The share of the fine-tuned weights.")
            take = gr.Button("Take it as the result", size="sm", variant="primary",
                             elem_id="take-merge")
        said = gr.HTML(js_on_load=None)
        stop = gr.Button("Stop measuring", size="sm", variant="stop", visible=False,
                         elem_id="stop-merges")
    outputs = [panel, measure, shown, taking, alpha, said, stop]
    shared.board.change(_known(service), [shared.run, shared.nonce], outputs,
                        trigger_mode="multiple", **QUIET)
    measure.click(_measured(service, worker), [shared.run, shared.nonce], outputs,
                  concurrency_limit=1, **HIDDEN)
    take.click(_taken(service, worker), [shared.run, shared.nonce, alpha],
               [take, said, shared.run, stop], concurrency_limit=1, **HIDDEN)
    stop.click(stop_measuring(service, worker.measuring), [shared.run, shared.nonce], None, **QUIET)


def _known(service: RunService) -> Callable[..., list[Any]]:
    """What the dial shows of a run when it is chosen."""
    def known(request: gr.Request, run_id: str, nonce: str) -> list[Any]:
        try:
            run = run_of(service.services, pair_seen(service, request, nonce, run_id))
        except ValueError:  # the board says it
            run = None
        if run is None or run.record().merged or not run.has_model:
            return [gr.Accordion(visible=False), gr.skip(), "", gr.Row(visible=False), 1, "",
                    gr.skip()]
        return [gr.Accordion(visible=True), *shown_curve(run.record().merge_curve), gr.skip()]

    return known


def shown_curve(curve: MergeCurve | None) -> list[Any]:
    """Button, picture, row, slider and words of the dial."""
    if curve is None:
        return [gr.Button(visible=True, interactive=True), "", gr.Row(visible=False), 1, ""]
    return [gr.Button(visible=False), html.dial(curve), gr.Row(visible=True), curve.chosen or 1, ""]


def _measured(
    service: RunService, worker: MergingService
) -> Callable[..., Iterator[list[Any]]]:
    def measured(request: gr.Request, run_id: str, nonce: str) -> Iterator[list[Any]]:
        skip = gr.skip()
        try:
            run, _ = owned(service, request, run_id, nonce)
            curve = yield from told(worker.curve(run), html.MEASURING, lambda bar: [
                skip, gr.Button(interactive=False), bar, skip, skip, "", gr.Button(visible=True)])
            yield [skip, *shown_curve(curve), NO_STOP]
        except (ValueError, OSError) as error:
            yield [skip, gr.Button(interactive=True), "", skip, skip, ended(error), NO_STOP]

    return measured


def _taken(
    service: RunService, worker: MergingService
) -> Callable[..., Iterator[tuple[Any, ...]]]:
    def taken(
        request: gr.Request, run_id: str, nonce: str, alpha: float
    ) -> Iterator[tuple[Any, ...]]:
        try:
            run, _ = owned(service, request, run_id, nonce)
            made = yield from told(
                worker.take(run, float(alpha)), html.TAKING,
                lambda bar: (gr.Button(interactive=False), bar, gr.skip(), gr.Button(visible=True)))
            yield gr.Button(interactive=True), elements.sentence(
                "The merge is a run of its own now, and is shown."), made.id, NO_STOP
        except (ValueError, OSError, TypeError) as error:
            yield gr.Button(interactive=True), ended(error), gr.skip(), NO_STOP

    return taken
