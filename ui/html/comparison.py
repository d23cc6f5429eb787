"""Escaped HTML of one question through both models: pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from retrieval.compare import WEAK, Comparison, Found, Hit, Span, matching_spans

from .elements import SIDES

VOTES = {"left": "Base", "right": "Fine-tuned", "tie": "Both alike", "neither": "Neither"}
AREA = {"base": "b", "tuned": "t", "lexical": "x"}


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


def answering(query: str, html: str) -> str:
    """An answer marked with the query it answers.

    By which the page knows what is out of date.
    """
    return f'<div data-query="{escape(query.strip())}">{html}</div>'


def comparison(result: Comparison, alone: Alone | None = None) -> str:
    """Both lists of hits side by side, tied by lines.

    Under a sentence that says what happened. alone: what is said while `tuned` is None.
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
    return (
        f'<div class="t">{_headline(result, alone)}{_helps(result)}'
        f'<div class="t-pair"{third}>{columns}{_lines(result, slots)}</div>{_key(result)}</div>'
    )


def _headline(result: Comparison, alone: Alone) -> str:
    """What happened; first of all, where perhaps nothing answers the question."""
    said = result.happened if result.tuned else alone.said or result.happened
    more = [result.remark]
    mood = _mood(result)
    if result.is_weak:
        said, more, mood = WEAK, [said, result.remark], "weak"
    rest = "".join(f'<p class="t-fits">{escape(text)}</p>' for text in more if text)
    return f'<p class="t-say" data-mood="{mood}" role="status">{escape(said)}</p>{rest}'


def _helps(result: Comparison) -> str:
    """A vote on the two lists, for a question whose answer nobody knows."""
    if result.tuned is None or result.known or not result.base.hits:
        return ""
    buttons = "".join(f'<button type="button" class="t-chip" data-vote="{choice}">{label}</button>'
                      for choice, label in VOTES.items())
    return (f'<div class="t-helps" role="group" aria-label="Which list helps more?">'
            f'<span>Which list helps more?</span>{buttons}<span role="status"></span></div>')


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
    items = "".join(
        f'<li style="--place:{place}">{_card(side, hit, query, slots, full)}</li>'
        for place, hit in enumerate(found.hits, 1)
    )
    below = ""
    if found.answer and found.answer.rank > len(found.hits):
        below = (
            f'<div class="t-below" style="grid-area:a{area}" data-side="{side}">'
            f'<p class="t-soft">… and further down, the known answer:</p>'
            f"{_card(side, found.answer, query, slots, full)}</div>"
        )
    return (
        f"{_head(side, label, found, area)}"
        f'<ol class="t-list" data-side="{side}" style="grid-area:l{area}" aria-label="{label}">'
        f"{items}</ol>{below}"
    )


def _head(side: str, label: str, found: Found, area: str) -> str:
    """The side's name, where it puts the known answer, and how long it took."""
    model = found.name.rsplit("/", 1)[-1] if side == "base" else ""
    place = ""
    if found.answer_rank:
        place = (f'<span class="t-place" title="Where {label} puts the known answer">'
                 f"★ {_short(found.answer_rank)}</span>")
    elif found.weak:
        place = (f'<span class="t-place" title="The best score of {label} is lower than nearly '
                 'all answered questions have">weak match</span>')
    return (
        f'<div class="t-side" data-side="{side}" style="grid-area:h{area}"><h2>{label} '
        f'<small class="t-soft">{escape(model)}</small></h2>{place}'
        f'<small class="t-soft t-took">{found.seconds * 1000:,.0f} ms</small></div>'
    )


def _short(rank: int) -> str:
    """A rank in figures: 1st, 22nd, 113th."""
    ending = "th" if rank % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(rank % 10,
                                                                                   "th")
    return f"{rank:,}{ending}"


def _card(side: str, hit: Hit, query: str, slots: Mapping[str, int], full: float) -> str:
    answer = " data-answer" if hit.relevant else ""
    star = '<span class="t-chip t-star">★ answer</span>' if hit.relevant else ""
    return (
        f'<article class="t-card" data-slot="{slots[hit.passage_id]}" data-side="{side}"{answer} '
        f'tabindex="-1"><div class="t-top"><span class="t-whose">{SIDES[side]}</span>'
        f'<span class="t-rank">{hit.rank:,}</span>'
        f'<span class="t-title">{_marked(hit.title, query)}</span>'
        f"{star}{_movement(side, hit)}</div>{_score(hit.score, full)}"
        f"<details><summary>{_text(hit, query)}</summary></details></article>"
    )


def _text(hit: Hit, query: str) -> str:
    """The passage; folded it begins at the sentence that is nearest to the question."""
    start = hit.nearest[0] if hit.nearest else 0
    lead = f'<span class="t-lead">{_marked(hit.text[:start], query)}</span>' if start else ""
    near = (0, hit.nearest[1] - start) if hit.nearest else None
    return f'<span class="t-text">{lead}{_marked(hit.text[start:], query, near)}</span>'


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
    """A text with the query's words marked, and its nearest sentence tinted."""
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
    """A line from each passage on the left to itself on the right, below the lists too.

    Drawn as if all cards were alike, a row each; the page's script draws them where they stand.
    """
    if result.tuned is None or not result.base.hits:
        return ""
    rows = len(result.base.hits)
    left, right = _places(result.base), _places(result.tuned)
    paths = []
    for passage_id, (place, hit) in left.items():
        if passage_id not in right:
            continue
        y1, y2 = place + 0.5, right[passage_id][0] + 0.5
        answer = " data-answer" if hit.relevant else ""
        paths.append(
            f'<path d="M0 {y1}C50 {y1} 50 {y2} 100 {y2}" data-way="{_way(hit.movement or 0)}" '
            f'data-slot="{slots[passage_id]}"{answer}/>'
        )
    return (
        f'<svg class="t-lines" style="grid-area:ln" viewBox="0 0 100 {rows}" '
        f'preserveAspectRatio="none" aria-hidden="true">{"".join(paths)}</svg>{_rise(result)}'
    )


def _places(found: Found) -> dict[str, tuple[int, Hit]]:
    """Where each card of a side stands, from 0: the known answer may stand below the list."""
    places = {hit.passage_id: (place, hit) for place, hit in enumerate(found.hits)}
    if found.answer and found.answer.passage_id not in places:
        places[found.answer.passage_id] = (len(found.hits), found.answer)
    return places


def _rise(result: Comparison) -> str:
    """How far the known answer moved, to stand on its line."""
    before, after = result.base.answer_rank, result.tuned and result.tuned.answer_rank
    if not before or not after or before == after:
        return ""
    arrow = "▲" if before > after else "▼"
    return (f'<span class="t-rise" data-way="{_way(before - after)}" style="grid-area:ln" '
            f'aria-hidden="true">{arrow}{abs(before - after):,}</span>')


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
