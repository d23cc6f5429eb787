"""Publishing the run that is watched.

Where to, the card as it will look, how far it is.
"""

import time
from collections.abc import Callable
from typing import Any

import gradio as gr

from train.publish.bundle import card_text as as_published
from train.publish.onnx import can_export
from train.publish.permissions import check_repo_id
from train.publish.publish import PublishRequest
from train.report.card_metadata import LICENSES, CardEdits, title_of
from train.run.files import sentence_of
from train.run.record import Run, RunRecord
from ui.auth import Visitor
from ui.html import elements
from ui.html.card import previewed
from ui.html.publish import publication
from ui.html.words import without_code
from ui.services.app import Services
from ui.services.publishing import Extras, Publishing
from ui.services.runs import RunService, named_files

from .shared import HIDDEN, QUIET, Shared, ticking

ON_EDITED = [("Replace it with this one", "replace"), ("Keep it as it is there", "keep"),
             ("Put both together", "merge")]
AS_BASE = "as the base model’s"
CARD_FIELDS = 5


def publish_panel(
    services: Services,
    service: RunService,
    publishing: Publishing,
    shared: Shared,
    current: gr.Textbox,
) -> gr.Accordion:
    """Build the publish panel for the current run.

    Inside the current Blocks; the run's id is in `current`.
    """
    with gr.Accordion("Publish to the Hub", open=False, visible=False, elem_id="publish") as panel:
        to = gr.Textbox(label="Repository", placeholder="you/name-of-the-model", max_length=200,
                        elem_id="publish-to")
        name_said = gr.HTML(js_on_load=None)
        who = gr.HTML(js_on_load=None, elem_id="publish-who")
        with gr.Row():
            private = gr.Checkbox(True, label="Private")
            pull = gr.Checkbox(False, label="As a pull request")
            over = gr.Checkbox(False, label="Publish over what else is there",
                               elem_id="publish-over")
        with gr.Accordion("The card: what it says, and how it looks", open=False):
            title = gr.Textbox(label="Title", max_length=120)
            with gr.Row():
                license_ = gr.Dropdown([AS_BASE, *LICENSES], value=AS_BASE, label="Licence")
                language = gr.Textbox(label="Language", info="Codes such as en, de",
                                      placeholder=AS_BASE, max_length=60)
            description = gr.Textbox(label="Description", lines=3, max_length=5000)
            hide = gr.Checkbox(True, label="The data is private: no text of it on the card")
            with gr.Tabs():
                with gr.Tab("As it will look"):
                    preview = gr.Markdown(elem_id="card-preview", max_height=520)
                with gr.Tab("As it is written"):
                    raw = gr.Code(language="markdown", interactive=False, max_lines=30,
                                  elem_id="card-raw", label="README.md")
        with gr.Accordion("Extras", open=False):
            onnx = gr.Checkbox(
                False, interactive=can_export(),
                label="ONNX in int8 beside the weights, for CPUs",
                info="Sent only if it ranks as well." if can_export() else
                "Needs the packages of requirements-onnx.txt.")
            with gr.Row():
                with_data = gr.Checkbox(False, label="The data as a data set of its own")
                data_to = gr.Textbox(label="Data set", placeholder="you/name-of-the-data",
                                     max_length=200, elem_id="data-to")
                data_license = gr.Dropdown(list(LICENSES), value=None, label="Licence of the data",
                                           elem_id="data-license")
            with gr.Row():
                with_collection = gr.Checkbox(False, label="Add it to a collection")
                collection = gr.Textbox(label="Collection", max_length=200,
                                        placeholder="you/name-0123456789abcdef01234567")
        edited = gr.Radio(ON_EDITED, value="merge", visible=False,
                          label="The card on the Hub was edited since: what becomes of it?")
        with gr.Row():
            go = gr.Button("Publish", variant="primary", interactive=False, elem_id="publish-go")
            stop = gr.Button("Cancel", visible=False)
        out = gr.HTML(js_on_load=None, elem_id="published")
    card = [title, license_, language, description, hide]
    extras = [onnx, with_data, data_to, data_license, with_collection, collection]
    drawn = gr.State(None)
    filled = current.change(_fill(services, service), [shared.nonce, current], [to, *card], **QUIET)
    panel.expand(_who(services), shared.nonce, who, concurrency_limit=4, **HIDDEN)
    drawing = {"fn": _preview(services, service), "inputs": [shared.nonce, current, to, *card],
               "outputs": [preview, raw], **QUIET}
    filled.then(**drawing)  # of another run, though its fields may be the same
    gr.on([field.change for field in card], trigger_mode="always_last", **drawing)
    to.change(_check_name, to, name_said, trigger_mode="always_last", **QUIET)
    timer = ticking(False)
    looking = {"fn": _look(services, service, publishing),
               "inputs": [shared.nonce, current, drawn],
               "outputs": [out, go, stop, edited, timer, drawn], **QUIET}
    timer.tick(**looking)
    filled.then(**looking)
    go.click(_publish(services, service, publishing),
             [shared.nonce, current, to, private, pull, over, edited, *card, *extras], out,
             concurrency_limit=4, api_visibility="private").then(**looking)
    stop.click(_stop(services, service, publishing), [shared.nonce, current], stop, queue=False,
               api_visibility="private")
    return panel


