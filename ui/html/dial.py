"""Escaped HTML of merges by alpha: pure functions."""

from retrieval.metrics import PRIMARY
from train.merging.curve import KEPT
from train.report.charts import dim_lines
from train.run.extra_parts import MergeCurve, MergePoint

MEASURING = "Merges with Base are being measured, on kept-out questions and elsewhere"
TAKING = "The merge is made, and measured on the test split once"


def dial(found: MergeCurve) -> str:
    """Quality on dev and elsewhere by alpha, one marked."""
    points = found.points
    if not points:
        return ""
    series = {"elsewhere": [(at.alpha, at.general) for at in points],
              "kept-out questions": [(at.alpha, at.dev) for at in points]}
    marked = [found.chosen] if found.chosen is not None else []
    chart = dim_lines(f"{PRIMARY} by alpha, the share of the fine-tuned weights", series, marked,
                      said(found))
    heads = "".join(f'<th scope="col">{head}</th>' for head in
                    ("Alpha", f"{PRIMARY} on kept-out questions", "Elsewhere",
                     "Against Base elsewhere"))
    rows = "".join(_row(at, at.alpha == found.chosen) for at in points)
    return (
        f'<div class="t t-board"><h2>Merged with Base</h2>{chart}'
        '<div class="t-scroll" tabindex="0" role="region" aria-label="Merges by alpha">'
        f'<table class="t-table"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        '<p class="t-key">The test split is not looked at: it is measured once, for the merge that '
        "is taken.</p></div>"
    )


def said(found: MergeCurve) -> str:
    """Which alpha is marked, in a sentence."""
    at = next((point for point in found.points if point.alpha == found.chosen), None)
    if at is None:
        return (f"No merge keeps what Base could do elsewhere to within {-KEPT:.3f}: all lose "
                "more.")
    whole = found.points[-1]
    if at.alpha == 1:
        return (f"The fine-tuned model as it is keeps what Base could do elsewhere "
                f"({at.retention:+.3f}): there is nothing to merge for.")
    return (f"Alpha {at.alpha:g} keeps what Base could do elsewhere ({at.retention:+.3f} where the "
            f"fine-tuned model has {whole.retention:+.3f}) at the least loss: {at.dev:.3f} on "
            f"kept-out questions instead of {whole.dev:.3f}.")


def _row(at: MergePoint, chosen: bool) -> str:
    primary = " data-primary" if chosen else ""
    way = "down" if at.high < 0 else "up" if at.low > 0 else ""
    return (f'<tr{primary}><th scope="row">{at.alpha:g}{"*" if chosen else ""}</th>'
            f"<td>{at.dev:.3f}</td><td>{at.general:.3f}</td>"
            f'<td data-way="{way}">{at.retention:+.3f} ({at.low:+.3f} to {at.high:+.3f})</td></tr>')
