"""Escaped HTML of what somebody brings.

Limits, what was found in it, how far it is.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from corpus.columns import Columns
from hub.progress import Progress
from train.settings import Settings
from ui.services.progress import time_left

from .data import sample_links

FORMATS = (
    "From JSON lines, JSON, CSV of any delimiter and encoding (also as .gz), Parquet, Arrow, Excel "
    "(.xlsx, .xls), .ods, or as .zip a folder of such files: one each for train, dev and test, or "
    "corpus.jsonl, queries.jsonl and qrels.")
MOST_SHOWN = 12
"""Columns of the preview: a person reads no more."""
LONGEST_CELL = 160
LONG = 10.0
"""Seconds above which it is said how long something takes yet."""


def before(settings: Settings) -> str:
    """Limits, visibility and lifetime of an upload, said before.

    What is taken, how much of it, who sees it and for how long.
    """
    limits = (f"{FORMATS} At most {settings.max_upload / 1e6:,.0f} MB, {settings.max_rows:,} rows, "
              f"and {settings.max_characters:,} characters in one text.")
    return (
        f'<div class="t t-before"><p>Questions with the passages that answer them, one pair a row: '
        "a few hundred or more show something. "
        f"{limits} <b>{_kept(settings)}</b></p>"
        "<details><summary>What good pairs are</summary><ul>"
        "<li><b>Question</b> (<code>anchor</code>) and <b>answer</b> (<code>positive</code>) in "
        "two columns of any name; you confirm which is which.</li>"
        "<li>Questions as people ask them, in their own words, not in those of the passage: copied "
        "words teach nothing that word search does not do.</li>"
        "<li>Answers that stand alone: a model reads some 250 words of each and no more.</li>"
        "<li>The same answer may have several questions. A passage that answers a question but is "
        "the answer of another counts as wrong: merge what says the same.</li>"
        "<li>Useful besides: passages that look right and are wrong (<code>negative</code>), how "
        "well each answer fits (<code>score</code>), what it is about (<code>topic</code>).</li>"
        "<li>Passages, questions and judgements in files of their own (corpus.jsonl, "
        "queries.jsonl, qrels): that folder, as a zip.</li></ul>"
        "<p>More, with figures from real data: “Bring your own data” in the README.</p></details>"
        f"<p>To try it: a sample as {sample_links()}.</p></div>"
    )


def _kept(settings: Settings) -> str:
    hours = settings.keep_hours
    goes = "" if hours is None else (
        f" It is deleted {hours:,} {'hour' if hours == 1 else 'hours'} after it was last used.")
    if settings.on_space:
        return f"Only you, and the owner of this Space, can see it.{goes}"
    return f"It stays on this machine.{goes}"


def found(look: Mapping[str, Any], title: str, columns: Columns | None) -> str:
    """What was found in it.

    Format, encoding, how many rows, notes, and the first of them.
    """
    facts = [str(look.get("format") or "")]
    facts += [str(look["encoding"])] if look.get("encoding") else []
    facts += [f"{look['row_count']:,} rows"] if look.get("row_count") is not None else []
    notes = "".join(f"<li>{escape(str(note))}</li>" for note in look.get("notes") or [])
    notes = f'<ul class="t-notes">{notes}</ul>' if notes else ""
    kind = escape(str(look.get("kind") or ""))
    return (f'<div class="t t-found" data-kind="{kind}"><p><b>{escape(title)}</b> '
            f'<span class="t-soft">{escape(" · ".join(filter(None, facts)))}</span></p>{notes}'
            f"{_preview(look.get('columns') or [], look.get('rows') or [], columns)}</div>")


def _preview(
    names: Sequence[str], rows: Sequence[Mapping[str, Any]], columns: Columns | None
) -> str:
    """The first rows as a table that scrolls inside; the columns that are used stand first."""
    if not rows:
        return ""
    roles = roles_of(columns)
    shown = sorted(names, key=lambda name: name not in roles)[:MOST_SHOWN]
    head = "".join(f"<th scope='col'>{escape(_cut(name))}{_role(roles.get(name))}</th>"
                   for name in shown)
    body = "".join("<tr>" + "".join(f"<td>{escape(_cut(row.get(name)))}</td>" for name in shown)
                   + "</tr>" for row in rows)
    more = len(names) - len(shown)
    rest = f'<p class="t-soft">and {more:,} more columns</p>' if more else ""
    return (f'<div class="t-scroll" role="region" aria-label="The first {len(rows)} rows" '
            f'tabindex="0"><table class="t-preview"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>{rest}")


def roles_of(columns: Columns | None) -> dict[str, str]:
    """What each column that is used holds."""
    if columns is None:
        return {}
    roles = {columns.topic: "topic", columns.score: "score",
             **dict.fromkeys(columns.negatives, "negative"),
             columns.positive: "answer", columns.anchor: "question"}
    return {name: role for name, role in roles.items() if name}


def _role(role: str | None) -> str:
    return f' <span class="t-chip">{role}</span>' if role else ""


def _cut(value: object) -> str:
    text = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) \
        else str(value)
    return text if len(text) <= LONGEST_CELL else f"{text[:LONGEST_CELL]} …"


def progress(at: Progress | None, what: str) -> str:
    """How far something is.

    A bar where that is known, and the time left when it is long.
    """
    text = (at.text if at else "") or what
    left = at.left_s if at else None
    said = f" · {time_left(left)}" if left is not None and left > LONG else ""
    value = f' value="{at.share:.3f}"' if at and at.share is not None else ""
    return (f'<div class="t t-state"><p>{escape(text)} …'
            f'<span class="t-soft">{escape(said)}</span></p>'
            f'<progress max="1"{value} aria-label="{escape(text)}"></progress></div>')


def passages_note(title: str, size: int) -> str:
    """Which file of more passages joins the corpus."""
    return (f'<div class="t"><p><b>{escape(title)}</b> <span class="t-soft">{size / 1e6:.1f} MB'
            "</span> joins the corpus: its passages are searched, and answer no question.</p>"
            "</div>")
