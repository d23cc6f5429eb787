"""Escaped HTML of data and plans.

What a check found, and what will happen. Pure functions. What a visitor takes away from the
Fine-tune tab: the data check, and a sample, as files.

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

from corpus.check.check import Finding, Report
from train.engines.offers import Offer
from ui.services.progress import duration

from .words import split_words, with_code

SEVERITY_WORDS = {"error": "Must be mended", "warning": "Look at this", "info": "For information"}


def report(found: Report, title: str = "data") -> str:
    """What the data check says.

    Sizes, what can be shown with them, findings worst first. title: what the data is called.
    """
    sizes = " · ".join([
        f"<b>{found.pairs:,}</b> pairs", f"<b>{found.queries:,}</b> questions",
        f"<b>{found.passages:,}</b> passages",
        *(split_words(split, count) for split, count in found.splits.items()),
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


def plan(said: Mapping[str, Any], where: str, cost: str = "", offered: str = "") -> str:
    """What will happen.

    Pairs, steps, time as a range, memory, cost. said: what `python -m train estimate` printed;
    without `seconds` while it is measured. offered: why to cross-validate.
    """
    facts = {
        "Pairs": f"{said['pairs']:,}" if "pairs" in said else "",
        "Steps": f"{said['steps']:,}" if "steps" in said else "",
        "Time": str(said["time"]) if "time" in said else _range(said.get("seconds")),
        "Cross-validation": _folds(said.get("folds")),
        "Memory": f"about {said['memory_bytes'] / 1e9:.1f} GB" if said.get("memory_bytes") else "",
        "Where": where,
        "Cost": cost,
    }
    shown = "".join(f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>"
                    for name, value in facts.items() if value)
    tip = f"<p>{escape(offered)} Tick it above.</p>" if offered else ""
    return f'<div class="t"><dl class="t-facts">{shown}</dl>{tip}</div>'


def _folds(folds: Mapping[str, Any] | None) -> str:
    """What the folds take beside the run itself."""
    if not folds:
        return ""
    more = f", {_range(folds['seconds'])} more" if "seconds" in folds else ""
    return f"{folds['count']} more models{more}"


def recipe_values(values: Mapping[str, str]) -> str:
    """A recipe's values, which hold where boxes are empty."""
    shown = " · ".join(f"{escape(name)} <b>{escape(value)}</b>" for name, value in values.items())
    return f'<div class="t"><p class="t-soft">The recipe’s own: {shown}</p></div>'


def prompt_note(prompt: str, passage: str = "") -> str:
    """A note on the prompts of a model.

    What its authors put before its texts, and what Tandem does about it.
    """
    also = f" and <code>{escape(passage)}</code> before a passage" if passage else ""
    return (f'<div class="t"><p class="t-soft">Its authors put <code>{escape(prompt)}</code> '
            f"before a question{also}. Base and Fine-tuned are each judged with it and without; "
            "best is compared with best.</p></div>")


def _range(seconds: Mapping[str, float] | None) -> str:
    if not seconds:
        return "being measured: a few steps are timed …"
    low, high = duration(seconds["low"]), duration(seconds["high"])
    return low if low == high else f"{low} to {high}"


def engine_note(
    found: Sequence[Offer], chosen: str | None, why: str, quota: str = ""
) -> str:
    """The engine that `auto` takes, and why not others.

    quota: what is left of the visitor's, where the engine counts against one.
    """
    parts = [f"<p>Automatic takes <b>{escape(_title(found, chosen))}</b>: {with_code(why)}.</p>"
             if chosen else f"<p>{with_code(why)}</p>"]
    if quota:
        parts.append(f"<p>{escape(quota)}</p>")
    if len(found) > 1:
        parts += [f'<p class="t-soft">{escape(offer.title)}: '
                  f"{with_code(offer.refusal or offer.about)}</p>" for offer in found]
    return f'<div class="t">{"".join(parts)}</div>'


def _title(found: Sequence[Offer], chosen: str | None) -> str:
    return next((offer.title for offer in found if offer.engine == chosen), str(chosen))


SAMPLE = Path(__file__).resolve().parents[1] / "static" / "sample-pairs.jsonl"
RUNS_IN_A_SPREADSHEET = ("=", "+", "-", "@", "\t", "\r")
"""What a cell that a spreadsheet takes for a formula begins with."""
KINDS = {".json": "application/json", ".jsonl": "application/jsonl", ".csv": "text/csv"}


def link(name: str, text: str, said: str) -> str:
    """A link that saves a text under a name."""
    kind = KINDS[Path(name).suffix]
    content = base64.b64encode(text.encode("utf-8", "replace")).decode("ascii")
    return (f'<a download="{escape(name)}" href="data:{kind};charset=utf-8;base64,{content}">'
            f"{escape(said)}</a>")


def report_links(report: Mapping[str, Any], title: str) -> str:
    """Links that save the data check: JSON and table."""
    stem = re.sub(r"\W+", "-", title)[:40].strip("-") or "data"
    text = json.dumps(report, indent=1, ensure_ascii=False)
    return " · ".join([link(f"check-{stem}.json", text, "the report as JSON"),
                       link(f"check-{stem}.csv", report_csv(report), "as CSV")])


def report_csv(report: Mapping[str, Any]) -> str:
    """The findings of a data check as CSV.

    A row for each example.
    """
    rows = [["finding", "severity", "count", "treatment", "what is done", "example"]]
    for finding in report.get("findings") or []:
        about = [str(finding.get(name, "")) for name in
                 ("kind", "severity", "count", "treatment", "action")]
        rows += [[*about, str(example)] for example in finding.get("examples") or [""]]
    return as_csv(rows)


def as_csv(rows: Iterable[Sequence[str]]) -> str:
    """Rows as CSV from which a spreadsheet runs nothing."""
    out = io.StringIO()
    out.write("\ufeff")  # else some of them take UTF-8 for something older
    csv.writer(out).writerows([_inert(cell) for cell in row] for row in rows)
    return out.getvalue()


def sample_links() -> str:
    """Links that save a small sample file of pairs.

    As JSON lines and as CSV.
    """
    text = SAMPLE.read_text("utf-8")
    pairs = [json.loads(line) for line in text.splitlines()]
    table = as_csv([list(pairs[0]), *(list(pair.values()) for pair in pairs)])
    return " or ".join([link("sample-pairs.jsonl", text, "JSON lines"),
                        link("sample-pairs.csv", table, "CSV")])


def _inert(cell: str) -> str:
    cell = cell.replace("\0", "")
    return f"'{cell}" if cell.startswith(RUNS_IN_A_SPREADSHEET) else cell
