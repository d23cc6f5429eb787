"""Escaped HTML from domain objects: pure functions, every value through `html.escape`."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from retrieval.compare import Comparison, Found, Hit, Span, matching_spans
from retrieval.metrics import PRIMARY
from ui.services.format import time_left
from ui.services.progress import Progress

SIDES = {"base": "Base", "tuned": "Fine-tuned", "lexical": "BM25"}
AREA = {"base": "b", "tuned": "t", "lexical": "x"}


def header() -> str:
    """The page's name and what it is for."""
    return (
        '<header class="t t-head"><h1>Tandem</h1><p class="t-soft">What fine-tuning changed: '
        "one question, two models, side by side.</p></header>"
    )


def state(progress: Progress) -> str:
    """How far the page is: loading, training, ready, or what went wrong."""
    left = f" · {time_left(progress.left_s)}" if progress.left_s is not None else ""
    detail = f" · {escape(progress.detail)}" if progress.detail else ""
    bar = ""
    if progress.share is not None:
        bar = (f'<progress max="100" value="{100 * progress.share:.0f}" '
               f'aria-label="{escape(progress.text)}"></progress>')
    role = "alert" if progress.kind == "failed" else "status"
    text = f"<strong>{escape(progress.text)}</strong>"
    if progress.kind == "ready":
        text = escape(progress.text)
    return (
        f'<div class="t"><div class="t-state" data-kind="{progress.kind}" role="{role}">'
        f'<p>{text}<span class="t-soft">{detail}{left}</span></p>{bar}{_curve(progress)}'
        "</div></div>"
    )


def _curve(progress: Progress) -> str:
    if not progress.curve:
        return ""
    points = [
        f"<span>{'Base' if epoch == 0 else f'epoch {epoch}'} <b>{value:.3f}</b></span>"
        for epoch, value in progress.curve
    ]
    return f'<p class="t-curve t-soft">{PRIMARY} on dev: {" ".join(points)}</p>'






def empty() -> str:
    """What to do first."""
    return (
        '<div class="t"><p class="t-empty">Ask a question in your own words, or take one of the '
        "examples: Base and Fine-tuned will show what they find, side by side.</p></div>"
    )


def sentence(text: str) -> str:
    """A sentence by itself."""
    return f'<div class="t"><p role="status">{escape(text)}</p></div>'


def waiting(what: str = "The base model is getting ready") -> str:
    """What stands in place of a result while a model is not there yet."""
    return (
        f'<div class="t"><p class="t-empty" role="status">{escape(what)}: your question is '
        "answered here as soon as that is done.</p></div>"
    )


def error(sentence: str) -> str:
    """What went wrong, in place of a result."""
    return f'<div class="t"><p class="t-error" role="alert">{escape(sentence)}</p></div>'


@dataclass(frozen=True)
class Alone:
    """What is said where one side alone is there.

    why: what stands in the column of the other one. side: which one is there. said: what it did,
    where the comparison's own sentence does not fit.
    """

    why: str = "There is no fine-tuned model yet."
    side: str = "base"
    other: str = "tuned"
    said: str = ""


TRAINING = Alone("The fine-tuned model is being made right now: this column fills by itself when "
                 "it is done.")


def comparison(result: Comparison, alone: Alone | None = None) -> str:
    """Both lists side by side, tied by lines, under a sentence that says what happened.

    alone: what is said while `tuned` is None.
    """
    slots, alone = _slots(result), alone or Alone()
    left = alone.side if result.tuned is None else "base"
    sides = {"lexical": result.lexical} | {left: result.base, "tuned": result.tuned}
    columns = "".join(
        _column(side, found, result.query, slots, AREA["base"] if found is result.base else "")
        for side, found in sides.items()
        if found is not None
    )
    if result.tuned is None:
        columns += _missing(alone)
    third = " data-third" if result.lexical else ""
    said = result.sentence if result.tuned else alone.said or result.sentence
    return (
        f'<div class="t" data-query="{escape(result.query)}"><p class="t-say" '
        f'data-mood="{_mood(result)}" role="status">{escape(said)}</p>'
        f'<div class="t-pair"{third}>{columns}{_lines(result, slots)}</div>{_key(result)}</div>'
    )


def _mood(result: Comparison) -> str:
    if result.tuned is None or not result.base.answer_rank or not result.tuned.answer_rank:
        return "same"
    return _way(result.base.answer_rank - result.tuned.answer_rank)


def _slots(result: Comparison) -> dict[str, int]:
    """A number for each passage shown, the same on every side: what ties them together."""
    slots: dict[str, int] = {}
    for found in (result.base, result.tuned, result.lexical):
        for hit in [*found.hits, *filter(None, [found.answer])] if found else []:
            slots.setdefault(hit.passage_id, len(slots))
    return slots


