"""The data of a fine-tune.

The built-in, the owner's, or what a visitor brings and describes.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from corpus.load import BUILT_IN
from corpus.readers.registry import SOURCE_SUFFIXES
from ui.html import data as data_html
from ui.html import upload
from ui.services.app import Services
from ui.services.importing import Importer
from ui.tabs.shared import HIDDEN, QUIET, Shared

from .components import NONE, Parts, Roles
from .handlers import DataActs
from .restore import BRING_FIRST, NO_DATA, OWN

CHILDREN: dict[str, Any] = {"concurrency_id": "children", "concurrency_limit": 12}
"""How many may look, convert and check at a time; `Importer` has most of them wait their turn."""


@dataclass(frozen=True)
class DataPanel:
    """What the rest of the form needs.

    The data's name, and what tells that data was chosen.
    """

    data: gr.Textbox
    chosen: list[Any]


def data_panel(
    services: Services, importer: Importer, shared: Shared, tab: gr.Tab
) -> DataPanel:
    """Build the section inside the current Blocks.

    tab: whose first selection lets the data be checked: who never comes here waits for no check.
    """
    parts = _parts(services)
    kept = gr.BrowserState(None, storage_key="tandem-data", secret="tandem-data-1")
    opened = gr.Textbox("", visible="hidden")
    tab.select(lambda: "opened", None, opened, **QUIET)
    acts = DataActs(services, importer, parts)
    return DataPanel(parts.data, _listen(acts, parts, kept, shared.nonce, shared, opened))


def _parts(services: Services) -> Parts:
    own = services.settings.data if services.settings.data != BUILT_IN else None
    choices = [("Porsche questions and answers (built in)", BUILT_IN)]
    choices += [(f"{Path(own).name} (TANDEM_DATA)", own)] if own else []
    gr.Markdown("## 1 · Data")
    source = gr.Radio([*choices, ("My own data", OWN)], value=own or BUILT_IN, show_label=False,
                      label="Data", elem_id="data-source")
    data = gr.Textbox(own or BUILT_IN, visible="hidden", elem_id="data-name")
    mine, brought, extra, boxes, begin = (gr.Textbox("", visible="hidden") for _ in range(5))
    # What is seen of all this the style sheet says: what comes to the page in the same moment as
    # what stands in it sometimes stays empty.
    with gr.Column(elem_id="bring"):
        gr.HTML(upload.before(services.settings), js_on_load=None, elem_id="before")
        file = gr.File(label="A file", file_types=list(SOURCE_SUFFIXES), height=140,
                       elem_id="data-file")
        with gr.Accordion("Or a data set of the Hub", open=False):
            hub = gr.Textbox(label="Data set", placeholder="owner/name", max_length=200,
                             info="owner/name@revision for one commit. A private one is read with "
                             "the account you are signed in with.", elem_id="hub-id")
            hub_look = gr.Button("Look at it", size="sm", elem_id="hub-look")
            with gr.Row():
                config = gr.Dropdown([], label="Configuration", visible=False, elem_id="hub-config")
                split = gr.Dropdown([], label="Split", visible=False, elem_id="hub-split")
        with gr.Accordion("More passages, without questions", open=False):
            more = gr.File(label="A file of passages", file_types=list(SOURCE_SUFFIXES), height=140,
                           elem_id="more-file")
            more_said = gr.HTML(js_on_load=None, elem_id="more-said")
            more_out = gr.Button("Leave them out", size="sm", visible=False)
        found = gr.HTML(js_on_load=None, elem_id="found")
        with gr.Column(elem_id="columns"):
            sheet = gr.Dropdown([], label="Sheet", visible=False, elem_id="sheet")
            roles, swap, use = _roles()
        said = gr.HTML(js_on_load=None, elem_id="data-said")
    with gr.Row(elem_id="working"):
        progress = gr.HTML(js_on_load=None, elem_id="data-progress")
        cancel = gr.Button("Cancel", size="sm", scale=0, min_width=100, elem_id="data-cancel")
    check = gr.HTML(data_html.note("The data check stands here."), js_on_load=None,
                    elem_id="check")
    with gr.Row(elem_id="data-after"):
        stop = gr.Button("Cancel the check", size="sm", elem_id="check-stop")
        again = gr.Button("Check it again", size="sm", elem_id="check-again")
        compare = gr.Button("Try it in Compare", size="sm", elem_id="data-compare")
    return Parts(source, data, mine, brought, extra, boxes, begin, file, hub, hub_look, config,
                 split, sheet, more, more_said, more_out, found, said, roles, swap, use, progress,
                 cancel, check, stop, again, compare)


def _roles() -> tuple[Roles, gr.Button, gr.Button]:
    with gr.Row(elem_id="columns-pair"):
        anchor = gr.Dropdown([], label="Question (anchor)", elem_id="column-anchor", min_width=180)
        swap = gr.Button("⇄ Swap", size="sm", scale=0, min_width=90, elem_id="columns-swap")
        positive = gr.Dropdown([], label="Answer (positive)", elem_id="column-positive",
                               min_width=180)
    negatives = gr.Dropdown([], multiselect=True, label="Wrong answers (negatives)",
                            elem_id="column-negatives")
    with gr.Row():
        score = gr.Dropdown([NONE], value="", label="Score or label", elem_id="column-score",
                            min_width=150)
        least = gr.Number(None, label="Least score", elem_id="column-least", min_width=110)
        topic = gr.Dropdown([NONE], value="", label="Topic", elem_id="column-topic", min_width=150)
    options = gr.CheckboxGroup(
        [("Strip HTML tags", "strip_html"), ("Put right accents (Ã¼ → ü)", "fix_mojibake"),
         ("Split by question (few answers, many questions)", "split_by_question")],
        label="On the way in", elem_id="column-options",
        info="A split by question shows whether new wordings find known answers, not whether "
             "answers are found that training never saw.")
    use = gr.Button("Use these columns", variant="primary", elem_id="columns-use")
    return Roles(anchor, positive, negatives, score, least, topic, options), swap, use


def _listen(
    service: DataActs, parts: Parts, kept: gr.BrowserState, nonce: gr.Textbox, shared: Shared,
    opened: gr.Textbox,
) -> list[Any]:
    """Say what happens; gives the events by which data is chosen."""
    children: dict[str, Any] = {**CHILDREN, **HIDDEN}
    roles, made = parts.roles.all, [parts.data, parts.mine, parts.said, parts.progress]
    switched = parts.source.change(_switch, [parts.source, parts.mine], parts.data, **QUIET)
    _listen_to_bringing(service, parts, nonce)
    brought = parts.brought.change(
        service.bring, [nonce, parts.brought, parts.extra, parts.mine],
        [parts.found, parts.boxes, *made], trigger_mode="always_last", **children)
    filled = parts.boxes.change(
        service.fill, parts.boxes, [*roles, parts.config, parts.split, parts.sheet], **QUIET
    )
    used = parts.use.click(
        service.use, [nonce, parts.brought, parts.extra, *roles, parts.roles.options], made,
        **children
    )
    more = [event.then(service.use_with, [nonce, parts.brought, parts.extra, parts.mine, *roles,
                                          parts.roles.options], made, **children)
            for event in (
                # Unprocessed: Gradio's way makes an empty file beside each, and nobody removes it.
                parts.more.upload(service.receive_more, [nonce, parts.more],
                                  [parts.more, parts.said, *parts.joining], preprocess=False,
                                  **HIDDEN),
                parts.more_out.click(service.without_more, None, parts.joining, **QUIET))]
    parts.swap.click(lambda anchor, positive: (positive, anchor), roles[:2], roles[:2], **QUIET)
    # Not when the nonce comes: what else waits for that would wait for the check.
    gr.on([parts.data.change, parts.begin.change, parts.again.click, opened.change], service.check,
          [nonce, parts.data, opened], parts.check, trigger_mode="always_last", **children)
    parts.data.change(service.stop_others, parts.data, None, trigger_mode="multiple", **QUIET)
    # At once, however many checks wait their turn: nothing of other data may stand there.
    parts.data.change(_without_data, parts.data, parts.check, trigger_mode="multiple", **QUIET)
    shared.tune.change(_asked_to_tune, shared.tune,
                       [parts.source, parts.mine, parts.data, shared.tune],
                       trigger_mode="multiple", **QUIET)
    parts.cancel.click(service.cancel, None, None, **QUIET)
    parts.stop.click(service.stop_check, None, None, **QUIET)
    parts.compare.click(lambda data: (data, gr.Tabs(selected="compare")), parts.data,
                        [shared.run, shared.tabs], **QUIET)
    # Kept when somebody chooses or brings: what the page fills in while it loads would overwrite
    # what is about to be restored.
    remembered = [parts.source, parts.mine, parts.brought, parts.extra, *roles, parts.begin]
    chosen = [switched, brought, used, *more]
    for event in (*chosen, filled):
        event.success(lambda *values: list(values), remembered, kept, **QUIET)
    gr.on([nonce.change, kept.change], service.restore, [nonce, kept, parts.brought, parts.begin],
          [parts.source, parts.mine, parts.begin, parts.brought, parts.said, *parts.joining],
          trigger_mode="multiple", **QUIET)
    return chosen


def _listen_to_bringing(service: DataActs, parts: Parts, nonce: gr.Textbox) -> None:
    parts.file.upload(service.receive, [nonce, parts.file, parts.mine],
                      [parts.file, parts.brought, parts.said, parts.data, parts.mine],
                      preprocess=False, **HIDDEN)
    gr.on([parts.hub_look.click, parts.hub.submit], service.name_hub, parts.hub,
          [parts.brought, parts.said], **QUIET)
    gr.on([parts.config.input, parts.split.input], service.choose_part,
          [parts.brought, parts.config, parts.split], [parts.brought, parts.said], **QUIET)
    parts.sheet.input(service.choose_sheet, [parts.brought, parts.sheet],
                      [parts.brought, parts.said], **QUIET)


def _asked_to_tune(data: str) -> Any:
    """Data that Compare shows, taken for the fine-tune; the wish is heard once."""
    return (OWN, data, data, "") if data else (gr.skip(),) * 4


def _without_data(data: str) -> Any:
    """What stands in place of a check while there is no data."""
    return data_html.note(BRING_FIRST) if data == NO_DATA else gr.skip()


def _switch(chosen: str, mine: str) -> Any:
    """The data of a choice; what somebody brought is chosen again with the choice to bring.

    Until they have brought something there is none: nothing of other data is left standing.
    """
    return chosen if chosen != OWN else mine or NO_DATA
