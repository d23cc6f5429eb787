"""The Scoreboard tab.

What the test split says about both models, in sum and by question.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import gradio as gr
from pandas import DataFrame

from retrieval.evaluation import Evidence, by_topic
from retrieval.explain import worst_regressions
from train.report.evidence_html import SIDES
from ui.html import elements, explain, selection
from ui.html.board import cross_validated, figures, nothing_measured, verdict_head
from ui.html.judging import added
from ui.html.retention import retention
from ui.html.words import without_code
from ui.services.app import Services
from ui.services.board.judging import JudgingService
from ui.services.board.retention import RetentionService
from ui.services.load_upload import is_own
from ui.services.model_pair import LEXICAL, ModelPair
from ui.services.pair_cache import NotReadyError
from ui.services.runs import RunService

from . import board_handlers
from .blind import blind_tab
from .board_handlers import pair_seen
from .compare import WAIT
from .dial import retention_dial
from .judging import judging, scope_of
from .shared import HIDDEN, QUIET, Shared
from .ship import ship_table

OUTCOMES = ("all", "won", "lost", "tied", "both miss")
HEADERS = ["Question", "Base rank", "Fine-tuned rank", "Difference", "Topic"]
QUESTIONS = {
    SIDES[1]: {"label": "Questions of the test split, by Fine-tuned",
               "info": "Worst losses first. Choose a question to see why its answer moved."},
    SIDES[0]: {"label": "Questions of the test split, by Base against BM25",
               "info": "Where Base is worst beside BM25 first. Choose a question to open it in "
                       "Compare."},
}
"""What is said of the questions, by the side that is judged."""
SIDE_NAMES = (SIDES[0], LEXICAL)


def scoreboard_tab(
    services: Services, service: RunService, shared: Shared
) -> list[gr.components.Component]:
    """Build the tab inside the current Blocks.

    It follows the version and the chosen run. Choosing a question says why its answer moved, and
    leads to Compare. Gives what `arrival` fills.
    """
    worker = JudgingService(services.settings.judgements)
    shared.reading[1].render()
    with gr.Column(elem_id="scoreboard"):
        top = gr.HTML(nothing_measured("loading", ""), js_on_load=None)
        with gr.Row(elem_id="board-acts", visible=False) as acts:
            reports = {ending: gr.Button(name, size="sm") for ending, name in
                       ((".html", "Report"), (".csv", "CSV"), (".json", "JSON"))}
            save = gr.DownloadButton("Save", size="sm", visible=False, elem_id="report-save")
            to_blind = gr.Button("Judge it blind", size="sm")
        ship_table(services, service, shared)
        board = gr.HTML(js_on_load=None)
    with gr.Column(visible=False) as details:
        with gr.Row(elem_id="board-more") as both:
            against = gr.Radio(SIDE_NAMES, value=SIDE_NAMES[0], label="Fine-tuned against",
                               info="BM25 matches words only.")
            dims = gr.Button("Quality by dimensions", size="sm")
            other = gr.Button("Measure what it cost elsewhere", size="sm", visible=False)
            stop = gr.Button("Stop measuring", size="sm", variant="stop", visible=False,
                             elem_id="stop-retention")
        retention_dial(services, service, shared)
        saved = gr.Textbox("", label="Saved as", elem_classes="t-hide")
        by_dim = gr.HTML(js_on_load=None, elem_id="by-dim")
        cost = gr.HTML(js_on_load=None, elem_id="retention")
        outcome = gr.Radio(OUTCOMES, value=OUTCOMES[0], **QUESTIONS[SIDES[1]])
        with gr.Row(elem_id="board-questions"):
            with gr.Column(scale=7, min_width=320):
                table = gr.Dataframe(
                    headers=HEADERS, datatype=["str", "number", "number", "number", "str"],
                    interactive=False, show_search="search", wrap=True, max_height=560,
                    column_widths=["40%", "14%", "14%", "15%", "17%"], elem_id="questions",
                )
            with gr.Column(scale=5, min_width=320, elem_id="beside"):
                why = gr.HTML(explain.CHOOSE, js_on_load=None, elem_id="why")
                ask = gr.Button("Open in Compare", size="sm", visible=False, elem_id="why-ask")
                asked = gr.Textbox("", label="Chosen question", elem_classes="t-hide")
                judging(service, worker, shared, asked, against, [top, board])
        pressed = gr.Textbox("", label="Pressed dot", elem_classes="t-hide", elem_id="pressed")
        with gr.Column() as more:
            with gr.Accordion("The 20 questions that lost most, and what outranked the answer",
                              open=False):
                look = gr.Button("Show them", size="sm")
                worst = gr.HTML(js_on_load=None, elem_id="worst")
            with gr.Accordion("Blind test: judge without knowing which is which", open=False,
                              elem_id="blind-test") as blind:
                blind_tab(service, shared)
    to_blind.click(lambda: gr.Accordion(open=True), None, blind, **QUIET).then(
        None, None, None, js="tandem.toBlindTest", **HIDDEN)

    gr.on([shared.board.change, against.change], _show(service, worker),
          [shared.run, shared.nonce, against, outcome],
          [top, acts, board, details, both, more, outcome, table, cost, other],
          trigger_mode="always_last", concurrency_limit=4, **HIDDEN)
    gr.on([shared.version.change, shared.run.change],
          lambda: ("", explain.CHOOSE, "", gr.Button(visible=False)), None,
          [by_dim, why, worst, ask], trigger_mode="multiple", **QUIET)
    for choice in (outcome, against):
        choice.change(None, [outcome, against], None, js="tandem.keepBoard",
                      trigger_mode="multiple", **HIDDEN)
    outcome.change(_rows(service), [outcome, shared.run, shared.nonce, against], table, queue=False,
                   **HIDDEN)
    for chosen in (
        table.select(_chosen(service), [shared.run, shared.nonce, against], [asked, ask],
                     **QUIET),
        pressed.change(lambda query_id: (query_id, gr.Button(visible=True)), pressed, [asked, ask],
                      **QUIET),
    ):
        chosen.then(_why(service), [asked, shared.run, shared.nonce, against], why,
                    concurrency_limit=2, **HIDDEN)
    ask.click(_ask(service), [asked, shared.run, shared.nonce], [shared.tabs, shared.question],
              **QUIET)
    look.click(_worst(service), [shared.run, shared.nonce, against], worst, concurrency_limit=1,
               **HIDDEN)
    dims.click(board_handlers.show_dims(service), [shared.run, shared.nonce], by_dim,
               concurrency_limit=1, api_visibility="private")
    elsewhere = RetentionService(services.settings.home)
    other.click(board_handlers.measure_elsewhere(service, elsewhere), [shared.run, shared.nonce],
                [other, cost, stop], concurrency_limit=1, **HIDDEN)
    stop.click(board_handlers.stop_measuring(service, elsewhere.measuring),
               [shared.run, shared.nonce], None, **QUIET)
    for ending, button in reports.items():
        button.click(board_handlers.give_report(service, ending),
                     [shared.run, shared.nonce, against], [save, saved], concurrency_limit=2,
                     api_visibility="private").success(None, saved, None, js="tandem.saveReport")
    return [outcome, against]


def arrival(request: gr.Request) -> Any:
    """What the address asks of the Scoreboard: `filter` and `against`."""
    asked = dict(request.query_params)
    return tuple(asked[key] if asked.get(key) in known else gr.skip()
                 for key, known in (("filter", OUTCOMES), ("against", SIDE_NAMES)))


def _show(
    service: RunService, judgements: JudgingService | None = None
) -> Callable[..., list[Any]]:
    opening = service.services.opening
    worker = judgements or JudgingService(service.services.settings.judgements)

    def show(request: gr.Request, run: str, nonce: str, against: str, wanted: str) -> list[Any]:
        try:
            pair = pair_seen(service, request, nonce, run)
            evidence, names, judged = worker.evidence(
                pair, against, scope_of(service, pair, run))
        except NotReadyError as error:
            if is_own(run):
                return _nothing(selection.no_board("Base is read and measured first: the board "
                                                    "stands here as soon as that is done."))
            return _nothing(nothing_measured("loading", str(error)) if run else
                            nothing_measured(opening.state.kind, opening.state.text))
        except ValueError as error:
            return _nothing(elements.error(str(error)))
        table = styled(headed(question_rows(pair, wanted, against), names))
        if is_own(run):
            return _of_base(pair, evidence, table)
        about, made = (
            pair.about or opening.state.text,
            board_handlers.run_of(service.services, pair),
        )
        topics = by_topic(evidence, pair.corpus.queries) if evidence else ()
        kept = made.record().retention if made else None
        cost = kept.to_json() if kept else None
        shown = evidence is not None
        said = verdict_head(evidence, names, added(judged)) if evidence else \
            nothing_measured("ready" if pair.tuned else opening.state.kind, about)
        said += cross_validated(made.record().cross_validation if made else None)
        return [said, gr.Row(visible=shown), figures(evidence, about, names, topics)
                if evidence else "", gr.Column(visible=evidence is not None), gr.Row(visible=True),
                gr.Column(visible=True), gr.Radio(**QUESTIONS[SIDES[1]]), table,
                retention(cost, evidence),
                gr.Button(visible=made is not None and not cost, interactive=True)]

    return show


def _nothing(said: str) -> list[Any]:
    """A sentence in place of the board."""
    return [said, gr.Row(visible=False), "", gr.Column(visible=False), gr.skip(), gr.skip(),
            gr.skip(), [], "", gr.Button(visible=False)]


def _of_base(pair: ModelPair, evidence: Evidence | None, table: Any) -> list[Any]:
    """The board of somebody's data that nothing was fine-tuned on: Base beside BM25."""
    if evidence is None:
        return _nothing(selection.no_board(
            pair.unmeasured or "Base and BM25 are being measured on your test questions: the board "
            "stands here as soon as that is done."))
    return [selection.base_board(evidence, pair), gr.Row(visible=False), "",
            gr.Column(visible=True), gr.Row(visible=False), gr.Column(visible=False),
            gr.Radio(**QUESTIONS[SIDES[0]]), table, "", gr.Button(visible=False)]


