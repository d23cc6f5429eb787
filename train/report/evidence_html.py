"""Evidence as escaped HTML for page and report.

Pure functions.
"""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from retrieval.evaluation import Evidence, Topic, one_answer_each, rank_moves
from retrieval.metrics import CUTOFFS, METRICS, PRIMARY
from retrieval.statistics import NO_DIFFERENCE, RESAMPLES, Difference
from retrieval.truncation import AtDim

from .charts import Bar, dim_lines, forest, rank_scatter

Names = tuple[str, str]
SIDES: Names = ("Base", "Fine-tuned")
WAYS = {"better": "up", "worse": "down", NO_DIFFERENCE: ""}
SAME = tuple(f"{name}@{k}" for name in ("recall", "precision") for k in CUTOFFS)
"""What accuracy says already where every query has one relevant passage."""
FEW_BITS = (" int8 and binary: the passages’ vectors alone, by sentence-transformers’ "
            "quantize_embeddings; the question stays float32.")


def scoreboard(
    evidence: Evidence,
    about: str,
    names: Names = SIDES,
    topics: Sequence[Topic] = (),
    more: str = "",
) -> str:
    """Verdict, wins and losses, metrics, and their charts.

    names: what the two sides are called. more: further pictures, as markup.
    """
    return (
        f'<div class="t t-board">{verdict(evidence, names)}{outcomes(evidence, names[1])}'
        f"{metrics_table(evidence, names, about)}"
        f'<div class="t-charts">{pictures(evidence, names, topics)}{more}</div></div>'
    )


def verdict(evidence: Evidence, names: Names = SIDES) -> str:
    """The verdict's sentence, coloured by its direction."""
    way = WAYS[evidence.outcome]
    said = f'<p class="t-say" data-mood="{way}">{escape(evidence.verdict_of(*names))}</p>'
    if not evidence.leaked:
        return said
    left = len(evidence.base) - len(evidence.leaked)
    if not left:
        return said
    return (f'{said}<p class="t-soft">{len(evidence.leaked):,} of {len(evidence.base):,} questions '
            "stand in the other splits too, as a question or by their answer. The verdict is of "
            f"the {left:,} others, the tables and pictures are of all.</p>")


def metrics_table(evidence: Evidence, names: Names, about: str = "") -> str:
    """The metrics of both sides with differences, intervals and p.

    Those that repeat are folded.
    """
    figures, order = evidence.as_json(), (PRIMARY, *(n for n in METRICS if n != PRIMARY))
    folded = SAME if one_answer_each(evidence) else ()

    def table(shown: Iterable[str], label: str) -> str:
        rows = "".join(
            _metric_row(name, figures["base"][name], figures["tuned"][name],
                        evidence.differences[name])
            for name in shown
        )
        heads = "".join(f'<th scope="col">{escape(head)}</th>'
                        for head in ("Metric", *names, "Difference"))
        return (
            f'<div class="t-scroll" tabindex="0" role="region" aria-label="{label}"><table '
            f'class="t-table"><thead><tr>{heads}<th scope="col" class="t-wide">95 % interval</th>'
            '<th scope="col" class="t-wide">p, corrected</th></tr></thead>'
            f"<tbody>{rows}</tbody></table></div>"
        )

    more = ""
    if folded:
        more = (
            '<details class="t-fold"><summary>Eight more that say the same: every question has one '
            "answer, so recall@k is accuracy@k, and precision@k is accuracy@k divided by k"
            f"</summary>{table(folded, 'Metrics that repeat')}</details>"
        )
    questions = _questions(len(evidence.base))
    return (
        f"{table((name for name in order if name not in folded), 'Metrics')}{more}"
        f'<p class="t-key"><span>{PRIMARY} decides, as declared beforehand; the p of the 14 others '
        f"is corrected for their number. Interval: paired bootstrap, {RESAMPLES:,} "
        f"resamples of {questions} of the {escape(evidence.split)} split, searched among "
        f"{evidence.passages:,} passages; p: paired randomisation test.</span>"
        f"<span>{escape(about)}</span></p>"
    )


def _metric_row(name: str, base: float, tuned: float, gap: Difference) -> str:
    primary = " data-primary" if name == PRIMARY else ""
    return (
        f'<tr{primary}><th scope="row">{name}</th><td>{base:.3f}</td><td>{tuned:.3f}</td>'
        f'<td data-way="{WAYS[gap.outcome]}">{gap.value:+.3f}</td>'
        f'<td class="t-wide">{gap.low:+.3f} to {gap.high:+.3f}</td>'
        f'<td class="t-wide">{p_text(gap.p_holm)}</td></tr>'
    )


def _questions(count: int) -> str:
    return f"{count:,} {'question' if count == 1 else 'questions'}"


