"""The Compare tab: one question through both models, live."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from corpus.records import Query
from retrieval.evidence import Evidence
from retrieval.inputs import MAX_K, MAX_QUERY

from . import markup
from .showcase import NotReadyError, Showcase

EXAMPLES = 4
DEFAULT_K = 5
ALL_DIMS = "all"

# The question stays in the address, so that a result can be shared and outlives a reload.
REMEMBER = """(question, k, ...rest) => {
  const url = new URL(window.location.href);
  question ? url.searchParams.set('q', question) : url.searchParams.delete('q');
  k === 5 ? url.searchParams.delete('k') : url.searchParams.set('k', k);
  window.history.replaceState(null, '', url);
  return [question, k, ...rest];
}"""

# A movement leads to the same passage on the other side.
FOLLOW = """
element.addEventListener('click', (event) => {
  const chip = event.target.closest('[data-go]');
  if (!chip) return;
  const card = chip.closest('[data-slot]');
  const side = chip.dataset.go === 'tuned' ? 'base' : 'tuned';
  const other = element.querySelector(
    `article[data-slot="${card.dataset.slot}"][data-side="${side}"]`);
  if (!other) return;
  element.querySelectorAll('[data-target]').forEach((old) => old.removeAttribute('data-target'));
  other.setAttribute('data-target', '');
  other.scrollIntoView({block: 'nearest', behavior: 'smooth'});
  other.focus({preventScroll: true});
});
"""


@dataclass(frozen=True)
class CompareTab:
    """What other parts of the page listen to or fill."""

    question: gr.Textbox
    version: gr.Number


def compare_tab(showcase: Showcase) -> CompareTab:
    """Build the tab inside the current Blocks."""
    with gr.Row(elem_id="ask-row"):
        question = gr.Textbox(
            label="Your question",
            placeholder="Ask about a Porsche, in your own words",
            max_length=MAX_QUERY,
            scale=8,
            elem_id="question",
        )
        ask = gr.Button("Compare", variant="primary", scale=1, min_width=110)
    with gr.Row(elem_id="examples"):
        win = gr.Button("A win", size="sm", elem_classes="t-choose")
        regression = gr.Button("A regression", size="sm", elem_classes="t-choose")
        surprise = gr.Button("Surprise me", size="sm", elem_classes="t-choose")
        examples = [gr.Button("", size="sm", visible=False) for _ in range(EXAMPLES)]
    with gr.Accordion("Options", open=False), gr.Row():
        k = gr.Slider(1, MAX_K, value=DEFAULT_K, step=1, label="Passages a side (k)")
        dims = gr.Dropdown([ALL_DIMS], value=ALL_DIMS, label="Dimensions (truncate_dim)")
        lexical = gr.Checkbox(label="Show BM25, which matches words only")
    result = gr.HTML(markup.empty(), js_on_load=FOLLOW, elem_id="result")
    # Not a State: that tells nobody when an unqueued tick changes it.
    version = gr.Number(-1, visible="hidden")

    shown = gr.State(None)
    gr.on(
        [question.change, question.submit, ask.click, k.release, k.change, dims.change,
         lexical.change, version.change],
        _result(showcase),
        [question, k, dims, lexical, shown],
        [result, shown],
        js=REMEMBER,
        trigger_mode="always_last",
        concurrency_limit=4,
        show_progress="hidden",
        api_visibility="private",
    )
    version.change(_choices(showcase), None, [dims, *examples], queue=False,
                   show_progress="hidden", api_visibility="private")
    for button in examples:
        button.click(None, button, question, js="(text) => text", api_visibility="private")
    for button, choose in ((win, a_win), (regression, a_regression), (surprise, a_surprise)):
        button.click(_chooser(showcase, choose), None, question, queue=False,
                     show_progress="hidden", api_visibility="private")
    return CompareTab(question, version)


def compare_endpoint(showcase: Showcase) -> Callable[..., dict[str, Any]]:
    """The function behind `/compare`."""

    def compare(query: str, k: int = DEFAULT_K, truncate_dim: int | None = None) -> dict[str, Any]:
        """Rank the corpus for one query with both models, side by side."""
        try:
            return showcase.compare(query, k, truncate_dim).as_json()
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return compare


def landing_question(showcase: Showcase) -> str:
    """The question a visitor finds: the test question Fine-tuned gained most on, if it did."""
    corpus, evidence = showcase.corpus, showcase.evidence
    if corpus and evidence and (best := max(evidence.gaps, key=evidence.gaps.__getitem__)):
        return corpus.queries[best].text
    return next((query.text for query in _example_queries(showcase)), "")


def a_win(showcase: Showcase) -> str:
    """A test question whose answer Fine-tuned ranks better."""
    return _by_gap(showcase, lambda gap: gap > 0,
                   "Fine-tuned won no question of the test split.")


def a_regression(showcase: Showcase) -> str:
    """A test question whose answer Fine-tuned ranks worse."""
    return _by_gap(showcase, lambda gap: gap < 0,
                   "Fine-tuned lost no question of the test split.")


def a_surprise(showcase: Showcase) -> str:
    """Any test question."""
    queries = _test_queries(showcase)
    if not queries:
        raise gr.Error("The corpus has no test questions, or is still being read.",
                       print_exception=False)
    return random.choice(queries).text


def _by_gap(showcase: Showcase, wanted: Callable[[float], bool], none: str) -> str:
    evidence: Evidence | None = showcase.evidence
    if evidence is None or showcase.corpus is None:
        raise gr.Error("This needs a fine-tuned model: it is there when training is done.",
                       print_exception=False)
    found = [query_id for query_id, gap in evidence.gaps.items() if wanted(gap)]
    if not found:
        raise gr.Error(none, print_exception=False)
    return showcase.corpus.queries[random.choice(found)].text


def _test_queries(showcase: Showcase) -> list[Query]:
    corpus = showcase.corpus
    return [corpus.queries[query_id] for query_id in corpus.qrels.get("test", {})] if corpus else []


def _example_queries(showcase: Showcase) -> list[Query]:
    """Short test questions about different model lines: the same ones at every start."""
    chosen: dict[str, Query] = {}
    for query in sorted(_test_queries(showcase), key=lambda query: len(query.text)):
        if 30 <= len(query.text) <= 60:
            chosen.setdefault(query.model_line or query.id, query)
    return list(chosen.values())[:EXAMPLES]


def _result(showcase: Showcase) -> Callable[..., Any]:
    def result(question: str, k: int, dims: str, lexical: bool, shown: Any) -> Any:
        asked = (question, k, dims, lexical, showcase.version)
        if asked == shown:  # drawing it again would only take the focus away
            return gr.skip()
        if not question or not question.strip():
            return markup.empty(), asked
        try:
            found = showcase.compare(question, k, dims, lexical)
        except NotReadyError:
            return markup.waiting(), None
        except ValueError as error:
            return markup.error(str(error)), None
        return markup.comparison(found, showcase.progress.kind == "training"), asked

    return result


def _choices(showcase: Showcase) -> Callable[[], list[Any]]:
    def choices() -> list[Any]:
        dim = showcase.base.encoder.dim if showcase.base else 0
        dims = [ALL_DIMS, *(str(2**n) for n in range(12, 3, -1) if 2**n < dim)]
        queries = _example_queries(showcase)
        texts = [query.text for query in queries] + [""] * (EXAMPLES - len(queries))
        return [gr.Dropdown(dims), *(gr.Button(text, visible=bool(text)) for text in texts)]

    return choices


def _chooser(showcase: Showcase, choose: Callable[[Showcase], str]) -> Callable[[], str]:
    def chooser() -> str:
        return choose(showcase)

    return chooser