def _rows(service: RunService) -> Callable[..., Any]:
    def rows(
        request: gr.Request, wanted: str, run: str, nonce: str, against: str
    ) -> Any:
        try:
            pair = pair_seen(service, request, nonce, run)
        except ValueError:  # the board says it
            return styled(headed([], (against, SIDES[1])))
        names = pair.shown_evidence(against)[1]
        return styled(headed(question_rows(pair, wanted, against), names))

    return rows


def headed(rows: list[list[Any]], names: tuple[str, str]) -> dict[str, Any]:
    """Rows of the table under both sides' names."""
    return {"headers": [HEADERS[0], *(f"{name} rank" for name in names), *HEADERS[3:]],
            "data": rows}


def question_rows(pair: ModelPair, wanted: str, against: str = SIDES[0]) -> list[list[Any]]:
    """Test queries with an outcome, as table rows.

    Empty while nothing is measured.
    """
    (evidence, _), queries = pair.shown_evidence(against), pair.corpus.queries
    return [
        [queries[query.query_id].text, query.base_rank, query.tuned_rank,
         round(query.difference, 3), queries[query.query_id].topic]
        for query in (evidence.queries if evidence else ())
        if wanted in (OUTCOMES[0], query.outcome) and query.query_id in queries
    ]


def styled(table: Mapping[str, Any]) -> Any:
    """Rows under their headers with figures as people write them.

    Still sorted as numbers.
    """
    headers = table["headers"]
    whole, signed = "{:,.0f}", "{:+.3f}"
    return DataFrame(table["data"], columns=headers).style.format(
        {headers[1]: whole, headers[2]: whole, headers[3]: signed}, na_rep="–")


