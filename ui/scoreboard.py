"""The Scoreboard tab: what the test split says about both models, in sum and by question."""

from collections.abc import Callable
from typing import Any

import gradio as gr

from . import markup
from .showcase import NotReadyError, Showcase

OUTCOMES = ("all", "won", "lost", "tied", "both miss")
HEADERS = ["Question", "Base rank", "Fine-tuned rank", "Difference", "Topic"]


def scoreboard_tab(
    showcase: Showcase, version: gr.Number, tabs: gr.Tabs, question: gr.Textbox
) -> None:
    """Build the tab inside the current Blocks; it follows `version`.

    Choosing a question asks it in the Compare tab.
    """
    board = gr.HTML(markup.scoreboard(None, ""), js_on_load=None, elem_id="scoreboard")
    with gr.Column(visible=False) as details:
        outcome = gr.Radio(
            OUTCOMES, value=OUTCOMES[0], label="Questions of the test split, by Fine-tuned",
            info="Worst regressions first. Choose a question to see it in Compare.",
        )
        table = gr.Dataframe(
            headers=HEADERS, datatype=["str", "number", "number", "number", "str"],
            interactive=False, show_search="search", wrap=True, max_height=460,
            column_widths=[400, 110, 150, 110, 230], elem_id="questions",
        )

    def show() -> Any:
        text = markup.scoreboard(showcase.evidence, showcase.progress.text)
        return text, gr.Column(visible=showcase.evidence is not None), rows(OUTCOMES[0])

    def rows(wanted: str) -> list[list[Any]]:
        return question_rows(showcase, wanted)

    version.change(show, None, [board, details, table], queue=False, show_progress="hidden",
                   api_visibility="private")
    outcome.change(rows, outcome, table, queue=False, show_progress="hidden",
                   api_visibility="private")
    table.select(_ask, None, [tabs, question], queue=False, show_progress="hidden",
                 api_visibility="private")


def question_rows(showcase: Showcase, wanted: str) -> list[list[Any]]:
    """The test questions with an outcome, as rows of the table; empty while nothing is measured."""
    evidence, corpus = showcase.evidence, showcase.corpus
    if evidence is None or corpus is None:
        return []
    return [
        [corpus.queries[query.query_id].text, query.base_rank, query.tuned_rank,
         round(query.gap, 3), corpus.queries[query.query_id].topic]
        for query in evidence.queries
        if wanted in (OUTCOMES[0], query.outcome)
    ]


def _ask(event: gr.SelectData) -> Any:
    return gr.Tabs(selected="compare"), event.row_value[0]


def scoreboard_endpoint(showcase: Showcase) -> Callable[[], dict[str, Any]]:
    """The function behind `/scoreboard`."""

    def scoreboard() -> dict[str, Any]:
        """The evidence of the two models on the test split, with the verdict."""
        if showcase.evidence is None:
            error = NotReadyError("Nothing is measured yet: there is no fine-tuned model.")
            raise gr.Error(str(error), print_exception=False)
        return showcase.evidence.as_json()

    return scoreboard
