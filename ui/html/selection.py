"""Escaped HTML of a selection that is not ready.

Pure functions.
"""

from html import escape
from statistics import fmean, stdev

from corpus.check.power import Power, Spread
from retrieval.compare import Comparison, ordinal
from retrieval.evaluation import Evidence, by_topic
from retrieval.metrics import PRIMARY
from retrieval.statistics import NO_DIFFERENCE
from train.report.evidence_html import WAYS, metrics_table, outcomes, pictures
from train.run.record import ACTIVE, Run
from ui.services.model_pair import LEXICAL, ModelPair
from ui.services.progress import time_left
from ui.services.worker import Stage

from . import comparison

FIRST = ("Fine-tune Base on your data first: this column then shows what that changed. “Fine-tune "
         "it”, above, leads there.")
OFF = "training is switched off here (TANDEM_TRAIN)"
RUNNING = "Your data is being fine-tuned on right now: “Watch it”, above, shows how far it is."
READY = "A model fine-tuned on your data is ready: “Show it”, above, puts it here."


def row(title: str, own: bool, stage: Stage | None, status: str, trains: bool = True) -> str:
    """What Compare and Scoreboard show, in a sentence.

    status: of the run on somebody's data.
    """
    name = f"your data “{title}”" if own else f"run {title}"
    if stage is not None and stage.kind in ("failed", "stopped"):
        return f"{name[0].upper()}{name[1:]} is not shown. {stage.text}"
    if own and status:
        active = "is running" if status in ACTIVE else "is done: its fine-tuned model is ready"
        return f"Compare and Scoreboard show {name}, Base only. A fine-tune on it {active}."
    if own and stage is not None and stage.pair is not None:
        how = "fine-tune it to get the second column" if trains else OFF
        return f"Compare and Scoreboard show {name}, Base only: {how}."
    return f"Compare and Scoreboard show {name}{'. Base is reading it first' if own else ''}."


def reading(stage: Stage, others: int = 0) -> str:
    """How far a selection is, in place of its results."""
    progress = stage.progress
    left = f" · {time_left(progress.left_s)}" if progress.left_s is not None else ""
    what = "questions" if stage.kind == "measuring" else "passages"
    at = f" · {progress.done:,} of {progress.total:,} {what}" if progress.total else ""
    turns = f" · in turn with {others} other{'s' if others > 1 else ''}" if others else ""
    bar = "" if progress.share is None else (
        f'<progress max="100" value="{100 * progress.share:.0f}" aria-label="{escape(stage.text)}">'
        "</progress>")
    return (
        f'<div class="t"><div class="t-state" data-kind="loading" role="status"><p><strong>'
        f'{escape(stage.text)}</strong><span class="t-soft">{at}{left}{turns}</span></p>{bar}'
        "</div></div>"
    )


def why_alone(run: Run | None, trains: bool) -> str:
    """Why the fine-tuned column is empty for one's data."""
    if run is None:
        return FIRST if trains else f"There is no fine-tuned model of your data: {OFF}."
    return RUNNING if run.record().is_active else READY


def by_words(found: Comparison) -> str:
    """What BM25 finds in one's data while Base loads.

    Beside the column that Base will fill.
    """
    rank = found.base.answer_rank
    what = f"BM25 puts the answer {ordinal(rank)}" if rank else "This is what BM25 finds"
    return comparison.comparison(found, comparison.Alone(
        "This column fills by itself when Base has read your passages.", "lexical", "base",
        f"{what}: it matches words only, and Base is not ready yet."))


def base_board(evidence: Evidence, pair: ModelPair) -> str:
    """Base beside BM25 on the queries of one's data.

    While there is no fine-tuned model.
    """
    names, topics = (LEXICAL, "Base"), by_topic(evidence, pair.corpus.queries)
    return (
        '<div class="t t-board"><p>There is no fine-tuned model of your data yet: '
        "this is <b>Base beside BM25</b>, which matches words only. It is where a fine-tune starts "
        f"from.</p>{_verdict(evidence)}{outcomes(evidence, 'Base')}"
        f"{metrics_table(evidence, names, pair.about)}"
        f'<div class="t-charts">{pictures(evidence, names, topics)}</div></div>'
    )


def _verdict(evidence: Evidence) -> str:
    gap, count = evidence.differences[PRIMARY], len(evidence.base)
    figures = (f"{gap.value:+.3f} {PRIMARY} (95 % interval {gap.low:+.3f} to {gap.high:+.3f}) on "
               f"{count:,} test questions")
    said = {
        "better": f"Base finds the answers better than BM25: {figures}.",
        "worse": f"BM25, which matches words only, finds the answers better than Base: {figures}.",
        NO_DIFFERENCE: f"No clear difference between Base and BM25: {figures}.",
    }[gap.outcome]
    return (f'<p class="t-say" data-mood="{WAYS[gap.outcome]}">{escape(said)}</p>'
            f'<p class="t-soft">Fine-tuned against Base: {escape(_could_show(evidence))}</p>')


def _could_show(evidence: Evidence) -> str:
    """What difference these questions can show, from how much Base differs between them."""
    values = [judged.metrics[PRIMARY] for judged in evidence.tuned.values()]
    spread = Spread(stdev(values), fmean(values), len(values), evidence.passages, False)
    return f"{Power(len(values), spread).sentence()}."


def no_board(text: str) -> str:
    """Why there is no board of somebody's data."""
    return f'<div class="t"><p class="t-empty">{escape(text)}</p></div>'
