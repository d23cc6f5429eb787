"""The row that says what Compare and Scoreboard show, and keeps it up to date while it is made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from train.record import ACTIVE, Run

from . import markup, own_markup
from .lane import Stage
from .own_data import is_own
from .shared import House, Shared
from .views import Views

TICK = 1.0
"""Seconds between two looks at something that is being made ready."""
SLOW_TICK = 3.0
"""Seconds between two looks at what is ready: a run on it may be done."""
QUIET: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True)
class Row:
    """The components of the row."""

    row: gr.Row
    said: gr.HTML
    show: gr.Button
    watch: gr.Button
    tune: gr.Button
    again: gr.Button
    stop: gr.Button
    back: gr.Button


def chosen_row() -> Row:
    """Build the row inside the current Blocks."""
    with gr.Row(elem_id="chosen-row", visible=False) as row:
        said = gr.HTML(js_on_load=None, elem_id="chosen")
        hidden: dict[str, Any] = {"size": "sm", "scale": 0, "visible": False}
        show = gr.Button("Show it", variant="primary", min_width=110, **hidden)
        watch = gr.Button("Watch it", min_width=110, elem_id="chosen-watch", **hidden)
        tune = gr.Button("Fine-tune it", variant="primary", min_width=120, **hidden)
        again = gr.Button("Try again", min_width=110, **hidden)
        stop = gr.Button("Stop reading", min_width=120, elem_id="chosen-stop", **hidden)
        back = gr.Button("Back to the opening pair", size="sm", scale=0, min_width=210)
    return Row(row, said, show, watch, tune, again, stop, back)


def listen(
    house: House, views: Views, shared: Shared, row: Row, landing: Callable[[], str]
) -> None:
    """Keep the row up to date, and do what its buttons say.

    landing: the question a visitor finds who comes back to the opening pair.
    """
    timer, drawn = gr.Timer(TICK, active=False), gr.Textbox(visible="hidden")
    made = gr.Textbox(visible="hidden", elem_id="chosen-made")
    seen = [shared.run, shared.nonce, drawn]
    looked = [row.row, row.said, row.show, row.watch, row.tune, row.again, row.stop,
              *shared.reading, shared.stage, made, timer, drawn]
    look, choose = _look(house, views), _look(house, views, anew=True)
    shared.run.change(choose, seen, looked, **QUIET)
    row.again.click(choose, seen, looked, **QUIET)
    timer.tick(look, seen, looked, **QUIET)
    row.show.click(lambda run: run, made, shared.run, **QUIET)
    row.watch.click(lambda run: (run, gr.Tabs(selected="finetune")), made,
                    [shared.watched, shared.tabs], **QUIET)
    row.tune.click(lambda: gr.Tabs(selected="finetune"), None, shared.tabs, **QUIET)

    def leave(run: str) -> Any:
        return "", landing() if is_own(run) else gr.skip()

    def stop(request: gr.Request, run: str, nonce: str) -> Any:
        try:
            views.stop(house.door.looks(request, nonce), run)
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return leave(run)

    row.back.click(leave, shared.run, [shared.run, shared.question], **QUIET)
    row.stop.click(stop, [shared.run, shared.nonce], [shared.run, shared.question], **QUIET)


def _look(house: House, views: Views, anew: bool = False) -> Callable[..., Any]:
    """What there is to see of what is chosen. anew: begin it, where it was let go of too."""

    def look(request: gr.Request, shown: str, nonce: str, drawn: str) -> Any:
        if house.showcase.is_opening(shown):
            return _drawn("", "", None, None, 0) if drawn else gr.skip()
        visitor, run = house.door.looks(request, nonce), None
        try:
            if anew:
                views.choose(visitor, shown)
            stage = views.stage(visitor, shown)
            if stage is None and drawn.startswith(f"{shown} "):
                return gr.skip()  # let go of to make room: it is read again when it is asked
            run = views.run_on(visitor, shown) if is_own(shown) else None
        except ValueError as error:
            stage = Stage("failed", str(error))
        told = _drawn(shown, house.uploads.title(shown) or shown, stage, run,
                      house.showcase.chosen.others(shown))
        return gr.skip() if told[-1] == drawn else told

    return look


def _drawn(shown: str, title: str, stage: Stage | None, run: Run | None, others: int) -> list[Any]:
    """The row, what stands over the results, and what tells whether to draw them again."""
    status = run.record()["status"] if run else ""
    own, ended = is_own(shown), stage is None or stage.ended
    there = stage.pair is not None if stage else False
    kind = stage.kind if stage else ""
    above = "" if stage is None or ended else own_markup.reading(stage, others if own else 0)
    more = kind if ended else "pair" if there else "words" if stage and stage.words else ""
    says = own_markup.row(title, own, stage, status)
    return [
        gr.Row(visible=bool(shown)), markup.sentence(says) if shown else "",
        gr.Button(visible=bool(status) and status not in ACTIVE),
        gr.Button(visible=status in ACTIVE),
        gr.Button(visible=own and there and not status),
        gr.Button(visible=kind in ("failed", "stopped")),
        gr.Button(visible=own and not ended),
        above, above, f"{shown} {more} {run.id if run else ''} {status}",
        run.id if run else "", gr.Timer(SLOW_TICK if ended else TICK, active=bool(shown)),
        f"{shown} {says} {above}" if shown else "",
    ]
