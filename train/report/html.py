"""The report as one HTML file that asks for nothing else, and prints on A4."""

from collections.abc import Iterable, Sequence
from html import escape

from retrieval.evaluation import QueryOutcome
from retrieval.metrics import PRIMARY
from retrieval.truncation import AtDim

from .charts import curve, dim_lines
from .evidence_html import metrics_table, outcomes, pictures, verdict
from .findings import Findings
from .style import BOARD_CSS, REPORT_CSS

NAMES = ("Base", "Fine-tuned")
MOST = 20
"""Questions listed that got worse, and that got better; all of them are in the CSV and JSON."""
NOTHING_ELSE = "default-src 'none'; style-src 'unsafe-inline'"


def report_html(findings: Findings) -> str:
    """The whole page."""
    evidence = findings.evidence
    body = "".join((
        verdict(evidence, NAMES),
        outcomes(evidence, NAMES[1]),
        metrics_table(evidence, NAMES),
        f'<div class="t-charts">{pictures(evidence, NAMES, findings.topics)}'
        f"{training_curve(findings)}{dims_picture(findings.dims)}</div>",
        _elsewhere(findings),
        _questions("What got worse most", [q for q in evidence.queries if q.difference < 0][:MOST],
                   findings),
        _questions("What got better most",
                   [q for q in reversed(evidence.queries) if q.difference > 0][:MOST], findings),
        _facts(findings),
    ))
    title = f"Tandem report: {findings.facts.get('Data', '')}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{NOTHING_ELSE}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{REPORT_CSS}{BOARD_CSS}</style></head>"
        f'<body class="t t-board"><header><h1>{escape(title)}</h1><p class="t-soft">'
        f"{escape(NAMES[0])}: {escape(findings.facts.get('Base', ''))}. Report of "
        f"{escape(findings.date)}.</p></header>{body}</body></html>\n"
    )


def training_curve(findings: Findings) -> str:
    """The dev curve of the run, with the base as a line; nothing where there is none."""
    points = [(float(row["epoch"]), float(row[PRIMARY])) for row in findings.history
              if row.get(PRIMARY) is not None]
    if len(points) < 2:
        return ""
    base = points[0][1] if points[0][0] == 0 else None
    said = " · ".join(f"{'Base' if epoch == 0 else f'epoch {epoch:g}'} {value:.3f}"
                      for epoch, value in points)
    return curve(f"Training: {PRIMARY} on dev", points, "epoch", dots=True, said=said,
                 level=None if base is None else ("Base", base))


def dims_picture(rows: Sequence[AtDim], trained: Sequence[int] = ()) -> str:
    """Quality against truncate_dim as lines, and as a table with storage and time."""
    if not rows:
        return ""
    series = {"Base": [(float(row.dim), row.base) for row in rows if row.base is not None],
              "Fine-tuned": [(float(row.dim), row.tuned) for row in rows if row.tuned is not None]}
    said = "; ".join(f"{row.dim} dims: {_figure(row.base)} and {_figure(row.tuned)}"
                     for row in (rows[0], rows[-1]))
    body = "".join(
        f'<tr><th scope="row">{row.dim:,}{"*" if row.dim in trained else ""}</th>'
        f"<td>{_figure(row.base)}</td><td>{_figure(row.tuned)}</td><td>{size(row.bytes)}</td>"
        f"<td>{row.search_ms:.2f} ms</td></tr>" for row in rows
    )
    heads = "".join(f'<th scope="col">{head}</th>'
                    for head in ("truncate_dim", "Base", "Fine-tuned", "Vectors", "A search"))
    star = "* trained for. " if any(row.dim in trained for row in rows) else ""
    return (
        f"<div>{dim_lines(f'{PRIMARY} against truncate_dim', series, trained, said)}"
        '<div class="t-scroll" tabindex="0" role="region" aria-label="Quality by truncate_dim">'
        f'<table class="t-table"><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>'
        f'</div><p class="t-key">{star}Vectors: float32, of the whole corpus. A search: without '
        "encoding the question.</p></div>"
    )


def size(count: int) -> str:
    """Bytes as a person says them."""
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _elsewhere(findings: Findings) -> str:
    found = findings.retention
    if not found:
        return ('<h3>Elsewhere</h3><p class="t-soft">What fine-tuning cost on questions of other '
                "domains is not measured.</p>")
    return f"<h3>Elsewhere</h3><p>{escape(str(found['verdict']))}</p>"


def _questions(title: str, queries: Iterable[QueryOutcome], findings: Findings) -> str:
    rows = "".join(
        f'<tr><td class="t-q">{escape(findings.text(query.query_id))}</td>'
        f"<td>{_rank(query.base_rank)}</td><td>{_rank(query.tuned_rank)}</td>"
        f"<td>{query.difference:+.3f}</td></tr>" for query in queries
    )
    if not rows:
        return ""
    return (
        f'<h3>{title}</h3><table class="t-table"><thead><tr><th scope="col">Question</th>'
        f'<th scope="col">{NAMES[0]} rank</th><th scope="col">{NAMES[1]} rank</th>'
        f'<th scope="col">{PRIMARY}</th></tr></thead><tbody>{rows}</tbody></table>'
    )


def _rank(rank: int | None) -> str:
    return "–" if rank is None else f"{rank:,}"


def _facts(findings: Findings) -> str:
    rows = "".join(f"<tr><th scope=\"row\">{escape(name)}</th><td>{escape(value)}</td></tr>"
                   for name, value in findings.facts.items())
    seed = f'<tr><th scope="row">Seed of the resampling</th><td>{findings.evidence.seed}</td></tr>'
    return ('<h3>How it was made</h3><table class="t-table t-made"><tbody>'
            f"{rows}{seed}</tbody></table>")
