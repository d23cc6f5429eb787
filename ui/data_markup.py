"""Escaped HTML of data and plans: what a check found, and what will happen. Pure functions."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from corpus.check import Finding, Report
from train.engines.offers import Offer

from . import markup
from .check_files import report_links

SEVERITY_WORDS = {"error": "Must be mended", "warning": "Look at this", "info": "For information"}


def report(found: Report, title: str = "data") -> str:
    """What the data check says: sizes, what can be shown with them, findings worst first.

    title: what the data is called.
    """
    sizes = " · ".join([
        f"<b>{found.pairs:,}</b> pairs", f"<b>{found.queries:,}</b> questions",
        f"<b>{found.passages:,}</b> passages",
        *(f"{split} {count:,}" for split, count in found.splits.items()),
    ])
    findings = "".join(map(_finding, found.findings))
    nothing = "" if findings else "<p>Nothing found that needs mending.</p>"
    return (f'<div class="t t-check"><p class="t-soft">{sizes}</p><p>{_shows(found)}</p>'
            f'<ul class="t-findings">{findings}</ul>{nothing}'
            f'<p class="t-soft">Save {report_links(found.as_json(), title)}.</p></div>')


def _shows(found: Report) -> str:
    """What the test split can show, and where the base model stands."""
    could = found.detectable_difference
    if could is None:
        return "<b>Too small to tell:</b> there are too few test questions to show whether a " \
               "fine-tune helps."
    can = (f"est split of {found.splits['test']:,} questions can show a difference of about "
           f"{could:.3f} ndcg@10 or more")
    shows = f"A t{can}." if not found.power.too_small else \
        f"<b>Too small to tell:</b> the t{can}, and few fine-tunes gain as much."
    spread = found.spread
    if spread is None:
        return shows
    among = f" among {spread.passages:,} passages" if spread.sampled else ""
    return (f"{shows} Base has {spread.base_ndcg:.3f}, on {spread.queries:,} of its questions"
            f"{among}.")


def _finding(finding: Finding) -> str:
    examples = "".join(f"<li>{escape(example)}</li>" for example in finding.examples)
    severity, words = escape(finding.severity), SEVERITY_WORDS[finding.severity]
    return (
        f'<li data-severity="{severity}"><details><summary>'
        f'<span class="t-chip" data-severity="{severity}">{words}</span> '
        f"{escape(finding.kind.replace('_', ' '))}: <b>{finding.count:,}</b> "
        f'<span class="t-treated">{escape(finding.treatment)}</span></summary>'
        f"<p>{escape(finding.action)}</p><ul>{examples}</ul></details></li>"
    )


def note(text: str, wait: bool = False) -> str:
    """A line in place of what is not there yet."""
    busy = ' aria-busy="true"' if wait else ""
    return f'<div class="t"><p class="t-empty"{busy} role="status">{escape(text)}</p></div>'


def plan(said: Mapping[str, Any], where: str, cost: str = "") -> str:
    """What will happen: pairs, steps, time as a range, memory, cost.

    said: what `python -m train estimate` printed; without `seconds` while it is measured.
    """
    facts = {
        "Pairs": f"{said['pairs']:,}" if "pairs" in said else "",
        "Steps": f"{said['steps']:,}" if "steps" in said else "",
        "Time": str(said["time"]) if "time" in said else _range(said.get("seconds")),
        "Memory": f"about {said['memory_bytes'] / 1e9:.1f} GB" if said.get("memory_bytes") else "",
        "Where": where,
        "Cost": cost,
    }
    shown = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>"
                    for name, value in facts.items() if value)
    return f'<div class="t"><dl class="t-facts">{shown}</dl></div>'


def recipe_values(values: Mapping[str, str]) -> str:
    """A recipe's own values, which hold where a box is left empty."""
    shown = " · ".join(f"{escape(name)} <b>{escape(value)}</b>" for name, value in values.items())
    return f'<div class="t"><p class="t-soft">The recipe’s own: {shown}</p></div>'


def prompt_note(prompt: str) -> str:
    """What a model's authors put before a question, and what Tandem does about it."""
    return (f'<div class="t"><p class="t-soft">Its authors put <code>{escape(prompt)}</code> '
            "before a question. Base and Fine-tuned are each judged with it and without; best is "
            "compared with best.</p></div>")


def _range(seconds: Mapping[str, float] | None) -> str:
    if not seconds:
        return "being measured: a few steps are timed …"
    low, high = markup.duration(seconds["low"]), markup.duration(seconds["high"])
    return low if low == high else f"{low} to {high}"


def engine_note(found: Sequence[Offer], chosen: str | None, why: str) -> str:
    """Which engine `auto` takes and why, and why others cannot be chosen."""
    parts = [f"<p>Automatic takes <b>{escape(_title(found, chosen))}</b>: {escape(why)}.</p>"
             if chosen else f"<p>{escape(why)}</p>"]
    if len(found) > 1:
        parts += [f'<p class="t-soft">{escape(offer.title)}: '
                  f"{escape(offer.refusal or offer.about)}</p>" for offer in found]
    return f'<div class="t">{"".join(parts)}</div>'


def _title(found: Sequence[Offer], chosen: str | None) -> str:
    return next((offer.title for offer in found if offer.engine == chosen), str(chosen))
