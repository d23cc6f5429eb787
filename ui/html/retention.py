"""Escaped HTML of retention.

What fine-tuning cost on other domains, on the scale of what it gained. Pure functions.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

from retrieval.evaluation import Evidence
from retrieval.metrics import PRIMARY
from train.report.charts import Bar, forest
from train.report.evidence_html import WAYS

HERE, ELSEWHERE = "On this data", "Elsewhere"


def retention(found: Mapping[str, Any] | None, gained: Evidence | None = None) -> str:
    """Retention on other domains beside the gain.

    In per cent. What to do where it is not measured. gained: the evidence on the run's own data.
    """
    if not found:
        return (
            '<div class="t"><h2>Elsewhere</h2><p class="t-soft">What fine-tuning cost on questions '
            "of other domains is not measured yet.</p></div>"
        )
    gap, base = found["difference"][PRIMARY], found["base"][PRIMARY]
    bars = [Bar(f"{ELSEWHERE}: {per_cent(gap['value'], base)}", gap["value"], gap["low"],
                gap["high"], _way(gap), True)]
    if gained:
        here = gained.differences[PRIMARY]
        before = gained.as_json()["base"][PRIMARY]
        bars.insert(0, Bar(f"{HERE}: {per_cent(here.value, before)}", here.value, here.low,
                           here.high, WAYS[here.outcome], True))
    said = (f"{PRIMARY}, Fine-tuned minus Base, with 95 % intervals. Elsewhere: "
            f"{found['queries']:,} questions over {found['passages']:,} passages of a general "
            "collection that neither was trained on here. It leans towards the embedded base "
            "model (its card says why), so a loss may be overstated.")
    return (f'<div class="t t-board"><h2>Elsewhere</h2><p>{escape(sentence(found))}</p>'
            f'<div class="t-half">{forest("What it gained, and what it cost", bars, said)}</div>'
            "</div>")


def sentence(found: Mapping[str, Any]) -> str:
    """The change on other domains in words."""
    gap, base, tuned = (found["difference"][PRIMARY], found["base"][PRIMARY],
                        found["tuned"][PRIMARY])
    said = f"On questions about other things {PRIMARY} "
    figures = f"({base:.3f} before, {tuned:.3f} after)"
    if _way(gap):
        return f"{said}is {per_cent(gap['value'], base)} {figures}."
    return (f"{said}does not clearly differ {figures}: most likely it is between "
            f"{per_cent(gap['low'], base)} and {per_cent(gap['high'], base)}.")


def per_cent(change: float, base: float) -> str:
    """A change of a metric, in per cent."""
    share = round(100 * abs(change) / base) if base else 0
    if not share:
        return "level"
    return f"{share:,} % {'higher' if change > 0 else 'lower'}"


def _way(gap: Mapping[str, float]) -> str:
    if gap.get("p_holm", gap["p"]) >= 0.05:
        return ""
    return WAYS["better"] if gap["low"] > 0 else WAYS["worse"] if gap["high"] < 0 else ""