def _column(
    side: str, found: Found, query: str, slots: Mapping[str, int], area: str = ""
) -> str:
    area, label = area or AREA[side], SIDES[side]
    # A cosine is at most 1; BM25 and a dot product have no bound, so the best hit fills the bar.
    best = found.hits[0].score if found.hits else 1.0
    full = (best or 1) if side == "lexical" else max(1.0, best)
    items = "".join(f"<li>{_card(side, hit, query, slots, full)}</li>" for hit in found.hits)
    model = found.name.rsplit("/", 1)[-1] if side == "base" else ""
    head = (
        f'<div class="t-side" data-side="{side}" style="grid-area:h{area}"><h2>{label} '
        f'<small class="t-soft">{escape(model)}</small></h2>'
        f'<small class="t-soft">{found.seconds * 1000:.0f} ms</small></div>'
    )
    below = ""
    if found.answer and found.answer.rank > len(found.hits):
        below = (
            f'<div class="t-below" style="grid-area:a{area}"><p class="t-soft">… and further down, '
            f"the known answer:</p>{_card(side, found.answer, query, slots, full)}</div>"
        )
    return (
        f'{head}<ol class="t-list" style="grid-area:l{area}" aria-label="{label}">{items}</ol>'
        f"{below}"
    )


def _card(side: str, hit: Hit, query: str, slots: Mapping[str, int], full: float) -> str:
    answer = " data-answer" if hit.relevant else ""
    star = '<span class="t-chip t-star">★ answer</span>' if hit.relevant else ""
    return (
        f'<article class="t-card" data-slot="{slots[hit.passage_id]}" data-side="{side}"{answer} '
        f'tabindex="-1"><div class="t-top"><span class="t-rank">{hit.rank:,}</span>'
        f'<span class="t-title" title="{escape(hit.passage_id)}">{_marked(hit.title, query)}</span>'
        f"{star}{_movement(side, hit)}</div>{_score(hit.score, full)}"
        f'<details><summary><span class="t-text">{_marked(hit.text, query, hit.nearest)}</span>'
        "</summary></details></article>"
    )


def _movement(side: str, hit: Hit) -> str:
    """How the passage moved, as a button that leads to it on the other side."""
    if hit.movement is None or hit.other_rank is None:
        return ""
    other = SIDES["base" if side == "tuned" else "tuned"]
    if hit.movement == 0:
        text, said = "=", f"same rank in {other}"
    else:
        arrow = "▲" if hit.movement > 0 else "▼"
        text = f"{arrow}{abs(hit.movement):,}"
        said = f"{'up' if hit.movement > 0 else 'down'} {abs(hit.movement):,}; " \
               f"rank {hit.other_rank:,} in {other}"
    return (
        f'<button type="button" class="t-chip" data-go="{side}" data-way="{_way(hit.movement)}" '
        f'title="{said}" aria-label="{said}">{text}</button>'
    )


def _score(score: float, full: float) -> str:
    width = f"{100 * min(1, max(0, score / full)):.1f}%"
    return (
        f'<div class="t-score"><span class="t-bar" aria-hidden="true"><i style="width:{width}">'
        f'</i></span><span><span class="t-seen">score </span>{score:.3f}</span></div>'
    )


def _marked(text: str, query: str, nearest: Span | None = None) -> str:
    """A text with the query's words marked, and its nearest sentence underlined."""
    edges = {0, len(text)}
    words = matching_spans(query, text)
    for start, end in [*words, *filter(None, [nearest])]:
        edges |= {start, end}
    cuts = sorted(edges)
    parts: list[str] = []
    for start, end in zip(cuts, cuts[1:], strict=False):
        part = escape(text[start:end])
        if any(a <= start < b for a, b in words):
            part = f"<mark>{part}</mark>"
        if nearest and nearest[0] <= start < nearest[1]:
            part = f'<span class="t-near">{part}</span>'
        parts.append(part)
    return "".join(parts)


def _lines(result: Comparison, slots: Mapping[str, int]) -> str:
    """A line from each passage in the left list to itself in the right one."""
    if result.tuned is None or not result.base.hits:
        return ""
    rows = len(result.base.hits)
    right = {hit.passage_id: place for place, hit in enumerate(result.tuned.hits)}
    paths = []
    for place, hit in enumerate(result.base.hits):
        if hit.passage_id not in right:
            continue
        y1, y2 = place + 0.5, right[hit.passage_id] + 0.5
        answer = " data-answer" if hit.relevant else ""
        paths.append(
            f'<path d="M0 {y1}C50 {y1} 50 {y2} 100 {y2}" data-way="{_way(place - y2 + 0.5)}" '
            f'data-slot="{slots[hit.passage_id]}"{answer}/>'
        )
    return (
        f'<svg class="t-lines" style="grid-area:ln" viewBox="0 0 100 {rows}" '
        f'preserveAspectRatio="none" aria-hidden="true">{"".join(paths)}</svg>'
    )


def _missing(alone: Alone) -> str:
    """The column of a side that is not there."""
    return (
        f'<div class="t-side" data-side="{alone.other}" style="grid-area:ht">'
        f'<h2>{SIDES[alone.other]}</h2></div>'
        f'<p class="t-empty" style="grid-area:lt;align-self:start">{escape(alone.why)}</p>'
    )


def _key(result: Comparison) -> str:
    parts = ["<span><mark>word</mark> of the question</span>"]
    if any(hit.nearest for hit in result.base.hits):
        parts.append('<span><span class="t-near">sentence</span> nearest to it</span>')
    if result.known:
        parts.append("<span>★ the known answer</span>")
    if result.tuned:
        parts.append("<span>▲▼ ranks moved, Base to Fine-tuned; press one to follow it</span>")
    return f'<p class="t-key">{"".join(parts)}</p>'


def _way(gain: float) -> str:
    return "up" if gain > 0 else "down" if gain < 0 else "same"
