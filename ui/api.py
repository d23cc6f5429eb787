"""Endpoints that check data and run fine-tunes, for programs.

They start, watch and stop runs. A program acts with the token it sends (gradio_client's `token`),
never with a browser's session.
"""

from typing import Any

import gradio as gr

from hub.progress import drained
from retrieval.models import EMBEDDED_MODEL
from train.publish.publish import PublishRequest
from train.run.files import sentence_of
from ui.services.app import Services
from ui.services.importing import (
    Importer,
    ImportFailedError,
    ImportRequest,
    checked_options,
    columns_for,
)
from ui.services.publishing import Publishing
from ui.services.runs import RunService, TrainForm
from ui.tabs.data.panel import CHILDREN
from ui.tabs.publish import card_edits, published

from .auth import Visitor


def add_endpoints(
    services: Services, service: RunService, importer: Importer, publishing: Publishing
) -> None:
    """Add the endpoints to the current Blocks."""

    def check(
        request: gr.Request,
        data: str = "porsche",
        file: dict[str, Any] | None = None,
        columns: dict[str, Any] | None = None,
        hub: dict[str, Any] | None = None,
        passages: dict[str, Any] | None = None,
        options: list[str] | None = None,
        sheet: str = "",
    ) -> dict[str, Any]:
        """Check data before training on it.

        data: `porsche`, or the `data` that an earlier check gave. file: a file to check instead,
        or hub: a data set of the Hub, `{"id": "owner/name", "config": …, "split": …}`. columns:
        which column holds what, `{"anchor": …, "positive": …, "negatives": [], "score": …,
        "least_score": …, "topic": …}`, where their names leave it open. passages: a file of more
        passages. options: of `strip_html`, `fix_mojibake` and `split_by_question`. sheet: of a
        workbook, or `all`. The answer is what `python -m corpus check --json` prints, with `data`,
        the name that `/start` takes.
        """
        with _as_gradio_error():
            visitor = services.auth.visitor(request)
            if file is not None or hub is not None:
                brought = _brought(services, visitor, file, hub, sheet)
                with services.uploads.in_use(brought.raw):
                    more = None if passages is None else services.uploads.received(passages,
                                                                                   visitor)
                    look = drained(importer.look(visitor, brought))
                    data = drained(importer.take(visitor, brought, columns_for(look, columns),
                                                 more, options=checked_options(options)))
            return drained(importer.check(visitor, data)) | {"data": data}

    def start(
        request: gr.Request,
        data: str = "porsche",
        recipe: str = "tandem",
        base: str = EMBEDDED_MODEL,
        settings: dict[str, Any] | None = None,
        engine: str = "auto",
        flavor: str = "",
        seed: int = 42,
        publish_to: str = "",
        query_prompt: str | None = None,
        passage_prompt: str | None = None,
        folds: int = 0,
    ) -> dict[str, Any]:
        """Start a fine-tune.

        It waits in the queue until its device is free. settings: hyperparameters to replace in the
        recipe. publish_to: owner/name, to publish it there (private) when it is done. query_prompt,
        passage_prompt: what is put before a text, None for what the base has. folds: to
        cross-validate over, 0 for none. Gives the run's id and status.
        """
        with _as_gradio_error():
            visitor = services.auth.visitor(request)
            values = {str(name): "none" if value is None else str(value)
                      for name, value in (settings or {}).items()}
            prompts = [text if text is None else str(text)
                       for text in (query_prompt, passage_prompt)]
            asked = TrainForm(str(data), str(recipe), str(base), values, str(engine), str(flavor),
                              seed, *prompts, folds=folds)
            run = publishing.start_and_publish(service, visitor, asked, publish_to)
            return service.status(visitor, run.id)

    def status(request: gr.Request, run: str = "") -> dict[str, Any]:
        """How a run is doing.

        The newest one, or one by its id.
        """
        with _as_gradio_error():
            return service.status(services.auth.visitor(request), str(run))

    def stop(request: gr.Request, run: str = "") -> dict[str, Any]:
        """Stop a run; its best checkpoint is kept.

        The newest active one, or one by its id.
        """
        with _as_gradio_error():
            visitor = services.auth.visitor(request)
            newest = service.newest(visitor)
            chosen = service.stop(visitor, str(run) or (newest.id if newest else ""))
            return service.status(visitor, chosen.id)

    def publish(
        request: gr.Request,
        run: str,
        to: str,
        private: bool = True,
        pull_request: bool = False,
        on_edited: str = "ask",
        title: str = "",
        license: str = "",
        language: str = "",
        description: str = "",
        private_data: bool | None = None,
        over: bool = False,
    ) -> dict[str, Any]:
        """Publish a run's model and card to the Hub, verified.

        Takes as long as that takes. private_data: none leaves texts off the card of data that was
        brought, False shows some. on_edited: `ask`, `replace`, `keep` or `merge` a card that was
        edited there since. over: also over something else. The answer is what `python -m train
        publish --json` prints.
        """
        with _as_gradio_error():
            visitor = services.auth.visitor(request)
            edits = card_edits(title, license, language, description, private_data)
            return published(
                publishing,
                service.own(visitor, run),
                PublishRequest(to, private, pull_request, on_edited, over),
                visitor.token,
                edits,
            )

    gr.api(publish, api_name="publish", concurrency_limit=2)
    gr.api(check, api_name="check", **CHILDREN)
    gr.api(start, api_name="start", concurrency_limit=2)
    gr.api(status, api_name="status", queue=False)
    gr.api(stop, api_name="stop", queue=False)


class _as_gradio_error:
    """A sentence for a person becomes Gradio's error."""

    def __enter__(self) -> None:
        """Nothing to prepare."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, ValueError | OSError):
            raise gr.Error(sentence_of(error), print_exception=False) from error


def _brought(
    services: Services, visitor: Visitor, file: Any, hub: Any, sheet: Any
) -> ImportRequest:
    """What a program brings, a file or a data set of the Hub."""
    if file is not None:
        found = ImportRequest(raw=services.uploads.received(file, visitor).token,
                              sheet=str(sheet or ""))
        found.check()
        return found
    if not isinstance(hub, dict):
        raise ImportFailedError(
            'A data set of the Hub is given as {"id": "owner/name"}, with config '
            "and split where it has several."
        )
    named = {name: str(hub.get(name) or "") for name in ("id", "config", "split")}
    return ImportRequest("", named["id"], named["config"], named["split"])
