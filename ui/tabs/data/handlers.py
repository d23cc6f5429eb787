"""What the handlers of the data section do.

Each says by component what changes on the page.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from corpus.check.check import Report
from corpus.columns import Columns
from corpus.readers.excel import ALL
from train.run.files import sentence_of
from ui.auth import Visitor
from ui.html import data as data_html
from ui.html import elements, upload
from ui.services.app import Services
from ui.services.importing import (
    Importer,
    ImportRequest,
    Steps,
    certain_guess,
    checked_options,
    chosen_columns,
)
from ui.services.process import CancelledError
from ui.services.uploads import Raw
from ui.tabs.shared import read_back

from .components import NONE, Parts
from .restore import (
    BRING_FIRST,
    NO_DATA,
    OWN,
    ROLES,
    is_restored,
    marked,
    restored,
    restored_columns,
)

MAKING = "making"
LOOKING, READING, CHECKING = "Looking at it", "Reading all of it", "Checking the data"
CONFIRM = "Choose which column holds the question and which its answer, and press “Use these " \
          "columns”."
DRAW_EVERY, CLOSED_WITHIN = 0.5, 2.0
"""Seconds between two changes that the page is sent, each of which costs it something; and after
which it is noticed that a page is gone."""
NO_BOXES: dict[str, Any] = {"names": [], "columns": {}, "config": "", "configs": [], "split": "",
                            "splits": [], "sheet": "", "sheets": []}
CANCELLED = "This was cancelled, and nothing of it is kept."

Changes = dict[Any, Any]
"""Component -> what it is from now on."""
Shown = Generator[Changes, None, Any]
"""Changes as they come; returns what comes of it."""


@dataclass(frozen=True)
class DataActs:
    """The handlers, for the components of one page."""

    services: Services
    importer: Importer
    parts: "Parts"
    _cancels: dict[tuple[str, str], set[threading.Event]] = field(default_factory=dict)

    # --- naming what is brought

    def receive(
        self, request: gr.Request, nonce: str, file: object, mine: str = ""
    ) -> Changes:
        """Take over a file that was just uploaded.

        mine: data that was taken before; it is let go of where this is refused.
        """
        parts = self.parts
        try:
            raw = self.services.uploads.received(file, self.services.auth.visitor(request, nonce))
        except ValueError as error:
            return {parts.file: None, parts.said: elements.error(str(error)),
                    **self._without(mine)}
        self.cancel(request)  # what is being made of an earlier one
        return {parts.file: None, parts.brought: marked(raw=raw.token), parts.said: ""}

    def name_hub(self, named: str) -> Changes:
        """Name a data set of the Hub."""
        try:
            ImportRequest(hub=str(named or "").strip()).check()
        except ValueError as error:
            return {self.parts.said: elements.error(str(error))}
        return {self.parts.brought: marked(hub=named.strip()), self.parts.said: ""}

    def choose_part(self, brought: str, config: str | None, split: str | None) -> Changes:
        """Look at another config or split of the data."""
        try:
            hub = ImportRequest.from_json(brought).hub
        except ValueError as error:
            return {self.parts.said: elements.error(str(error))}
        return {self.parts.brought: marked(hub=hub, config=config or "", split=split or "")}

    def choose_sheet(self, brought: str, sheet: str | None) -> Changes:
        """Look at another sheet of the workbook, or at all."""
        try:
            raw = ImportRequest.from_json(brought).raw
        except ValueError as error:
            return {self.parts.said: elements.error(str(error))}
        return {self.parts.brought: marked(raw=raw, sheet=sheet or ""), self.parts.said: ""}

    def receive_more(self, request: gr.Request, nonce: str, file: object) -> Changes:
        """Take over a file of more passages."""
        parts = self.parts
        try:
            raw = self.services.uploads.received(file, self.services.auth.visitor(request, nonce))
        except ValueError as error:
            return {parts.more: None, parts.said: elements.error(str(error))}
        return {parts.more: None, **self._with_more(raw)}

    def without_more(self) -> Changes:
        """Leave out the file of more passages."""
        return self._with_more(None)

    def _without(self, mine: str) -> Changes:
        """No data any more, where there was some."""
        return {self.parts.data: NO_DATA, self.parts.mine: ""} if mine else {}

    def _with_more(self, raw: Raw | None) -> Changes:
        parts = self.parts
        said = upload.passages_note(raw.title, raw.size) if raw else ""
        return {parts.extra: raw.token if raw else "", parts.more_said: said,
                parts.more_out: gr.Button(visible=raw is not None)}

    # --- making a corpus of it

    def bring(
        self, request: gr.Request, nonce: str, brought: str, extra: str, mine: str
    ) -> Iterator[Changes]:
        """Look at what was brought.

        Where its columns are beyond doubt, take it at once.
        """
        def work(cancel: threading.Event) -> Shown:
            visitor, what = (
                self.services.auth.visitor(request, nonce),
                ImportRequest.from_json(brought),
            )
            # With what was found of an earlier one its boxes go, and with its data all that was
            # said of it: where this one is refused, nothing may stand there that is not of it.
            yield {self.parts.found: "", **({} if is_restored(brought) else self._without(mine))}
            look = yield from self._told(self.importer.look(visitor, what, cancel), LOOKING)
            certain, guess = certain_guess(look), look.get("guess")
            columns = restored_columns(brought) or (Columns.from_json(guess) if guess else None)
            yield {self.parts.found: upload.found(look, self._title(visitor, what), columns),
                   self.parts.boxes: _boxes(look, columns, what)}
            if mine and is_restored(brought):  # it was taken before
                return
            if look.get("kind") == "pairs" and certain is None:
                yield {self.parts.said: data_html.note(CONFIRM)}
                return
            yield from self._take(visitor, what, certain, extra, cancel)

        if not brought:
            yield {self.parts.said: ""}
            return
        yield from self._working(request, work)

    def use(
        self, request: gr.Request, nonce: str, brought: str, extra: str, *roles: Any
    ) -> Iterator[Changes]:
        """Take what was brought, with the columns that were chosen."""
        def work(cancel: threading.Event) -> Shown:
            visitor, what = (
                self.services.auth.visitor(request, nonce),
                ImportRequest.from_json(brought),
            )
            yield from self._take(visitor, what, _chosen(roles), extra, cancel, _options(roles))

        yield from self._working(request, work)

    def use_with(
        self, request: gr.Request, nonce: str, brought: str, extra: str, mine: str, *roles: Any
    ) -> Iterator[Changes]:
        """Import the data anew with other passages beside it.

        If it was imported before.
        """
        def work(cancel: threading.Event) -> Shown:
            visitor, what = (
                self.services.auth.visitor(request, nonce),
                ImportRequest.from_json(brought),
            )
            columns = _chosen(roles) if roles[0] else None  # of a BEIR folder there are none
            yield from self._take(visitor, what, columns, extra, cancel, _options(roles))

        if not (brought and mine):
            yield {self.parts.said: gr.skip()}
            return
        yield from self._working(request, work)

    def _take(
        self, visitor: Visitor, what: ImportRequest, columns: Columns | None, extra: str,
        cancel: threading.Event, options: Sequence[str] = (),
    ) -> Shown:
        more = self.services.uploads.raw(extra, visitor) if extra else None
        taken = self.importer.take(visitor, what, columns, more, cancel, options)
        name = yield from self._told(taken, READING)
        yield {self.parts.data: name, self.parts.mine: name, self.parts.said: ""}

    def _title(self, visitor: Visitor, what: ImportRequest) -> str:
        return self.services.uploads.raw(what.raw, visitor).path.name if what.raw else what.title

    def fill(self, boxes: str) -> Changes:
        """Fill the boxes with the choices for the data.

        By itself, since a browser that is behind loses what a generator changes of a component
        besides its value.
        """
        parts, roles, told = self.parts, self.parts.roles, read_back(boxes, NO_BOXES)
        names, columns = told["names"], told["columns"]
        return {
            roles.anchor: gr.Dropdown(names, value=columns.get("anchor")),
            roles.positive: gr.Dropdown(names, value=columns.get("positive")),
            roles.negatives: gr.Dropdown(names, value=columns.get("negatives") or [],
                                         multiselect=True),
            roles.score: gr.Dropdown([NONE, *names], value=columns.get("score") or ""),
            roles.least: columns.get("least_score"),
            roles.topic: gr.Dropdown([NONE, *names], value=columns.get("topic") or ""),
            parts.config: _of_the_hub(told["config"], told["configs"]),
            parts.split: _of_the_hub(told["split"], told["splits"]),
            parts.sheet: _of_a_workbook(told["sheet"], told["sheets"]),
        }

    # --- checking it

    def check(
        self, request: gr.Request, nonce: str, data: str, opened: str
    ) -> Iterator[Changes]:
        """Check the chosen data, with progress in place.

        Nothing before the tab was opened, and before the page knows its nonce.
        """
        if not (nonce and opened):
            yield {}
            return
        own = str(data).startswith("upload-")

        def shown(html: str) -> Changes:
            return {self.parts.check: f'<div data-own="{own}">{html}</div>'}

        if data == NO_DATA:
            yield shown(data_html.note(BRING_FIRST))
            return

        def work(cancel: threading.Event) -> Shown:
            steps = self.importer.check(self.services.auth.looks(request, nonce), data, cancel)
            found = Report.from_json((yield from self._told(steps, CHECKING, shown)))
            title = self.services.uploads.title(data) or found.name
            yield shown(data_html.report(found, title))

        yield from self._cancellable(request, str(data), work, shown)

    # --- while something is at work

    def cancel(self, request: gr.Request) -> None:
        """Cancel the import of data on this page."""
        self._cancel(request, lambda work: work == MAKING)

    def stop_check(self, request: gr.Request) -> None:
        """End the check of this page."""
        self._cancel(request, lambda work: work != MAKING)

    def stop_others(self, request: gr.Request, data: str) -> None:
        """End the check of data no longer chosen.

        For that of what is now to begin.
        """
        self._cancel(request, lambda work: work not in (MAKING, data))

    def _cancel(self, request: gr.Request, meant: Callable[[str], bool]) -> None:
        for (session, work), cancels in list(self._cancels.items()):
            if session == str(request.session_hash) and meant(work):
                for cancel in list(cancels):
                    cancel.set()

    def _working(self, request: gr.Request, work: Callable[[threading.Event], Shown]) -> Shown:
        """Work on what was brought; whatever comes of it, what was chosen before stays chosen."""
        idle = {self.parts.progress: ""}
        yield from self._cancellable(
            request, MAKING, work, lambda html: {self.parts.said: html, **idle})
        yield idle

    def _cancellable(
        self, request: gr.Request, what: str, work: Callable[[threading.Event], Shown],
        say: Callable[[str], Changes],
    ) -> Shown:
        """Work that can be cancelled; what goes wrong is said in place.

        what: MAKING, or the data that is checked.
        """
        mine, cancel = (str(request.session_hash), what), threading.Event()
        self._cancels.setdefault(mine, set()).add(cancel)
        try:
            yield from work(cancel)
        except CancelledError:
            yield say(data_html.note(CANCELLED))
        except (ValueError, OSError) as error:
            yield say(elements.error(sentence_of(error)))
        finally:
            self._cancels[mine].discard(cancel)
            if not self._cancels[mine]:
                self._cancels.pop(mine, None)

    def _told(
        self, steps: Steps, what: str, show: Callable[[str], Changes] | None = None
    ) -> Shown:
        """Show how far something is; returns what comes of it."""
        drawn, when = "", 0.0
        try:
            while True:
                step = next(steps)
                html, now = upload.progress(step, what), time.monotonic()
                if html != drawn and now - when >= DRAW_EVERY:
                    yield show(html) if show else {self.parts.progress: html}
                    drawn, when = html, now
                elif now - when >= CLOSED_WITHIN:
                    yield gr.skip()  # where the page was closed meanwhile this ends here
                    when = now
        except StopIteration as finished:
            return finished.value
        finally:
            steps.close()

    # --- after a reload

    def restore(
        self, request: gr.Request, nonce: str, kept: object, brought: str, begun: str
    ) -> Any:
        """Restore the section after a reload; else check.

        As far as it is still here. Asked when the page knows its nonce and again when the browser
        has found what it kept. brought: by somebody who was quicker. begun: a check has, and it
        marks this view of the page: what the view has kept itself is not put back over what is
        there by now.
        """
        parts, uploads = self.parts, self.services.uploads
        if isinstance(kept, list):
            kept = None if kept[-1:] in ([begun], [""]) else kept[:-1]
        visitor = self.services.auth.looks(request, nonce)
        found = None if brought else restored(kept, uploads, visitor)
        if not nonce or found is None:
            return {parts.begin: marked()} if nonce and not begun else gr.skip()
        (source, mine, brought, extra), said = found
        known = source in {value for _, value in parts.source.choices}
        return {
            parts.source: source if known else gr.skip(), parts.mine: mine, parts.brought: brought,
            parts.begin: gr.skip() if begun or (mine and source == OWN) else marked(),
            # Nothing is wiped: it may say by now why what was just brought cannot be used.
            **({parts.said: elements.error(said)} if said else {}),
            **(self._with_more(uploads.raw(extra, visitor)) if extra else {}),
        }


def _chosen(roles: Sequence[Any]) -> Columns:
    return chosen_columns(dict(zip(ROLES, roles[: len(ROLES)], strict=True)))


def _options(roles: Sequence[Any]) -> list[str]:
    """What is done to the data on its way in, which stands behind the columns."""
    return checked_options(next(iter(roles[len(ROLES) :]), None))


def _boxes(look: Mapping[str, Any], columns: Columns | None, what: ImportRequest) -> str:
    """What the boxes are to be filled with, never twice the same."""
    offered = look.get("hub") or {}
    return marked(
        names=[str(name) for name in look.get("columns") or []],
        columns=columns.as_json() if columns else {}, config=what.config, split=what.split,
        sheet=what.sheet, sheets=[str(name) for name in look.get("sheets") or []],
        **{part: [str(name) for name in offered.get(part) or []] if what.hub else []
           for part in ("configs", "splits")})


def _of_a_workbook(chosen: str, names: Sequence[str]) -> gr.Dropdown:
    """A box for the sheet of a workbook that has several; the first is the one that is read."""
    choices = [("All sheets, one below the other", ALL), *((name, name) for name in names)]
    return gr.Dropdown(choices, value=chosen or next(iter(names), None), visible=len(names) > 1)


def _of_the_hub(chosen: str, names: Sequence[str]) -> gr.Dropdown:
    """A box for a part of a data set, where there are several."""
    return gr.Dropdown(list(names), value=chosen if chosen in names else next(iter(names), None),
                       visible=len(names) > 1)