def query_of(pair: ModelPair, text: str, against: str) -> str:
    """The id of the test question with this text.

    Empty where there is none.
    """
    (evidence, _), queries = pair.shown_evidence(against), pair.corpus.queries
    return next((query.query_id for query in (evidence.queries if evidence else ())
                 if query.query_id in queries and queries[query.query_id].text == text), "")


def _chosen(service: RunService) -> Callable[..., Any]:
    def chosen(
        event: gr.SelectData, request: gr.Request, run: str, nonce: str, against: str
    ) -> Any:
        try:
            pair = pair_seen(service, request, nonce, run)
        except ValueError:  # the board says it
            return "", gr.skip()
        return query_of(pair, str(event.row_value[0]), against), gr.Button(visible=True)

    return chosen


def _why(service: RunService) -> Callable[..., Iterator[str]]:
    def why(
        request: gr.Request, query_id: str, run: str, nonce: str, against: str
    ) -> Iterator[str]:
        try:
            pair = pair_seen(service, request, nonce, run)
            if pair.tuned is None:
                yield ""
                return
            find = partial(pair.why, [query_id], against, service.services.settings.cache)
            if not pair.knows_train_questions:
                yield explain.why_panel(find(trained=False)[0], against, waiting=True)
            yield explain.why_panel(find()[0], against)
        except ValueError as error:
            yield elements.error(str(error))

    return why


