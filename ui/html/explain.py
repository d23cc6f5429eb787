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
    return (
        f'<div class="t t-why"><h3>{escape(why.query.text)}</h3><p>{escape(why.sentence)}</p>'
        '<div class="t-scroll" tabindex="0" role="region" aria-label="Scores on both sides">'
        '<table class="t-table t-sides"><thead><tr><td></td>'
        f'<th scope="col">{escape(base_name)}</th><th scope="col">Fine-tuned</th></tr></thead>'
        f"<tbody>{_standings(why)}</tbody></table></div><dl>"
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


def _standings(why: Why) -> str:
    """Where the answer stands on both sides, a row a figure: it fits beside the questions."""
    sides = (why.base, why.base_wrong), (why.tuned, why.wrong)
    rows = {
        "The answer’s rank": [f"<td>{side.rank:,}</td>" for side, _ in sides],
        "Its score": [f"<td>{side.score:.3f}</td>" for side, _ in sides],
        "Strongest wrong passage": [f'<td class="t-words">{_title(wrong)}</td>'
                                    for _, wrong in sides],
        "That one’s score": [f"<td>{side.wrong_score:.3f}</td>" for side, _ in sides],
        "The answer’s lead": [_lead(side) for side, _ in sides],
    }
    return "".join(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>'
                   for name, cells in rows.items())


def _lead(side: Standing) -> str:
    return f'<td data-way="{"up" if side.margin > 0 else "down"}">{side.margin:+.3f}</td>'


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
