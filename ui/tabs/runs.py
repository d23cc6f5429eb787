"""The Runs tab.

All runs, and what can be done with them.
"""

from collections.abc import Callable
from typing import Any

import gradio as gr

from retrieval.metrics import PRIMARY
from train.report.evidence_html import scoreboard
from train.run.archive import zipped
from train.run.files import sentence_of
from ui.auth import Visitor
from ui.html import elements, runs
from ui.html.publish import publication
from ui.html.words import without_code
from ui.services.app import Services
from ui.services.progress import duration
from ui.services.run_state import RunState
from ui.services.runs import RunService

from .shared import QUIET, SLOW_TICK, Shared

HEADERS = ["Started", "Status", "Data", "Base", "Recipe", f"{PRIMARY} before", "after", "Took"]


def runs_tab(services: Services, service: RunService, shared: Shared, tab: gr.Tab) -> None:
    """Build the tab inside the current Blocks."""
    kept = gr.HTML(js_on_load=None, elem_id="runs-kept")
    empty = gr.HTML(runs.no_run(), js_on_load=None)
    table = gr.Dataframe(headers=HEADERS, interactive=False, wrap=True, max_height=420,
                         elem_id="runs", visible=False, show_search="search",
                         datatype=["str"] * 5 + ["number"] * 2 + ["str"],
                         column_widths=["16%", "10%", "16%", "18%", "11%", "11%", "8%", "10%"])
    with gr.Row(visible=False) as choose:
        chosen = gr.Dropdown([], label="Run", elem_id="run-chosen", scale=3, min_width=260)
        other = gr.Dropdown([], label="Beside it", elem_id="run-other", scale=3, min_width=260,
                            info="Measured on the same test questions. The earlier stands left.")
    with gr.Row(visible=False, elem_id="runs-acts") as buttons:
        watch = gr.Button("Open", variant="primary", size="sm")
        use = gr.Button("Use in Compare", size="sm")
        compare = gr.Button("Compare the two", size="sm")
        alike = gr.Button("All on these questions", size="sm")
        resume = gr.Button("Resume", size="sm")
        pack = gr.Button("Download as zip", size="sm")
        save = gr.DownloadButton("Save the zip", size="sm", visible=False, elem_id="zip-save")
        delete = gr.Button("Delete", variant="stop", size="sm")
    with gr.Row(visible=False, elem_id="runs-sure") as sure:
        question = gr.HTML(js_on_load=None)
        yes = gr.Button("Delete it", variant="stop", size="sm")
        no = gr.Button("Keep it", size="sm")
    published = gr.HTML(js_on_load=None, elem_id="runs-published")
    said = gr.HTML(js_on_load=None, elem_id="runs-said")
    drawn = gr.State(None)

    listed = [empty, table, choose, buttons, chosen, other, drawn]
    timer = gr.Timer(SLOW_TICK)
    gr.on([tab.select, timer.tick, shared.nonce.change], _list(services, service),
          [shared.nonce, chosen, other, drawn], listed, trigger_mode="always_last", **QUIET)
    tab.select(_kept(services), shared.nonce, kept, **QUIET)
    table.select(_choose, drawn, chosen, **QUIET).then(
        _published(services, service), [shared.nonce, chosen], [published, save], **QUIET)
    watch.click(lambda run: (run or "", gr.Tabs(selected="finetune")), chosen,
                [shared.watched, shared.tabs], **QUIET)
    use.click(lambda run: (run or "", gr.Tabs(selected="compare")), chosen,
              [shared.run, shared.tabs], **QUIET)
    compare.click(_beside(services, service), [shared.nonce, chosen, other], said,
                  concurrency_limit=2, api_visibility="private")
    alike.click(_alike(services, service), [shared.nonce, chosen], said, concurrency_limit=2,
                api_visibility="private")
    resume.click(_resume(services, service), [shared.nonce, chosen], [shared.watched, shared.tabs],
                 queue=False, api_visibility="private")
    pack.click(_zip(services, service), [shared.nonce, chosen], save, concurrency_limit=1,
               api_visibility="private").success(None, None, None, js="tandem.saveZip")
    chosen.change(_published(services, service), [shared.nonce, chosen], [published, save], **QUIET)
    delete.click(_ask(services, service), [shared.nonce, chosen], [sure, question], **QUIET)
    no.click(lambda: gr.Row(visible=False), None, sure, **QUIET)
    yes.click(_delete(services, service), [shared.nonce, chosen, shared.run, shared.watched],
              [sure, said, chosen, shared.run, shared.watched], queue=False,
              api_visibility="private").then(
        _list(services, service), [shared.nonce, chosen, other, drawn], listed, **QUIET)


def _list(services: Services, service: RunService) -> Callable[..., Any]:
    def listing(
        request: gr.Request, nonce: str, chosen: str | None, other: str | None, drawn: Any
    ) -> Any:
        states = service.listed(services.auth.looks(request, nonce))
        rows = [_row(state) for state in states]
        if rows == drawn:
            return gr.skip()
        ids = [state.id for state in states]
        names = [(runs.name_of(state), state.id) for state in states]
        chosen = chosen if chosen in ids else next(iter(ids), None)
        some = bool(rows)
        return (gr.HTML(visible=not some),
                gr.Dataframe([row[:-1] for row in rows], visible=some),
                gr.Row(visible=some), gr.Row(visible=some), gr.Dropdown(names, value=chosen),
                gr.Dropdown(names, value=other if other in ids else None), rows)

    return listing


