"""Escaped HTML from domain objects.

Pure functions, every value through `html.escape`.
"""

from html import escape

from corpus.load import BUILT_IN
from corpus.records import Corpus
from retrieval.metrics import PRIMARY
from ui.services.progress import OpeningState, time_left

from .words import with_code

SIDES = {"base": "Base", "tuned": "Fine-tuned", "lexical": "BM25"}


PURPOSE = "One question, two embedding models, side by side: see what fine-tuning changed."


def header(said: str = PURPOSE, about: str = "") -> str:
    """The page's header: its name and models.

    What is seen on it, and what made the fine-tuned model.
    """
    more = f'<p class="t-soft t-about">{escape(about)}</p>' if about else ""
    return (f'<header class="t t-head"><h1>Tandem</h1><p class="t-intro">{escape(said)}</p>'
            f"{more}</header>")


def introduction(
    corpus: Corpus, title: str = "", trained: bool = True, is_tuned: bool = True
) -> str:
    """What is searched, and with which two models.

    In one sentence with the true counts. title: what a visitor calls the data. trained: the right
    one learned from this corpus's training questions. is_tuned: it is there by now.
    """
    what = "answers about Porsche cars" if corpus.name == BUILT_IN else \
        f"passages of “{title or corpus.name}”"
    searched = f"Search {len(corpus.passages):,} {what}"
    questions = len(corpus.qrels.get("train", {}))
    if not trained:
        right = "a fine-tuned one" if is_tuned else "nothing yet: fine-tune it to see the change"
    else:
        soon = "" if is_tuned else "soon "
        right = f"{soon}the same model after training on {questions:,} questions"
    return f"{searched}: on the left a stock embedding model, on the right {right}."


def state(opening: OpeningState) -> str:
    """How far the page is.

    Loading, training, ready, or what went wrong.
    """
    at = opening.progress
    left = f" · {time_left(at.left_s)}" if at.left_s is not None else ""
    detail = f" · {escape(opening.detail)}" if opening.detail else ""
    bar = ""
    if at.share is not None:
        bar = (f'<progress max="100" value="{100 * at.share:.0f}" '
               f'aria-label="{escape(opening.text)}"></progress>')
    if opening.kind == "ready":  # the head says what is shown
        return ""
    role = "alert" if opening.kind == "failed" else "status"
    text = f"<strong>{escape(opening.text)}</strong>"
    return (
        f'<div class="t"><div class="t-state" data-kind="{opening.kind}" role="{role}">'
        f'<p>{text}<span class="t-soft">{detail}{left}</span></p>{bar}{_curve(opening)}'
        "</div></div>"
    )


def _curve(opening: OpeningState) -> str:
    if not opening.curve:
        return ""
    points = [
        f"<span>{'Base' if epoch == 0 else f'epoch {epoch}'} <b>{value:.3f}</b></span>"
        for epoch, value in opening.curve
    ]
    return (f'<p class="t-curve t-soft">{PRIMARY} on questions kept out of training: '
            f'{" ".join(points)}</p>')


def empty() -> str:
    """What to do first."""
    return (
        '<div class="t"><p class="t-empty">Ask a question in your own words, or take one of the '
        "examples: Base and Fine-tuned will show what they find, side by side.</p></div>"
    )


def sentence(text: str) -> str:
    """A sentence by itself."""
    return f'<div class="t"><p role="status">{with_code(text)}</p></div>'


def waiting(what: str = "The base model is getting ready") -> str:
    """A placeholder for results while a model is loading."""
    return (
        f'<div class="t"><p class="t-empty" role="status">{escape(what)}: your question is '
        "answered here as soon as that is done.</p></div>"
    )


def error(sentence: str) -> str:
    """What went wrong, in place of a result."""
    return f'<div class="t"><p class="t-error" role="alert">{with_code(sentence)}</p></div>'
