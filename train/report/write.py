"""The report of a comparison: HTML, CSV or JSON."""

import csv
import io
import json
from pathlib import Path

from retrieval.metrics import METRICS
from train.run.files import write_text

from .findings import Findings

FORMATS = (".html", ".csv", ".json")


COLUMNS = ("section", "name", "value", "base", "tuned", "difference", "low", "high", "p", "p_holm")


FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for a formula at the start of a text."""


def write_report(findings: Findings, place: Path) -> int:
    """Write a report in its file name's format.

    Returns its bytes.
    """
    text = rendered(findings, place.suffix)
    place.parent.mkdir(parents=True, exist_ok=True)
    write_text(place, text)
    return len(text.encode())


def rendered(findings: Findings, suffix: str) -> str:
    """A report as `.html`, `.csv` or `.json`."""
    from .html import report_html  # it draws; the figures alone need none of it

    if suffix == ".json":
        return json.dumps(findings.as_json(), indent=1, ensure_ascii=False) + "\n"
    if suffix == ".csv":
        return as_csv(findings)
    if suffix == ".html":
        return report_html(findings)
    raise ValueError(f"A report is {', '.join(FORMATS)}, not {suffix!r:.20}: change the file's "
                     "ending.")


def as_csv(findings: Findings) -> str:
    """All figures, a row each; `section` says what kind."""
    out = io.StringIO()
    rows = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    rows.writeheader()

    def row(section: str, name: str, **values: object) -> None:
        rows.writerow({"section": section, "name": _safe(name)}
                      | {key: _safe(value) for key, value in values.items()})

    for name, value in {"Report": findings.date, **findings.facts}.items():
        row("fact", name, value=value)
    splits = {findings.evidence.split: findings.evidence.as_json()}
    if findings.retention:
        splits["general"] = dict(findings.retention)
    for split, figures in splits.items():
        row(split, "verdict", value=figures["verdict"])
        row(split, "queries", value=figures["queries"])
        row(split, "passages", value=figures["passages"])
        for name in METRICS:
            gap = dict(figures["difference"][name])
            row(split, name, base=figures["base"][name], tuned=figures["tuned"][name],
                difference=gap.pop("value"), **gap)
    for topic in findings.topics:
        row("topic", topic.name, value=topic.queries, base=topic.base, tuned=topic.tuned,
            difference=topic.value, low=topic.low, high=topic.high)
    for at in findings.dims:
        row("truncate_dim", str(at.dim), value=at.bytes, base=at.base, tuned=at.tuned)
        for precision, few in at.quantized.items():
            row("truncate_dim", f"{at.dim} {precision}", value=few.bytes, tuned=few.tuned)
    for query in findings.evidence.queries:
        row("query", findings.text(query.query_id), value=query.outcome, base=query.base_rank,
            tuned=query.tuned_rank, difference=query.difference)
    return out.getvalue()


def _safe(value: object) -> object:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