def _kept(services: Services) -> Callable[..., str]:
    """Where finished runs are kept, or why they are not: for the owner, who can change it."""
    def kept(request: gr.Request, nonce: str) -> str:
        home = services.home
        if home is None or not services.auth.looks(request, nonce).is_owner:
            return ""
        if home.problem:
            return elements.error(home.problem)
        return elements.sentence(f"What is over is kept in {home.place.name}.")

    return kept


def _row(state: RunState) -> list[Any]:
    """What the table shows of a run, and last its id, which it does not show."""
    before, after = state.test or (None, None)
    return [
        runs.started(state.created), runs.STATUS_WORDS.get(state.status, ""),
        state.data, state.base.rsplit("/", 1)[-1], state.recipe,
        None if before is None else round(before, 3), None if after is None else round(after, 3),
        duration(state.seconds) if state.seconds else "", state.id,
    ]


def _published(services: Services, service: RunService) -> Callable[..., Any]:
    """Where a run has been published: link, commit, time, and whether it was verified.

    What was packed of another run is no longer offered.
    """
    def published(request: gr.Request, nonce: str, chosen: str | None) -> Any:
        packed = gr.DownloadButton(visible=False)
        try:
            run = service.run(services.auth.looks(request, nonce), chosen or "")
            return publication(None, run.record().published), packed
        except ValueError:
            return "", packed

    return published


def _choose(drawn: list[list[Any]] | None, event: gr.SelectData) -> Any:
    """The run of a row, however the table is sorted: when, data, base and recipe name it."""
    named = [0, 2, 3, 4]
    row = [event.row_value[place] for place in named]
    found = [known[-1] for known in drawn or [] if [known[place] for place in named] == row]
    return found[0] if found else gr.skip()


def _beside(services: Services, service: RunService) -> Callable[..., str]:
    def beside(request: gr.Request, nonce: str, chosen: str | None, other: str | None) -> str:
        visitor = services.auth.looks(request, nonce)
        try:
            if not chosen or not other or chosen == other:
                raise ValueError("Choose two different runs: one above, one beside it.")
            states = [service.state(service.run(visitor, run_id)) for run_id in (chosen, other)]
            left, right = sorted(states, key=lambda state: (state.created, state.id))
            evidence = service.beside(visitor, left.id, right.id)
        except ValueError as error:
            return elements.error(str(error))
        about = f"Left: {runs.name_of(left)}. Right: {runs.name_of(right)}."
        return scoreboard(evidence, about, names=_told(left, right))

    return beside


def _told(left: RunState, right: RunState) -> tuple[str, str]:
    """Two runs by their recipes, and by when they began where that is the same."""
    if left.recipe != right.recipe:
        return left.recipe, right.recipe
    return (f"{left.recipe} of {runs.started(left.created)}",
            f"{right.recipe} of {runs.started(right.created)}")


def _alike(services: Services, service: RunService) -> Callable[..., str]:
    def alike(request: gr.Request, nonce: str, chosen: str | None) -> str:
        try:
            visitor = services.auth.looks(request, nonce)
            rows = service.alike(visitor, chosen or "")
            return runs.several(rows, {
                state.id: runs.name_of(state) for state in service.listed(visitor)})
        except ValueError as error:
            return elements.error(str(error))

    return alike


def _resume(services: Services, service: RunService) -> Callable[..., Any]:
    def resume(request: gr.Request, nonce: str, chosen: str | None) -> Any:
        try:
            run = service.resume(services.auth.visitor(request, nonce), chosen or "")
        except (ValueError, OSError) as error:
            raise gr.Error(without_code(sentence_of(error)), print_exception=False) from error
        return run.id, gr.Tabs(selected="finetune")

    return resume


def _zip(services: Services, service: RunService) -> Callable[..., Any]:
    def archive(request: gr.Request, nonce: str, chosen: str | None) -> Any:
        try:
            run = service.run(services.auth.looks(request, nonce), chosen or "")
            place = zipped(run)
            label = f"Save {place.name} ({place.stat().st_size / 1e6:.0f} MB)"
            return gr.DownloadButton(label, value=str(place), visible=True)
        except (ValueError, OSError) as error:
            raise gr.Error(without_code(sentence_of(error)), print_exception=False) from error

    return archive


def _ask(services: Services, service: RunService) -> Callable[..., Any]:
    def ask(request: gr.Request, nonce: str, chosen: str | None) -> Any:
        if not chosen:
            return gr.Row(visible=False), ""
        name = run_name(service, services.auth.looks(request, nonce), chosen)
        return gr.Row(visible=True), elements.sentence(
            f"Delete {name} with its model, record and checkpoints? It cannot be undone.")

    return ask


def run_name(service: RunService, visitor: Visitor, run_id: str) -> str:
    """The name of a run, or its id."""
    try:
        record = service.run(visitor, run_id).record()
    except ValueError:
        return run_id
    return runs.named(record.data.name, record.recipe_name, record.created)


def _delete(services: Services, service: RunService) -> Callable[..., Any]:
    def delete(
        request: gr.Request, nonce: str, chosen: str | None, shown: str, watched: str
    ) -> Any:
        name = run_name(service, services.auth.looks(request, nonce), chosen or "")
        try:
            service.delete(services.auth.visitor(request, nonce), chosen or "")
        except (ValueError, OSError) as error:
            skip = gr.skip()
            return gr.Row(visible=False), elements.error(sentence_of(error)), skip, skip, skip
        return (gr.Row(visible=False), elements.sentence(f"{name} is deleted."), None,
                "" if shown == chosen else gr.skip(), "" if watched == chosen else gr.skip())

    return delete
