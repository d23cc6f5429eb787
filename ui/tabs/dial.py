"""The retention dial: a run merged with its base.

The curve by alpha, and the merge taken as a run of its own.
"""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from train.run.extra_parts import MergeCurve
from train.run.files import sentence_of
from train.run.record import Run
from ui.html import dial as html
from ui.html import elements
from ui.services.app import Services
from ui.services.board.merging import MergingService
from ui.services.runs import RunService

from .board_handlers import pair_seen, run_of
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
    outputs = [panel, measure, shown, taking, alpha, said]
    shared.board.change(_known(service), [shared.run, shared.nonce], outputs,
                        trigger_mode="multiple", **QUIET)
    measure.click(_measured(service, worker), [shared.run, shared.nonce], outputs,
                  concurrency_limit=1, **HIDDEN)
    take.click(_taken(service, worker), [shared.run, shared.nonce, alpha],
               [take, said, shared.run], concurrency_limit=1, **HIDDEN)


def _known(service: RunService) -> Callable[..., list[Any]]:
    """What the dial shows of a run when it is chosen."""
    def known(request: gr.Request, run_id: str, nonce: str) -> list[Any]:
        try:
            run = run_of(service.services, pair_seen(service, request, nonce, run_id))
        except ValueError:  # the board says it
            run = None
        if run is None or run.record().merged or not run.has_model:
            return [gr.Accordion(visible=False), gr.skip(), "", gr.Row(visible=False), 1, ""]
        return [gr.Accordion(visible=True), *shown_curve(run.record().merge_curve)]

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
            run = owned(service, request, run_id, nonce)
            yield [skip, gr.Button(interactive=False), html.MEASURING, skip, skip, ""]
            yield [skip, *shown_curve(worker.curve(run))]
        except (ValueError, OSError) as error:
            said = elements.error(sentence_of(error))
            yield [skip, gr.Button(interactive=True), "", skip, skip, said]

    return measured


def _taken(
    service: RunService, worker: MergingService
) -> Callable[..., Iterator[tuple[Any, Any, Any]]]:
    def taken(
        request: gr.Request, run_id: str, nonce: str, alpha: float
    ) -> Iterator[tuple[Any, Any, Any]]:
        try:
            run = owned(service, request, run_id, nonce)
            yield gr.Button(interactive=False), elements.sentence(
                "The merge is made, and measured on the test split once: this takes a minute or "
                "more."), gr.skip()
            made = worker.take(run, float(alpha))
            yield gr.Button(interactive=True), elements.sentence(
                "The merge is a run of its own now, and is shown."), made.id
        except (ValueError, OSError, TypeError) as error:
            yield gr.Button(interactive=True), elements.error(str(error)), gr.skip()

    return taken


def owned(service: RunService, request: gr.Request, run_id: str, nonce: str) -> Run:
    """The shown run, for who may act on it.

    ValueError with a sentence otherwise.
    """
    auth = service.services.auth
    visitor = auth.visitor(request, nonce)
    run = run_of(service.services, service.pair(visitor, run_id))
    if run is None:
        raise ValueError("There is no run to merge: this fine-tuned model was given as it is.")
    auth.check_owns(visitor, run)
    return run
