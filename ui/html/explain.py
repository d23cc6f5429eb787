"""Escaped HTML of why ranks moved: pure functions."""

from collections.abc import Sequence
from html import escape

from corpus.records import Passage
from corpus.text import shortened
from retrieval.explain import Standing, Why

CHOOSE = ('<div class="t"><p class="t-empty">Choose a question in the table: why its answer moved '
          "stands here.</p></div>")
SHOWN = 220
"""Characters of a passage that are enough to know it by."""


def why_panel(why: Why, base_name: str, waiting: bool = False) -> str:
    """Why one answer's rank moved, side by side.

    Both standings, who stood against the answer, words, nearest training question. waiting: whether
    the nearest training question is still being looked for.
    """
    rows = "".join(
        _side(name, standing, wrong)
        for name, standing, wrong in ((base_name, why.base, why.base_wrong),
                                      ("Fine-tuned", why.tuned, why.wrong))
    )
    return (
        f'<div class="t t-why"><h3>{escape(why.query.text)}</h3><p>{escape(why.sentence)}</p>'
        '<div class="t-scroll" tabindex="0" role="region" aria-label="Scores on both sides">'
        '<table class="t-table"><thead><tr><th scope="col">Side</th><th scope="col">Answer’s rank'
        '</th><th scope="col">Its score</th><th scope="col">Strongest wrong passage</th>'
        '<th scope="col">Its score</th><th scope="col">Lead</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div><dl>"
        f"<dt>Answer</dt><dd>{_passage(why.answer)}</dd>"
        f"{_wrong(why)}"
        f"<dt>Shared words</dt><dd>{_words(why)}</dd>"
        f"<dt>Nearest training question</dt><dd>{_trained(why, waiting)}</dd></dl></div>"
    )


def regressions(found: Sequence[Why], base_name: str) -> str:
    """The worst regressions, with what outranked the answer of each."""
    if not found:
        return '<div class="t"><p class="t-empty">No question got worse.</p></div>'
    rows = "".join(
        f'<tr><th scope="row" class="t-q">{escape(why.query.text)}</th>'
        f"<td>{why.base.rank:,} → {why.tuned.rank:,}</td>"
        f'<td class="t-q">{_title(why.wrong) if why.tuned.rank > 1 else "nothing"}</td>'
        f"<td>{why.tuned.margin:+.3f}</td></tr>"
        for why in found
    )
    return (
        '<div class="t"><div class="t-scroll" tabindex="0" role="region" '
        'aria-label="Questions that lost most"><table class="t-table"><thead><tr>'
        '<th scope="col">Question</th>'
        f'<th scope="col">Rank, {escape(base_name)} → Fine-tuned</th>'
        '<th scope="col">What outranked the answer most</th><th scope="col">Lead</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></div>"
    )


def _side(name: str, standing: Standing, wrong: Passage | None) -> str:
    way = "up" if standing.margin > 0 else "down"
    return (
        f'<tr><th scope="row">{escape(name)}</th><td>{standing.rank:,}</td>'
        f'<td>{standing.score:.3f}</td><td class="t-q">{_title(wrong)}</td>'
        f'<td>{standing.wrong_score:.3f}</td><td data-way="{way}">{standing.margin:+.3f}</td></tr>'
    )


def _title(passage: Passage | None) -> str:
    return escape(shortened(passage.title or passage.text, 60)) if passage else "–"


def _passage(passage: Passage) -> str:
    title = f"<b>{escape(passage.title)}</b> " if passage.title else ""
    return f"{title}{escape(shortened(passage.text, SHOWN))}"


def _wrong(why: Why) -> str:
    if why.wrong is None:
        return ""
    return f"<dt>Strongest wrong one</dt><dd>{_passage(why.wrong)}</dd>"


def _words(why: Why) -> str:
    def listed(words: Sequence[str]) -> str:
        return ", ".join(f"<mark>{escape(word)}</mark>" for word in words) or "none"

    return f"with the answer: {listed(why.answer_words)}; with the wrong one: " \
           f"{listed(why.wrong_words)}"


def _trained(why: Why, waiting: bool) -> str:
    if waiting:
        return '<span class="t-soft">is being looked for …</span>'
    if why.trained is None:
        return "the data has no training questions"
    query, score = why.trained
    same = ", which has the same answer" if why.same_answer else ""
    return f"“{escape(query.text)}” ({why.similarity} {score:.3f} by Base{same})"
