"""The Compare tab: one question through both models, live."""

import contextlib
from collections.abc import Callable
from typing import Any

import gradio as gr

from retrieval.compare import MAX_K, MAX_QUERY
from ui.auth import Visitor
from ui.html import comparison, elements, selection
from ui.html.words import without_code
from ui.services.app import Services
from ui.services.load_upload import is_own
from ui.services.model_pair import ModelPair
from ui.services.pair_cache import NotReadyError
from ui.services.runs import RunService
from ui.services.selection import Selection

from .helps import helps_buttons
from .questions import (
    EXAMPLES,
    a_regression,
    a_surprise,
    a_win,
    example_queries,
    first_question,
)
from .shared import HIDDEN, QUIET, Shared

DEFAULT_K = 5
ALL_DIMS = "all"
LONGEST_DIM = 10_000
WAIT = 5.0
"""Seconds a program is let wait for a pair that is being loaded: longer would hold up others."""


def compare_tab(services: Services, service: RunService, shared: Shared) -> list[Any]:
    """Build the Compare tab around the shared question.

    Inside the current Blocks. Gives the options that `addressed` fills.
    """
    question = shared.question
    with gr.Row(elem_id="ask-row"):
        question.render()
        ask = gr.Button("Compare", variant="primary", scale=1, min_width=110)
    with gr.Row(elem_id="examples"):
        win = gr.Button("A win", size="sm", elem_classes="t-choose")
        loss = gr.Button("A loss", size="sm", elem_classes="t-choose")
        surprise = gr.Button("Surprise me", size="sm", elem_classes="t-choose")
        examples = [gr.Button("", size="sm", visible=False) for _ in range(EXAMPLES)]
    choosers = (win, a_win), (loss, a_regression), (surprise, a_surprise)
    with gr.Accordion("Options", open=False, elem_id="options"), gr.Row():
        k = gr.Slider(1, MAX_K, value=DEFAULT_K, step=1, label="Passages a side (k)")
        dims = gr.Dropdown([ALL_DIMS], value=ALL_DIMS, label="Dimensions (truncate_dim)",
                           allow_custom_value=True)  # what an address asks for
        lexical = gr.Checkbox(label="Show BM25, which matches words only")
    shared.reading[0].render()
    result = gr.HTML(elements.empty(), js_on_load=None, elem_id="result")
    shown = gr.State(None)
    helps_buttons(service, shared, shown)
    gr.on(
        [question.change, question.submit, ask.click, k.release, k.change, dims.change,
         lexical.change, shared.version.change, shared.run.change, shared.stage.change],
        _result(services, service),
        [question, k, shared.run, dims, lexical, shown, shared.nonce, shared.stage],
        [result, shown],
        js="tandem.keepQuestion",
        trigger_mode="always_last",
        concurrency_limit=4,
        **HIDDEN,
    )
    gr.on(
        [shared.version.change, shared.run.change, shared.stage.change],
        _choices(services, service),
        [shared.run, shared.nonce, question],
        [question, dims, *(button for button, _ in choosers), *examples],
        queue=False,
        trigger_mode="multiple",
        **HIDDEN,
    )
    for button in examples:
        button.click(None, button, question, js="tandem.same", api_visibility="private")
    for button, choose in choosers:
        button.click(_chooser(services, service, choose), [shared.run, shared.nonce], question,
                     **QUIET)
    return [k, dims, lexical]


def addressed(request: gr.Request) -> Any:
    """What the address asks of the options.

    `k`, `dim` and `bm25`; what is no value is left.
    """
    asked = dict(request.query_params)
    k, dim = asked.get("k", ""), asked.get("dim", "")
    is_k = k.isascii() and k.isdigit() and 1 <= int(k[:6]) <= MAX_K
    is_dim = dim.isascii() and dim.isdigit() and 0 < int(dim[:6]) < LONGEST_DIM
    return (int(k) if is_k else gr.skip(),
            gr.Dropdown([ALL_DIMS, dim], value=dim) if is_dim else gr.skip(),
            True if asked.get("bm25") == "1" else gr.skip())


def question_box() -> gr.Textbox:
    """The question box, rendered by the Compare tab."""
    return gr.Textbox(
        label="Your question",
        show_label=False,
        placeholder="Ask in your own words",
        max_length=MAX_QUERY,
        scale=8,
        elem_id="question",
        render=False,
    )