def card_edits(
    title: str | None, license_: str | None, language: str | None, description: str | None,
    hide: bool | None,
) -> CardEdits:
    """What was typed about the card.

    A box nobody touched has None. CardError. hide: whether the data is private, None where nobody
    said.
    """
    return CardEdits(
        title=(title or "").strip() or None,
        license=None if license_ in ("", None, AS_BASE) else license_,
        language=tuple((language or "").replace(",", " ").split()),
        description=(description or "").strip() or None,
        private_data=hide,
    )


def wanted_extras(
    onnx: bool, with_data: bool, data_to: str | None, data_license: str | None,
    with_collection: bool, collection: str | None,
) -> Extras:
    """What was chosen beside the model.

    ValueError says what is missing.
    """
    if with_data and not data_license:
        raise ValueError("Say under which licence the data is.")
    if with_collection and not (collection or "").strip():
        raise ValueError("Say which collection: its name is the end of its address on the Hub.")
    return Extras(onnx, check_repo_id(data_to or "") if with_data else "", data_license or "",
                  (collection or "").strip() if with_collection else "")


def _fill(services: Services, service: RunService) -> Callable[..., Any]:
    """What stands in the form for another run: what its record keeps, or what suits it."""
    def fill(request: gr.Request, nonce: str, run_id: str) -> Any:
        visitor = services.auth.looks(request, nonce)
        try:
            run = service.own(visitor, run_id)
            record = run.record()
            kept = record.card
            before = record.published[-1].repo if record.published else record.publish_to
            to = before or _suggested(visitor, record)
            return (to, kept.title or title_of(record), kept.license or AS_BASE,
                    ", ".join(kept.language), kept.description or "",
                    bool(CardEdits.of(record).private_data))
        except (ValueError, KeyError):
            return [gr.skip()] * 6

    return fill


def _who(services: Services) -> Callable[..., str]:
    """In whose name, and where they may publish, as the Hub says."""
    def who(request: gr.Request, nonce: str) -> str:
        visitor = services.auth.looks(request, nonce)
        if visitor.token is None:
            how = (
                "Sign in with Hugging Face" if services.settings.on_space else "Run `hf auth login`"
            )
            return elements.sentence(f"Nobody is signed in. {how} to publish.")
        try:
            spaces = services.auth.accounts.of(visitor.token).namespaces
        except ValueError as error:
            return elements.error(str(error))
        return elements.sentence(f"You may publish as {', '.join(spaces)}.")

    return who


def _suggested(visitor: Visitor, record: RunRecord) -> str:
    base = record.base_model.name.rstrip("/").rsplit("/", 1)[-1]
    data = "".join(c if c.isalnum() else "-" for c in record.data.name).strip("-")
    return f"{visitor.name}/{base}-{data}"[:96] if visitor.name else ""


