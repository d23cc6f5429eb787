"""The report of a run as it was looked at, character by character."""

from pathlib import Path

import pytest

from corpus.records import Query
from retrieval.evaluation import Evidence
from retrieval.truncation import AtDim
from support.evidence import side
from support.fakes import HashingEncoder
from support.markup import HOSTILE
from support.runs.finished import questions, record_of
from train.report.findings import Findings, findings_of
from train.report.html import report_html
from train.run.record import create_run

SNAPSHOTS = Path(__file__).parent / "snapshots"
DATE = "2026-11-30T12:00:00+00:00"


def of_a_run(tmp_path):
    corpus = questions()
    record, rows = record_of(corpus, HashingEncoder("base", dim=8), HashingEncoder("tuned"))
    run = create_run(tmp_path, "a-run")
    run.update(**record)
    run.write_per_query(rows)
    found = findings_of(run, corpus)
    return Findings(found.evidence, dict(found.facts) | {"Run": "a-run"}, found.queries,
                    found.history, found.retention, date=DATE)


def with_everything(tmp_path):
    ranks = [1, 9, 2, 30, 4, 5, 1, 2], [3, 1, 1, 2, 4, 50, 1, 1]
    evidence = Evidence("test", 69, side(ranks[0]), side(ranks[1]))
    queries = {f"q{i}": Query(f"q{i}", HOSTILE if i == 1 else f"What is {i} & more?",
                              topic=HOSTILE if i < 4 else "doors") for i in range(8)}
    return Findings(
        evidence, {"Data": HOSTILE, HOSTILE: HOSTILE}, queries,
        [{"epoch": 0, "step": 0, "ndcg@10": 0.5}, {"epoch": 1, "step": 3, "ndcg@10": 0.61}],
        {"verdict": HOSTILE}, [AtDim(8, 0.1, 0.2, 800, 0.1), AtDim(16, None, 0.3, 1600000, 0.2)],
        date=DATE)


@pytest.mark.parametrize("made", [of_a_run, with_everything])
def test_the_report_is_the_one_that_was_looked_at(made, tmp_path):
    """After a wanted change: delete the snapshot, run this, look at the new one, commit it."""
    snapshot = SNAPSHOTS / f"report_{made.__name__}.html"
    html = report_html(made(tmp_path))
    if not snapshot.exists():
        snapshot.write_text(html, "utf-8")
        pytest.fail(f"{snapshot.name} was not there: it is written, look at it")
    assert html == snapshot.read_text("utf-8")
