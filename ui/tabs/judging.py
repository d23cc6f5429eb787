"""Judgements in a question's panel on the Scoreboard.

The passages on top of both sides, in an order that says nothing of whose they are, each with what
can be said of it; what is judged counts at once.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from retrieval.evaluation import by_topic
from retrieval.judgements.rescoring import TOP
from retrieval.judgements.store import GRADES
from train.report.evidence_html import SIDES
from train.run.files import sentence_of
from ui.auth import RefusedError, Visitor
from ui.html import elements
from ui.html import judging as html
from ui.html.board import figures, verdict_head
from ui.services.board.judging import JudgingService
from ui.services.load_upload import is_own
from ui.services.model_pair import ModelPair
from ui.services.runs import RunService

from .board_handlers import pair_seen, report_place, run_of
from .shared import HIDDEN, QUIET, Shared, read_back

PLACES = 2 * TOP + 2
"""Passages that can be shown at once: those on top of both sides, and some judged before."""
WORDS = {grade: word for word, grade in GRADES.items()}


@dataclass(frozen=True)
class JudgePanel:
    """The components of the panel."""

    ask: gr.HTML
    ids: gr.Textbox
    passages: list[gr.HTML]
    grades: list[gr.Radio]
    said: gr.HTML

    @property
    def outputs(self) -> list[Any]:
        """What a chosen question fills."""
        return [self.ask, self.ids, *self.passages, *self.grades]


def judge_panel() -> tuple[JudgePanel, gr.Button, gr.Button, gr.DownloadButton]:
    """The panel's components in the current Blocks.

    And undo, export, and the file that is exported.
    """
    ask, ids = gr.HTML(js_on_load=None), gr.Textbox("", elem_classes="t-hide", label="To judge")
    passages, grades = [], []
    for place in range(PLACES):
        passages.append(gr.HTML(js_on_load=None, visible=False))
        grades.append(gr.Radio(list(GRADES), label="This passage", visible=False,
                               elem_id=f"judge-{place}"))
    said = gr.HTML(js_on_load=None, elem_id="judged")
    with gr.Row():
        undo = gr.Button("Undo my last judgement", size="sm", elem_id="judge-undo")
        export = gr.Button("Qrels as TREC", size="sm", elem_id="judge-export")
        save = gr.DownloadButton("Save", size="sm", visible=False)
    return JudgePanel(ask, ids, passages, grades, said), undo, export, save


def judging(
    service: RunService, worker: JudgingService, shared: Shared, asked: gr.Textbox,
    against: gr.Radio, board: list[gr.HTML],
) -> None:
    """Build panel and list inside the current Blocks.

    asked: the chosen question. board: what shows verdict and figures, which follow at once.
    """
    with gr.Accordion("Judge its top passages", open=False, elem_id="judge"):
        find = gr.Button("Find suspect questions", size="sm", elem_id="find-suspects")
        suspect = gr.Dropdown([], label="Suspect questions", visible=False, elem_id="suspects",
                              info="Base, Fine-tuned and BM25 agree on a passage that is not the "
                              "marked answer.")
        panel, undo, export, save = judge_panel()
    fill = _filled(service, worker)
    asked.change(fill, [asked, shared.run, shared.nonce], panel.outputs, concurrency_limit=2,
                 **HIDDEN)
    find.click(_suspects(service, worker), [shared.run, shared.nonce], [suspect, panel.said],
               concurrency_limit=1, api_visibility="private")
    suspect.input(lambda query_id: query_id or "", suspect, asked, **QUIET)
    shared.run.change(lambda: gr.Dropdown([], value=None, visible=False), None, suspect,
                      trigger_mode="multiple", **QUIET)
    judged = [shared.run, shared.nonce, against]
    for place, radio in enumerate(panel.grades):
        radio.input(_judged(service, worker, place), [asked, panel.ids, radio, *judged],
                    [panel.said, *board, panel.passages[place]], concurrency_limit=2, **HIDDEN)
    undo.click(_undone(service, worker), judged, [panel.said, *board], concurrency_limit=2,
               **HIDDEN).then(fill, [asked, shared.run, shared.nonce], panel.outputs,
                              concurrency_limit=2, **HIDDEN)
    export.click(_exported(service, worker), [shared.run, shared.nonce], [save, panel.said],
                 concurrency_limit=2, api_visibility="private")


def may_judge(service: RunService, visitor: Visitor, pair: ModelPair, shown: str) -> None:
    """Whether somebody may judge what is shown; RefusedError if not.

    Whoever brought the data, and on other data the owner alone.
    """
    if visitor.is_owner:
        return
    if is_own(shown):
        service.source(visitor, shown)  # theirs, or an error
        return
    run = run_of(service.services, pair)
    if run is None or not visitor.owns(run) or not scope_of(service, pair, shown):
        raise RefusedError("Judgements are made by whoever brought the data; on this one by the "
                           "owner of this Tandem.")


def scope_of(service: RunService, pair: ModelPair, shown: str) -> str:
    """The upload that is shown, by its name.

    Empty for data that no visitor brought.
    """
    if is_own(shown):
        return shown
    run = run_of(service.services, pair)
    source = (run.record().data.source or "") if run else ""
    return Path(source).name if source and service.services.uploads.is_upload(source) else ""


def judge_name(visitor: Visitor) -> str:
    """Under what name a judgement is kept."""
    return visitor.name or visitor.key or "owner"


def _allowed(
    service: RunService, request: gr.Request, run: str, nonce: str
) -> tuple[Visitor, ModelPair]:
    """Who judges what; ValueError with a sentence."""
    visitor = service.services.auth.visitor(request, nonce)
    pair = service.pair(visitor, run)
    may_judge(service, visitor, pair, run)
    return visitor, pair


def _filled(service: RunService, worker: JudgingService) -> Callable[..., list[Any]]:
    """The passages of the chosen question."""
    def filled(request: gr.Request, query_id: str, run: str, nonce: str) -> list[Any]:
        if not query_id:
            return nothing("")
        try:
            _, pair = _allowed(service, request, run, nonce)
            found = worker.candidates(pair, query_id, scope_of(service, pair, run))[:PLACES]
        except RefusedError:
            return nothing(html.REFUSED)
        except ValueError as error:
            return nothing(elements.error(str(error)))
        passage = pair.corpus.passage
        shown = [gr.HTML(html.candidate(passage.get(one.passage_id), one.judgement), visible=True)
                 for one in found]
        grades = [gr.Radio(value=WORDS.get(one.judgement.grade or 0) if one.judgement else None,
                           visible=True) for one in found]
        empty = PLACES - len(found)
        asking = html.ask(pair.corpus.queries[query_id].text) if found else html.NOTHING
        return [asking, json.dumps([one.passage_id for one in found]),
                *shown, *[gr.HTML("", visible=False)] * empty,
                *grades, *[gr.Radio(value=None, visible=False)] * empty]

    return filled


def nothing(said: str) -> list[Any]:
    """The panel without passages."""
    return [said, "", *[gr.HTML("", visible=False)] * PLACES,
            *[gr.Radio(value=None, visible=False)] * PLACES]


def _judged(service: RunService, worker: JudgingService, place: int) -> Callable[..., Any]:
    def judged(
        request: gr.Request, query_id: str, ids: str, word: str, run: str, nonce: str, against: str
    ) -> Any:
        try:
            visitor, pair = _allowed(service, request, run, nonce)
            shown = read_back(ids, [])
            if place >= len(shown) or word not in GRADES:
                raise ValueError("That passage is not shown any more: choose the question again.")
            scope = scope_of(service, pair, run)
            judgement = worker.judge(pair, query_id, shown[place], GRADES[word],
                                     judge_name(visitor), scope)
            # What was said stands at the passage too: the verdict may be out of sight.
            return *scored(worker, pair, against, scope), html.candidate(
                pair.corpus.passage.get(shown[place]), judgement)
        except (ValueError, OSError) as error:
            return elements.error(sentence_of(error)), gr.skip(), gr.skip(), gr.skip()

    return judged


def _undone(service: RunService, worker: JudgingService) -> Callable[..., Any]:
    def undone(request: gr.Request, run: str, nonce: str, against: str) -> Any:
        try:
            visitor, pair = _allowed(service, request, run, nonce)
            scope = scope_of(service, pair, run)
            if worker.undo(pair, judge_name(visitor), scope) is None:
                return elements.sentence("There is nothing of yours to undo."), gr.skip(), gr.skip()
            return scored(worker, pair, against, scope)
        except (ValueError, OSError) as error:
            return elements.error(sentence_of(error)), gr.skip(), gr.skip()

    return undone


def scored(
    worker: JudgingService, pair: ModelPair, against: str = SIDES[0], scope: str = ""
) -> tuple[Any, Any, Any]:
    """What is said of the judgements, verdict and figures."""
    evidence, names, count = worker.evidence(pair, against, scope)
    said = html.added(count) or "No judgement is added."
    if evidence is None or pair.tuned is None:
        return elements.sentence(said), gr.skip(), gr.skip()
    return (elements.sentence(f"{said} {evidence.verdict_of(*names)}"),
            verdict_head(evidence, names, said if count else ""),
            figures(evidence, pair.about, names, by_topic(evidence, pair.corpus.queries)))


def _suspects(service: RunService, worker: JudgingService) -> Callable[..., Any]:
    def found(request: gr.Request, run: str, nonce: str) -> Any:
        try:
            pair = pair_seen(service, request, nonce, run)
            ids = worker.suspects(pair, scope_of(service, pair, run))
        except ValueError as error:
            return gr.skip(), elements.error(str(error))
        choices = [(pair.corpus.queries[query_id].text, query_id) for query_id in ids]
        said = "" if ids else elements.sentence("No question is suspect: nowhere do all sides "
                                                "agree on a passage that is not marked.")
        return gr.Dropdown(choices, value=None, visible=bool(ids),
                           label=f"Suspect questions ({len(ids):,})"), said

    return found


def _exported(service: RunService, worker: JudgingService) -> Callable[..., Any]:
    def exported(request: gr.Request, run: str, nonce: str) -> Any:
        try:
            _, pair = _allowed(service, request, run, nonce)
            place = report_place(f"{pair.corpus.name}-qrels", ".txt")
            place.write_text(worker.trec(pair, scope_of(service, pair, run)), "utf-8")
        except (ValueError, OSError) as error:
            return gr.skip(), elements.error(sentence_of(error))
        return gr.DownloadButton(f"Save {place.name}", value=str(place), visible=True), ""

    return exported
