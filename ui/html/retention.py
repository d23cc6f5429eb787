"""Escaped HTML of retention.

What fine-tuning cost on other domains.
"""

from collections.abc import Mapping
from html import escape
from typing import Any

from retrieval.metrics import PRIMARY
from train.report.charts import Bar, forest
from train.report.evidence_html import WAYS


def retention(found: Mapping[str, Any] | None) -> str:
    """The verdict on other domains with its interval.

    What to do where it is not measured.
    """
    if not found:
        return (
            '<div class="t"><h2>Elsewhere</h2><p class="t-soft">What fine-tuning cost on questions '
            "of other domains is not measured yet.</p></div>"
        )
    names = (PRIMARY, "accuracy@1", "mrr@10", "map@100")
    gaps = found["difference"]
    bars = [Bar(name, gaps[name]["value"], gaps[name]["low"], gaps[name]["high"], _way(gaps[name]),
                name == PRIMARY) for name in names]
    said = (f"Base {found['base'][PRIMARY]:.3f}, Fine-tuned {found['tuned'][PRIMARY]:.3f} "
            f"{PRIMARY}, on {found['queries']:,} questions over {found['passages']:,} passages of "
            "a general collection that neither was trained on here. It leans towards the embedded "
            "base model (its card says why), so a loss may be overstated.")
    return (
        f'<div class="t t-board"><h2>Elsewhere</h2><p class="t-say" data-mood="{bars[0].way}">'
        f"{escape(str(found['verdict']))}</p>"
        f'<div class="t-charts">{forest("Differences on other domains", bars, said)}</div></div>'
    )


def _way(gap: Mapping[str, float]) -> str:
    if gap.get("p_holm", gap["p"]) >= 0.05:
        return ""
    return WAYS["better"] if gap["low"] > 0 else WAYS["worse"] if gap["high"] < 0 else ""