def _preview(services: Services, service: RunService) -> Callable[..., Any]:
    def preview(request: gr.Request, nonce: str, run_id: str, to: str, *card: Any) -> Any:
        try:
            run = service.own(services.auth.looks(request, nonce), run_id)
            text = card_text(run, to, card_edits(*card))
        except (ValueError, KeyError, TypeError) as error:
            return f"*{str(error) or 'There is nothing to preview yet.'}*", ""
        return previewed(text.split("---\n", 2)[-1]), text

    return preview


def card_text(run: Run, to: str | None, edits: CardEdits) -> str:
    """The card of a run with some edits."""
    record = run.record().changed(card=edits.as_record())
    if not record.metrics:
        raise ValueError("The card is written when the run has been measured.")
    return as_published(record, (to or "").strip() or None)


def _check_name(to: str | None) -> str:
    if not to or not to.strip():
        return ""
    try:
        check_repo_id(to)
    except ValueError as error:
        return elements.error(str(error))
    return ""


def _look(services: Services, service: RunService, publishing: Publishing) -> Callable[..., Any]:
    def look(request: gr.Request, nonce: str, run_id: str, drawn: Any) -> Any:
        visitor = services.auth.looks(request, nonce)
        signed_in = visitor.token is not None
        try:
            run = service.run(visitor, run_id) if run_id else None
        except ValueError:
            run = None
        at = publishing.of(run_id) if run else None
        record = run.record() if run else None
        published = record.published if record else ()
        seen = (run_id, at, len(published), sum(entry.verified for entry in published), signed_in)
        if seen == drawn:
            return gr.skip()
        active = at is not None and at.active
        return (publication(at, published, (record and record.publish_to) or ""),
                gr.Button("Publishing …" if active else "Publish",
                          interactive=signed_in and not active),
                gr.Button(visible=active, interactive=True),
                gr.Radio(visible=at is not None and at.kind == "edited"), ticking(active), seen)

    return look


def _publish(services: Services, service: RunService, publishing: Publishing) -> Callable[..., Any]:
    def go(
        request: gr.Request, nonce: str, run_id: str, to: str, private: bool, pull: bool,
        over: bool, edited: str, *card_and_extras: Any,
    ) -> Any:
        card, extras = card_and_extras[:CARD_FIELDS], card_and_extras[CARD_FIELDS:]
        try:
            visitor = services.auth.visitor(request, nonce)
            run = service.own(visitor, run_id)
            at = publishing.of(run_id)
            on_edited = edited if at is not None and at.kind == "edited" else "ask"
            asked = PublishRequest(to or "", private, pull, on_edited, over)
            publishing.start(run, asked, visitor.token, card_edits(*card), wanted_extras(*extras))
        except (ValueError, OSError) as error:
            return elements.error(sentence_of(error))
        return gr.skip()

    return go


def _stop(services: Services, service: RunService, publishing: Publishing) -> Callable[..., Any]:
    def stop(request: gr.Request, nonce: str, run_id: str) -> Any:
        try:
            service.own(services.auth.visitor(request, nonce), run_id)
        except (ValueError, OSError) as error:
            raise gr.Error(without_code(sentence_of(error)), print_exception=False) from error
        publishing.stop(run_id)
        return gr.Button("Cancelling …", interactive=False)

    return stop


def published(publishing: Publishing, run: Run, asked: PublishRequest, token: str | None,
              edits: CardEdits) -> dict[str, Any]:
    """Publish for a program: waits until it is done.

    Gives what `python -m train publish` prints. But a file's `path` is called `name` here.

    ValueError with the sentence when nothing, or not all, was published.
    """
    publishing.start(run, asked, token, edits)
    while (at := publishing.of(run.id)) is not None and at.active:
        time.sleep(0.2)
    if at is None or at.kind != "done":
        raise ValueError(at.text if at else "It was not published.")
    return named_files(at.result)