def p_text(p: float) -> str:
    """A p value, as exactly as resamples tell it."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def pictures(
    evidence: Evidence, names: Names, topics: Sequence[Topic], opens: bool = False
) -> str:
    """Intervals, topics, and ranks before and after.

    opens: whether a dot opens its queries, which takes the page's script.
    """
    folded = SAME if one_answer_each(evidence) else ()
    shown = [name for name in (PRIMARY, *(n for n in METRICS if n != PRIMARY))
             if name not in folded]
    gaps = evidence.differences
    bars = [Bar(name, gaps[name].value, gaps[name].low, gaps[name].high,
                WAYS[gaps[name].outcome], name == PRIMARY) for name in shown]
    clear = sum(bar.way == "up" for bar in bars), sum(bar.way == "down" for bar in bars)
    said = (f"{names[1]} minus {names[0]}: of {len(bars)} metrics {clear[0]} clearly better, "
            f"{clear[1]} clearly worse; the figures are in the table.")
    return (
        forest("Differences with 95 % intervals", bars, said)
        + rank_scatter(rank_moves(evidence), names, _ranks_said(evidence, names, opens),
                       _by_move(evidence) if opens else None)
        + topic_picture(topics, names)
    )


def _by_move(evidence: Evidence) -> dict[tuple[int, int], list[str]]:
    """The queries of each pair of ranks."""
    found: dict[tuple[int, int], list[str]] = {}
    for query in evidence.queries:
        if query.base_rank is not None and query.tuned_rank is not None:
            found.setdefault((query.base_rank, query.tuned_rank), []).append(query.query_id)
    return found


def _ranks_said(evidence: Evidence, names: Names, opens: bool) -> str:
    moves = rank_moves(evidence)
    up = sum(count for (before, after), count in moves.items() if after < before)
    down = sum(count for (before, after), count in moves.items() if after > before)
    first = [sum(count for pair, count in moves.items() if pair[side] == 1) for side in (0, 1)]
    press = "; press one to open it, again for the next" if opens else ""
    return (f"The answer rose for {_questions(up)}, fell for {down:,}, stayed for "
            f"{moves.total() - up - down:,}; it stood first for {first[0]:,} in {names[0]}, for "
            f"{first[1]:,} in {names[1]}. A larger dot is more questions{press}.")


def topic_picture(topics: Sequence[Topic], names: Names = SIDES) -> str:
    """The difference of each topic with its interval."""
    if not topics:
        return ""
    bars = [Bar(f"{topic.name} ({topic.queries})", topic.value, topic.low, topic.high, topic.way)
            for topic in topics]
    best, worst = (chosen(topics, key=lambda topic: topic.value) for chosen in (max, min))
    said = (f"{PRIMARY}, {names[1]} minus {names[0]}: from {worst.value:+.3f} in {worst.name} to "
            f"{best.value:+.3f} in {best.name}. For reading: with so many topics one or two stand "
            "out by chance.")
    rows = "".join(
        f'<tr><th scope="row">{escape(topic.name)}</th><td>{topic.queries:,}</td>'
        f'<td>{topic.base:.3f}</td><td>{topic.tuned:.3f}</td>'
        f'<td data-way="{topic.way}">{topic.value:+.3f}</td>'
        f'<td>{topic.low:+.3f} to {topic.high:+.3f}</td></tr>' for topic in topics
    )
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in
                    ("Topic", "Questions", *names, "Difference", "95 % interval"))
    table = (
        '<details class="t-fold"><summary>As a table</summary><div class="t-scroll" tabindex="0" '
        f'role="region" aria-label="Topics"><table class="t-table"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )
    return f"<div>{forest('By topic', bars, said)}{table}</div>"


def outcomes(evidence: Evidence, winner: str) -> str:
    """Queries won, lost and tied, in words and bar."""
    found = evidence.outcomes
    said = f"{_questions(found['won'])} won, {found['lost']:,} lost, {found['tied']:,} tied"
    return (
        f'<p class="t-soft">{said} by {escape(winner)}, in {PRIMARY}.</p>'
        f'<div class="t-wins" role="img" aria-label="{said}">'
        f'{_wins([("up", "won"), ("same", "tied"), ("down", "lost")], found)}</div>'
    )


def _wins(order: Iterable[tuple[str, str]], found: Mapping[str, Any]) -> str:
    return "".join(f'<i data-way="{way}" style="flex:{found[name]}"></i>' for way, name in order)


def dims_picture(rows: Sequence[AtDim], trained: Sequence[int] = ()) -> str:
    """Quality against `truncate_dim`: chart and table.

    With storage and time.
    """
    if not rows:
        return ""
    series = {"Base": [(float(row.dim), row.base) for row in rows if row.base is not None],
              "Fine-tuned": [(float(row.dim), row.tuned) for row in rows if row.tuned is not None]}
    said = "; ".join(f"{row.dim} dims: {_figure(row.base)} and {_figure(row.tuned)}"
                     for row in (rows[0], rows[-1]))
    precisions = list(dict.fromkeys(name for row in rows for name in row.quantized))
    body = "".join(
        f'<tr><th scope="row">{row.dim:,}{"*" if row.dim in trained else ""}</th>'
        f"<td>{_figure(row.base)}</td><td>{_figure(row.tuned)}</td><td>{size(row.bytes)}</td>"
        f"<td>{row.search_ms:.2f} ms</td>{_few_bits(row, precisions)}</tr>" for row in rows
    )
    heads = "".join(f'<th scope="col">{head}</th>'
                    for head in ("truncate_dim", "Base", "Fine-tuned", "Vectors", "A search",
                                 *(f"Fine-tuned, {name}" for name in precisions)))
    star = "* trained for. " if any(row.dim in trained for row in rows) else ""
    return (
        f"<div>{dim_lines(f'{PRIMARY} against truncate_dim', series, trained, said)}"
        '<div class="t-scroll" tabindex="0" role="region" aria-label="Quality by truncate_dim">'
        f'<table class="t-table"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'
        f'</div><p class="t-key">{star}Vectors: float32, of the whole corpus. A search: without '
        f"encoding the question.{FEW_BITS if precisions else ''}</p></div>"
    )


def _few_bits(row: AtDim, precisions: Sequence[str]) -> str:
    """The cells of a length's quantised vectors."""
    found = (row.quantized.get(name) for name in precisions)
    return "".join("<td>–</td>" if at is None else f"<td>{at.tuned:.3f} · {size(at.bytes)}</td>"
                   for at in found)


def size(count: int) -> str:
    """Bytes as a person says them."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
