"""Escaped HTML of what could ship: pure functions."""

from html import escape
from pathlib import Path

from retrieval.alternatives.table import Alternative, Alternatives
from retrieval.metrics import PRIMARY
from retrieval.statistics import Difference
from train.report.evidence_html import WAYS, size
from ui.services.progress import duration

MEASURING = ('<div class="t"><p class="t-soft">What could ship instead is being measured: BM25, '
             "Base, and both together …</p></div>")
TUNED = "Fine-tuned"
HEADS = ("What could ship", PRIMARY, "Against the best without training", "A question", "Size",
         "What it took")


def what_could_ship(table: Alternatives) -> str:
    """The alternatives as a table, under what they mean.

    The verdict names the best that takes no training.
    """
    heads = "".join(f'<th scope="col">{escape(head)}</th>' for head in HEADS)
    rows = "".join(_row(table, row) for row in table.rows)
    return (
        f'<div class="t t-board"><h2>What could ship</h2>{_verdict(table)}'
        '<div class="t-scroll" tabindex="0" role="region" aria-label="What could ship"><table '
        f'class="t-table"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<p class="t-key"><span>{_key(table)}</span></p></div>'
    )


def _verdict(table: Alternatives) -> str:
    said = table.verdict_of(TUNED)
    if said:
        row = next(row for row in table.rows if row.name == TUNED)
        gap = table.difference(row)
        return f'<p class="t-say" data-mood="{WAYS[gap.outcome] if gap else ""}">' \
               f"{escape(said)}</p>"
    best = table.best_free
    return f"<p>Without training, {escape(best.name)} is best.</p>" if best else ""


def _row(table: Alternatives, row: Alternative) -> str:
    name = f'<th scope="row">{escape(_named(row))}{_note(row.note)}</th>'
    if not row.judged:
        return f'<tr>{name}<td colspan="{len(HEADS) - 1}" class="t-q">{escape(row.error)}</td></tr>'
    return (
        f"<tr>{name}<td>{row.quality:.3f}</td>{_gap(table, row)}"
        f"<td>{_ms(row.ms_per_query)}</td><td>{size(row.bytes) if row.bytes else '–'}</td>"
        f"<td>{_cost(row)}</td></tr>"
    )


def _named(row: Alternative) -> str:
    """A folder of this machine by its last name alone."""
    return Path(row.name).name if Path(row.name).is_absolute() else row.name


def _note(note: str) -> str:
    return f'<br><small class="t-soft">{escape(note)}</small>' if note else ""


def _gap(table: Alternatives, row: Alternative) -> str:
    if row is table.best_free:
        return "<td><b>the best without training</b></td>"
    gap: Difference | None = table.difference(row)
    if gap is None:
        return "<td>–</td>"
    return (f'<td data-way="{WAYS[gap.outcome]}">{gap.value:+.3f} ({gap.low:+.3f} to '
            f"{gap.high:+.3f})</td>")


def _ms(ms: float | None) -> str:
    return "–" if ms is None else f"{ms:.1f} ms"


def _cost(row: Alternative) -> str:
    if row.free:
        return "no training"
    return f"training, {escape(duration(row.seconds))}" if row.seconds else "training"


def _key(table: Alternatives) -> str:
    best = next((row for row in table.rows if row.judged), None)
    count = len(best.judged) if best else 0
    return (f"The same {count:,} {'question' if count == 1 else 'questions'} of the "
            f"{escape(table.split)} split for each, with 95 % intervals. BM25+Base: both scores "
            "brought to 0 to 1 and added with a weight. A question: encoded and searched, one at a "
            "time. Size: weights and vectors, or BM25’s index.")
