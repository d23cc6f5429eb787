"""The Compare tab: one question through both models, live."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from corpus.records import Corpus, Query
from retrieval.inputs import MAX_K, MAX_QUERY

from . import markup
from .acts import Acts
from .pair import Pair
from .shared import House, Shared
from .showcase import NotReadyError, Showcase

EXAMPLES = 4
DEFAULT_K = 5
ALL_DIMS = "all"

# The question stays in the address, so that a result can be shared and outlives a reload.
REMEMBER = """(question, k, run, ...rest) => {
  const url = new URL(window.location.href);
  question ? url.searchParams.set('q', question) : url.searchParams.delete('q');
  k === 5 ? url.searchParams.delete('k') : url.searchParams.set('k', k);
  run ? url.searchParams.set('run', run) : url.searchParams.delete('run');
  window.history.replaceState(null, '', url);
  return [question, k, run, ...rest];
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


def compare_tab(house: House, acts: Acts, shared: Shared) -> None:
    """Build the tab inside the current Blocks, around the question that all tabs share."""
    question = shared.question
    with gr.Row(elem_id="ask-row"):
        question.render()
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
    shown = gr.State(None)
    gr.on(
        [question.change, question.submit, ask.click, k.release, k.change, dims.change,
         lexical.change, shared.version.change, shared.run.change],
        _result(house, acts),
        [question, k, shared.run, dims, lexical, shown, shared.nonce],
        [result, shown],
        js=REMEMBER,
        trigger_mode="always_last",
        concurrency_limit=4,
        show_progress="hidden",
        api_visibility="private",
    )
    gr.on([shared.version.change, shared.run.change], _choices(house, acts),
          [shared.run, shared.nonce],
          [dims, *examples], queue=False, show_progress="hidden", api_visibility="private")
    for button in examples:
        button.click(None, button, question, js="(text) => text", api_visibility="private")
    for button, choose in ((win, a_win), (regression, a_regression), (surprise, a_surprise)):
        button.click(_chooser(house, acts, choose), [shared.run, shared.nonce], question,
                     queue=False, show_progress="hidden", api_visibility="private")


def question_box() -> gr.Textbox:
    """The box a question is typed into, to be rendered by the Compare tab."""
    return gr.Textbox(
        label="Your question",
        placeholder="Ask in your own words",
        max_length=MAX_QUERY,
        scale=8,
        elem_id="question",
        render=False,
    )


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
    return next((query.text for query in _example_queries(corpus)), "")


def a_win(pair: Pair) -> str:
    """A test question whose answer Fine-tuned ranks better."""
    return _by_gap(pair, lambda gap: gap > 0, "Fine-tuned won no question of the test split.")


def a_regression(pair: Pair) -> str:
    """A test question whose answer Fine-tuned ranks worse."""
    return _by_gap(pair, lambda gap: gap < 0, "Fine-tuned lost no question of the test split.")


def a_surprise(pair: Pair) -> str:
    """Any test question."""
    queries = _test_queries(pair.corpus)
    if not queries:
        raise ValueError("The corpus has no test questions.")
    return random.choice(queries).text


def _by_gap(pair: Pair, wanted: Callable[[float], bool], none: str) -> str:
    if pair.evidence is None:
        raise ValueError("This needs a fine-tuned model: it is there when training is done.")
    found = [query_id for query_id, gap in pair.evidence.gaps.items() if wanted(gap)]
    if not found:
        raise ValueError(none)
    return pair.corpus.queries[random.choice(found)].text


def _test_queries(corpus: Corpus) -> list[Query]:
    return [corpus.queries[query_id] for query_id in corpus.qrels.get("test", {})]


def _example_queries(corpus: Corpus | None) -> list[Query]:
    """Short test questions about different model lines: the same ones at every start."""
    chosen: dict[str, Query] = {}
    for query in sorted(_test_queries(corpus) if corpus else [], key=lambda query: len(query.text)):
        if 30 <= len(query.text) <= 60:
            chosen.setdefault(query.model_line or query.id, query)
    return list(chosen.values())[:EXAMPLES]


def _result(house: House, acts: Acts) -> Callable[..., Any]:
    showcase = house.showcase

    def result(
        request: gr.Request, question: str, k: int, run: str, dims: str, lexical: bool, shown: Any,
        nonce: str,
    ) -> Iterator[Any]:
        asked = (question, k, run, dims, lexical, showcase.version)
        if asked == shown:  # drawing it again would only take the focus away
            yield gr.skip()
            return
        if not question or not question.strip():
            yield markup.empty(), asked
            return
        if not showcase.is_loaded(run):
            yield markup.waiting("The models of that run are being loaded"), None
        try:
            pair = acts.pair(house.door.looks(request, nonce), run)
            found = pair.compare(question, k, dims, lexical)
        except NotReadyError:
            yield markup.waiting(), None
        except ValueError as error:
            yield markup.error(str(error)), None
        else:
            yield markup.comparison(found, showcase.progress.kind == "training"), asked

    return result


def _choices(house: House, acts: Acts) -> Callable[..., list[Any]]:
    def choices(request: gr.Request, run: str, nonce: str) -> list[Any]:
        try:
            pair: Pair | None = acts.pair(house.door.looks(request, nonce), run)
        except ValueError:  # Compare says it
            pair = None
        dim = pair.base.encoder.dim if pair else 0
        dims = [ALL_DIMS, *(str(2**n) for n in range(12, 3, -1) if 2**n < dim)]
        queries = _example_queries(pair.corpus if pair else None)
        texts = [query.text for query in queries] + [""] * (EXAMPLES - len(queries))
        return [gr.Dropdown(dims), *(gr.Button(text, visible=bool(text)) for text in texts)]

    return choices


def _chooser(house: House, acts: Acts, choose: Callable[[Pair], str]) -> Callable[..., str]:
    def chooser(request: gr.Request, run: str, nonce: str) -> str:
        try:
            return choose(acts.pair(house.door.looks(request, nonce), run))
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return chooser
