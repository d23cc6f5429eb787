"""The report as one HTML file for A4.

It asks for nothing else.
"""

from retrieval.metrics import PRIMARY

from .charts import curve
from .evidence_html import SIDES, dims_picture, metrics_table, outcomes, pictures, verdict
from .findings import Findings
from .templates import stylesheet, template

MOST = 20
"""Questions listed that got worse, and that got better; all of them are in the CSV and JSON."""


def report_html(findings: Findings) -> str:
    """The report as a whole page, from `report.html.j2`."""
    from markupsafe import Markup

    evidence = findings.evidence
    drawn = (pictures(evidence, SIDES, findings.topics), training_curve(findings),
             dims_picture(findings.dims))
    return template("report.html.j2").render(
        findings=findings,
        title=f"Tandem report: {findings.facts.get('Data', '')}",
        css=Markup(stylesheet("style.css") + stylesheet("report.css")),
        names=SIDES,
        primary=PRIMARY,
        verdict=Markup(verdict(evidence, SIDES)),
        outcomes=Markup(outcomes(evidence, SIDES[1])),
        metrics=Markup(metrics_table(evidence, SIDES)),
        pictures=Markup("\n".join(filter(None, drawn))),
        worse=[query for query in evidence.queries if query.difference < 0][:MOST],
        better=[query for query in reversed(evidence.queries) if query.difference > 0][:MOST],
    )


def training_curve(findings: Findings) -> str:
    """The dev curve of a run, with base's line.

    Nothing where there is none.
    """
    points = [(float(row["epoch"]), float(row[PRIMARY])) for row in findings.history
              if row.get(PRIMARY) is not None]
    if len(points) < 2:
        return ""
    base = points[0][1] if points[0][0] == 0 else None
    said = " · ".join(f"{'Base' if epoch == 0 else f'epoch {epoch:g}'} {value:.3f}"
                      for epoch, value in points)
    return curve(f"{PRIMARY} on questions kept out of training", points, "epoch", dots=True,
                 said=said, level=None if base is None else ("Base", base))
