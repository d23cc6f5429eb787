"""Escaped HTML of judgements: pure functions."""

from html import escape

from corpus.records import Passage
from corpus.text import shortened
from retrieval.judgements.store import GRADES, Judgement

SHOWN = 600
"""Characters of a passage that are shown to judge it by."""
NOTHING = ('<div class="t"><p class="t-soft">Both sides put only marked answers on top: there is '
           "nothing to judge here.</p></div>")
REFUSED = ('<div class="t"><p class="t-soft">Judgements are made by whoever brought the data; on '
           "this one by the owner of this Tandem.</p></div>")


def ask(query: str) -> str:
    """What is to be judged."""
    return (f'<div class="t"><p><b>{escape(query)}</b></p><p class="t-soft">Does each of these '
            "answer it? They stand on top of one side or both, in an order drawn by lot. The "
            "answers that the data marks are left out.</p></div>")


def candidate(passage: Passage | None, judgement: Judgement | None) -> str:
    """A passage to judge, without whose it is."""
    if passage is None:
        return ""
    title = f"<b>{escape(passage.title)}</b> " if passage.title else ""
    return (f'<div class="t"><p>{title}{escape(shortened(passage.text, SHOWN))}</p>'
            f"{_by(judgement)}</div>")


def _by(judgement: Judgement | None) -> str:
    if judgement is None or judgement.grade is None:
        return ""
    words = {grade: word for word, grade in GRADES.items()}[judgement.grade]
    return (f'<p class="t-soft">{escape(words)}, said {escape(judgement.by)}, '
            f"{escape(judgement.at[:16].replace('T', ' '))}</p>")


def added(count: int) -> str:
    """How many judgements the verdict has; empty without."""
    many = "judgement" if count == 1 else "judgements"
    return f"With {count:,} added {many}, which “What could ship” does without." if count else ""
