"""The row that says which pair is shown.

In Compare and Scoreboard; it is kept up to date while it is made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from train.run.record import ACTIVE, Run
from ui.html import elements, selection
from ui.html.words import without_code
from ui.services.app import Services
from ui.services.load_upload import is_own
from ui.services.selection import Selection
from ui.services.worker import BusyError, Stage

from .runs import run_name
from .shared import QUIET, TICK, Shared, ticking


@dataclass(frozen=True)
class SelectionRow:
    """The components of the row."""

    row: gr.Row
    said: gr.HTML
    show: gr.Button
    watch: gr.Button
    tune: gr.Button
    again: gr.Button
    stop: gr.Button
    back: gr.Button


def chosen_row() -> SelectionRow:
    """Build the row inside the current Blocks."""
    with gr.Row(elem_id="chosen-row", visible=False) as row:
        said = gr.HTML(js_on_load=None, elem_id="chosen")
        hidden: dict[str, Any] = {"size": "sm", "scale": 0, "visible": False}
        show = gr.Button("Show it", variant="primary", min_width=110, **hidden)
        watch = gr.Button("Watch it", min_width=110, elem_id="chosen-watch", **hidden)
        tune = gr.Button("Fine-tune it", variant="primary", min_width=120, **hidden)
        again = gr.Button("Try again", min_width=110, **hidden)
        stop = gr.Button("Stop reading", min_width=120, elem_id="chosen-stop", **hidden)
        back = gr.Button("Back to the first models", size="sm", scale=0, min_width=210)
    return SelectionRow(row, said, show, watch, tune, again, stop, back)


def listen(
    services: Services,
    views: Selection,
    shared: Shared,
    row: SelectionRow,
    landing: Callable[[], str],
) -> None:
    """Keep the row current, and obey its buttons.

    landing: the question a visitor finds who comes back to the opening pair.
    """
    timer, drawn = gr.Timer(TICK, active=False), gr.Textbox(visible="hidden")
    made = gr.Textbox(visible="hidden", elem_id="chosen-made")
    seen = [shared.run, shared.nonce, drawn]
    looked = [row.row, row.said, row.show, row.watch, row.tune, row.again, row.stop,
              *shared.reading, shared.stage, shared.board, made, timer, drawn]
    look, choose = _look(services, views), _look(services, views, anew=True)
    shared.run.change(choose, seen, looked, trigger_mode="multiple", **QUIET)
    row.again.click(choose, seen, looked, **QUIET)
    timer.tick(look, seen, looked, **QUIET)
    row.show.click(lambda run: run, made, shared.run, **QUIET)
    row.watch.click(lambda run: (run, gr.Tabs(selected="finetune")), made,
                    [shared.watched, shared.tabs], **QUIET)
    row.tune.click(lambda run: (run if is_own(run) else gr.skip(), gr.Tabs(selected="finetune")),
                   shared.run, [shared.tune, shared.tabs], **QUIET)

    def leave(run: str) -> Any:
        return "", landing() if is_own(run) else gr.skip()

    def stop(request: gr.Request, run: str, nonce: str) -> Any:
        try:
            views.stop(services.auth.looks(request, nonce), run)
        except ValueError as error:
            raise gr.Error(without_code(str(error)), print_exception=False) from error
        return leave(run)

    row.back.click(leave, shared.run, [shared.run, shared.question], **QUIET)
    row.stop.click(stop, [shared.run, shared.nonce], [shared.run, shared.question], **QUIET)


def _look(services: Services, views: Selection, anew: bool = False) -> Callable[..., Any]:
    """What there is to see of what is chosen. anew: begin it, where it was let go of too."""

    def look(request: gr.Request, shown: str, nonce: str, drawn: str) -> Any:
        if services.opening.is_opening(shown):
            return _drawn(None) if drawn else gr.skip()
        visitor, run, said = services.auth.looks(request, nonce), None, ""
        try:
            if anew:
                views.choose(visitor, shown)
            stage = views.stage(visitor, shown)
            if stage is None and drawn.startswith(f"{shown} "):
                return gr.skip()  # let go of to make room: it is read again when it is asked
            run = views.run_on(visitor, shown) if is_own(shown) else None
        except BusyError as error:
            stage = Stage("stopped", str(error))
        except ValueError as error:
            stage, said = None, str(error)
        name = services.uploads.title(shown) if is_own(shown) else run_name(
            views.service, visitor, shown)
        chosen = services.opening.pairs
        told = _drawn(Seen(shown, name, stage, run, said, chosen.others(shown), views.trains))
        return gr.skip() if told[-1] == drawn else told

    return look


@dataclass(frozen=True)
class Seen:
    """What is chosen, as the row tells of it.

    run: of the visitor on this data. wrong: why it cannot be shown at all. others: how many data
    sets are read in turn with it. trains: whether anything is fine-tuned here.
    """

    shown: str
    name: str
    stage: Stage | None
    run: Run | None
    wrong: str
    others: int
    trains: bool

    @property
    def says(self) -> str:
        """The row's sentence."""
        return self.wrong or selection.row(self.name, is_own(self.shown), self.stage,
                                            self.status, self.trains)

    @property
    def status(self) -> str:
        """Of the run on this data.

        Empty where there is none.
        """
        return self.run.record().status if self.run else ""

    @property
    def above(self) -> str:
        """What stands over the results while they are made ready."""
        if self.stage is None or self.stage.ended:
            return ""
        return selection.reading(self.stage, self.others if is_own(self.shown) else 0)

    @property
    def mark(self) -> str:
        """A mark that changes when more can be shown.

        And not with every passage that is read.
        """
        stage = self.stage
        more = "" if stage is None else stage.kind if stage.ended else \
            "pair" if stage.pair else "words" if stage.words else ""
        return f"{self.shown} {more} {self.run.id if self.run else ''} {self.status} {self.wrong}"


def _drawn(seen: Seen | None) -> list[Any]:
    """The row and what stands over the results; at last, what tells whether to draw them again."""
    if seen is None:
        return [gr.Row(visible=False), "", *[gr.Button(visible=False)] * 5,
                *[gr.HTML("", visible=False)] * 2, "", "", "", gr.Timer(active=False), ""]
    own, status, stage = is_own(seen.shown), seen.status, seen.stage
    ended = stage is None or stage.ended
    above = gr.HTML(seen.above, visible=bool(seen.above))
    return [
        gr.Row(visible=True), elements.sentence(seen.says),
        gr.Button(visible=bool(status) and status not in ACTIVE),
        gr.Button(visible=status in ACTIVE),
        gr.Button(visible=own and seen.trains and bool(stage and stage.pair) and not status),
        gr.Button(visible=bool(stage and stage.kind in ("failed", "stopped"))),
        gr.Button(visible=own and not ended), above, above, seen.mark, seen.mark,
        seen.run.id if seen.run else "", ticking(not ended),
        f"{seen.shown} {seen.mark} {seen.says} {seen.above}",
    ]