def compare_endpoint(services: Services, service: RunService) -> Callable[..., dict[str, Any]]:
    """The function behind `/compare`.

    It has these parameters and no more. Who calls it over plain HTTP sends all of them: one more
    would break every such caller.
    """
    on = compare_on_endpoint(services, service)

    def compare(
        request: gr.Request, query: str, k: int = DEFAULT_K, truncate_dim: int | None = None
    ) -> dict[str, Any]:
        """Rank the corpus for one query with both models.

        Side by side.
        """
        return on(request, query, "", k, truncate_dim)

    return compare


def compare_on_endpoint(services: Services, service: RunService) -> Callable[..., dict[str, Any]]:
    """The function behind `/compare_on`."""

    def compare_on(
        request: gr.Request, query: str, run: str, k: int = DEFAULT_K,
        truncate_dim: int | None = None,
    ) -> dict[str, Any]:
        """Rank a run's or one's own corpus for a query.

        With both models of the run, or with Base on one's own data. run: the id of a run, or the
        name of data you uploaded; empty for what the page opens with.
        """
        try:
            pair = service.pair(services.auth.looks(request), str(run or ""), WAIT)
            return pair.compare(query, k, truncate_dim).as_json()
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return compare_on


def _result(services: Services, service: RunService) -> Callable[..., Any]:
    opening, views = services.opening, Selection(service)

    def result(
        request: gr.Request, question: str, k: int, run: str, dims: str, lexical: bool, shown: Any,
        nonce: str, stage: str,
    ) -> Any:
        asked = (question, k, run, dims, lexical, opening.version, stage)
        if asked == shown:  # drawing it again would only take the focus away
            return gr.skip()
        if not question or not question.strip():
            return elements.empty(), asked
        visitor = services.auth.looks(request, nonce)
        try:
            pair = service.pair(visitor, run)
            found = pair.compare(question, k, dims, lexical)
            html, seen = comparison.comparison(found, _alone(views, visitor, run, pair)), asked
        except NotReadyError:
            html, seen = _early(views, visitor, run, question, k), None
        except ValueError as error:
            html, seen = elements.error(str(error)), None
        return comparison.answering(question, html), seen

    return result


def _early(views: Selection, visitor: Visitor, run: str, question: str, k: int) -> str:
    """What there is to see while a pair is not ready."""
    if not is_own(run):
        return elements.waiting(
            "The models of that run are being loaded" if run else "The base model is getting ready")
    try:
        words = views.words(visitor, run)
        return selection.by_words(words.compare(question, k)) if words else \
            elements.waiting("Your data is being read")
    except ValueError as error:  # the question, or the data
        return elements.error(str(error))


def _alone(views: Selection, visitor: Visitor, run: str, pair: ModelPair) -> comparison.Alone:
    """What is said of the fine-tuned side while there is none."""
    if not is_own(run):
        training = views.service.services.opening.state.kind == "training"
        return comparison.TRAINING if training else comparison.Alone()
    if pair.tuned is not None:
        return comparison.Alone()
    return comparison.Alone(selection.why_alone(views.run_on(visitor, run), views.trains))


def _choices(services: Services, service: RunService) -> Callable[..., list[Any]]:
    views = Selection(service)

    def choices(request: gr.Request, run: str, nonce: str, question: str) -> list[Any]:
        visitor, seen = services.auth.looks(request, nonce), None
        try:
            seen = service.pair(visitor, run)
        except NotReadyError:
            with contextlib.suppress(ValueError):
                seen = views.words(visitor, run)
        except ValueError:  # Compare says it
            pass
        dim = seen.base.encoder.dim if isinstance(seen, ModelPair) else 0
        dims = [ALL_DIMS, *(str(2**n) for n in range(12, 3, -1) if 2**n < dim)]
        queries = example_queries(seen.corpus if seen else None)
        texts = [query.text for query in queries] + [""] * (EXAMPLES - len(queries))
        both = not is_own(run)  # who has not fine-tuned has neither won nor lost
        return [first_question(services.opening, run, question, queries), gr.Dropdown(dims),
                gr.Button(visible=both), gr.Button(visible=both),
                gr.Button(visible=both or bool(queries)),
                *(gr.Button(text, visible=bool(text)) for text in texts)]

    return choices


def _chooser(
    services: Services, service: RunService, choose: Callable[[Any], str]
) -> Callable[..., str]:
    views = Selection(service)

    def chooser(request: gr.Request, run: str, nonce: str) -> str:
        visitor = services.auth.looks(request, nonce)
        try:
            words = views.words(visitor, run) if is_own(run) else None
            return choose(words or service.pair(visitor, run))
        except ValueError as error:
            raise gr.Error(without_code(str(error)), print_exception=False) from error

    return chooser
