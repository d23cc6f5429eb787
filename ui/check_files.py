"""What a visitor takes away from the Fine-tune tab: the data check, and a sample, as files.

They are written into the page as links to themselves: nothing lies on this machine for them.
"""

import base64
import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

SAMPLE = Path(__file__).parent / "sample-pairs.jsonl"
RUNS_IN_A_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")
"""What a cell that a spreadsheet takes for a formula begins with."""
KINDS = {".json": "application/json", ".jsonl": "application/jsonl", ".csv": "text/csv"}


def link(name: str, text: str, said: str) -> str:
    """A link that saves a file of this name with this text."""
    kind = KINDS[Path(name).suffix]
    content = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    return (f'<a download="{escape(name)}" href="data:{kind};charset=utf-8;base64,{content}">'
            f"{escape(said)}</a>")


def report_links(report: Mapping[str, Any], title: str) -> str:
    """Links that save the data check as JSON and as a table."""
    stem = re.sub(r"\W+", "-", title)[:40].strip("-") or "data"
    text = json.dumps(report, indent=1, ensure_ascii=False)
    return " · ".join([link(f"check-{stem}.json", text, "the report as JSON"),
                       link(f"check-{stem}.csv", report_csv(report), "as CSV")])


def report_csv(report: Mapping[str, Any]) -> str:
    """The findings of a data check, a row for each example."""
    rows = [["finding", "severity", "count", "treatment", "what is done", "example"]]
    for finding in report.get("findings") or []:
        about = [str(finding.get(name, "")) for name in
                 ("kind", "severity", "count", "treatment", "action")]
        rows += [[*about, str(example)] for example in finding.get("examples") or [""]]
    return as_csv(rows)


def as_csv(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV that a spreadsheet reads and runs nothing of."""
    out = io.StringIO()
    out.write("\ufeff")  # else some of them take UTF-8 for something older
    csv.writer(out).writerows([_inert(cell) for cell in row] for row in rows)
    return out.getvalue()


def sample_links() -> str:
    """Links that save a small file of pairs, as JSON lines and as CSV."""
    text = SAMPLE.read_text("utf-8")
    pairs = [json.loads(line) for line in text.splitlines()]
    table = as_csv([list(pairs[0]), *(list(pair.values()) for pair in pairs)])
    return " or ".join([link("sample-pairs.jsonl", text, "JSON lines"),
                        link("sample-pairs.csv", table, "CSV")])


def _inert(cell: str) -> str:
    cell = cell.replace("\0", "")
    return f"'{cell}" if cell.startswith(RUNS_IN_A_SPREADSHEET) else cell
