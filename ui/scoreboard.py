"""The Scoreboard tab: what the test split says about both models, in sum and by question."""

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from . import markup
from .acts import Acts
from .pair import Pair
from .shared import House, Shared
from .showcase import NotReadyError

OUTCOMES = ("all", "won", "lost", "tied", "both miss")
HEADERS = ["Question", "Base rank", "Fine-tuned rank", "Difference", "Topic"]


def scoreboard_tab(house: House, acts: Acts, shared: Shared) -> None:
    """Build the tab inside the current Blocks; it follows the version and the chosen run.

    Choosing a question asks it in the Compare tab.
    """
    showcase = house.showcase
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

    def show(request: gr.Request, run: str, nonce: str) -> Iterator[Any]:
        hidden = gr.Column(visible=False), []
        if not showcase.is_loaded(run):
            yield markup.scoreboard(None, "The models of that run are being loaded."), *hidden
        try:
            pair = acts.pair(house.door.looks(request, nonce), run)
        except NotReadyError:
            yield markup.scoreboard(None, showcase.progress.text), *hidden
        except ValueError as error:
            yield markup.error(str(error)), *hidden
        else:
            about = pair.about or showcase.progress.text
            yield (markup.scoreboard(pair.evidence, about),
                   gr.Column(visible=pair.evidence is not None), question_rows(pair, OUTCOMES[0]))

    def rows(request: gr.Request, wanted: str, run: str, nonce: str) -> list[list[Any]]:
        return question_rows(acts.pair(house.door.looks(request, nonce), run), wanted)

    gr.on([shared.version.change, shared.run.change], show, [shared.run, shared.nonce],
          [board, details, table],
          show_progress="hidden", concurrency_limit=4, api_visibility="private")
    outcome.change(rows, [outcome, shared.run, shared.nonce], table, queue=False,
                   show_progress="hidden", api_visibility="private")
    table.select(_ask, None, [shared.tabs, shared.question], queue=False, show_progress="hidden",
                 api_visibility="private")


def question_rows(pair: Pair, wanted: str) -> list[list[Any]]:
    """The test questions with an outcome, as rows of the table; empty while nothing is measured."""
    if pair.evidence is None:
        return []
    queries = pair.corpus.queries
    return [
        [queries[query.query_id].text, query.base_rank, query.tuned_rank,
         round(query.gap, 3), queries[query.query_id].topic]
        for query in pair.evidence.queries
        if wanted in (OUTCOMES[0], query.outcome)
    ]


def _ask(event: gr.SelectData) -> Any:
    return gr.Tabs(selected="compare"), event.row_value[0]


def scoreboard_endpoint(house: House, acts: Acts) -> Callable[..., dict[str, Any]]:
    """The function behind `/scoreboard`."""

    def scoreboard(request: gr.Request, run: str = "") -> dict[str, Any]:
        """The evidence of the two models on the test split, with the verdict.

        run: the id of a run, empty for the pair that the page opens with.
        """
        try:
            pair = acts.pair(house.door.looks(request), str(run or ""))
            if pair.evidence is None:
                raise NotReadyError("Nothing is measured yet: there is no fine-tuned model.")
        except ValueError as error:
            raise gr.Error(str(error), print_exception=False) from error
        return pair.evidence.as_json()

    return scoreboard