def _worst(service: RunService) -> Callable[..., str]:
    def worst(request: gr.Request, run: str, nonce: str, against: str) -> str:
        try:
            pair = pair_seen(service, request, nonce, run)
            evidence, cache = pair.evidence_against(against), service.services.settings.cache
            lost = worst_regressions(evidence) if evidence else []
            found = pair.why(lost, against, cache, trained=False) if lost else []
        except ValueError as error:
            return elements.error(str(error))
        return explain.regressions(found, against)

    return worst


def _ask(service: RunService) -> Callable[..., Any]:
    def ask(request: gr.Request, query_id: str, run: str, nonce: str) -> Any:
        try:
            query = pair_seen(service, request, nonce, run).corpus.queries.get(query_id)
        except ValueError as error:
            raise gr.Error(without_code(str(error)), print_exception=False) from error
        return gr.Tabs(selected="compare"), query.text if query else gr.skip()

    return ask


def scoreboard_endpoint(services: Services, service: RunService) -> Callable[..., dict[str, Any]]:
    """The function behind `/scoreboard`, which has no parameters: see `/compare`."""
    on = scoreboard_on_endpoint(services, service)

    def scoreboard(request: gr.Request) -> dict[str, Any]:
        """The evidence of the two models, with verdict.

        On the test split.
        """
        return on(request, "")

    return scoreboard


def scoreboard_on_endpoint(
    services: Services, service: RunService
) -> Callable[..., dict[str, Any]]:
    """The function behind `/scoreboard_on`."""
    worker = JudgingService(services.settings.judgements)

    def scoreboard_on(request: gr.Request, run: str) -> dict[str, Any]:
        """The evidence of a run's two models, with verdict.

        On its test split. run: the id of a run, empty for the pair that the page opens with. Where
        people judged more passages, `with_judgements` has the figures with theirs, and `added`, how
        many.
        """
        try:
            pair = service.pair(services.auth.looks(request), str(run or ""), WAIT)
            if pair.evidence is None:
                raise NotReadyError("Nothing is measured yet: there is no fine-tuned model.")
            judged, _, count = worker.evidence(pair, scope=scope_of(service, pair, str(run or "")))
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error
        more = {"with_judgements": {"added": count, **judged.as_json()}} if judged and count else {}
        return pair.evidence.as_json() | more

    return scoreboard_on
