import csv
import io
import json
import re

import pytest

from retrieval.evaluation import Evidence
from retrieval.metrics import METRICS
from retrieval.truncation import AtDim
from support.evidence import side
from support.fakes import HashingEncoder
from support.markup import HOSTILE, Tags
from support.runs.finished import questions, record_of
from train.__main__ import main
from train.report.findings import Findings, findings_of
from train.report.write import as_csv, rendered, write_report
from train.run.record import RunError, create_run

BLANK = ("meta", "img", "br")


@pytest.fixture(scope="module")
def finished():
    corpus = questions()
    return corpus, record_of(corpus, HashingEncoder("base", dim=8), HashingEncoder("tuned"))


@pytest.fixture
def run(finished, tmp_path):
    corpus, (record, rows) = finished
    run = create_run(tmp_path / "runs", "a-run")
    run.update(**record)
    run.write_per_query(rows)
    return run


def well_formed(html):
    return Tags(re.sub(r"<!doctype html>|<meta [^>]*>", "", html)).opened


def test_the_html_report_is_one_file_that_asks_for_nothing_else(run, finished, tmp_path):
    corpus, _ = finished
    place = tmp_path / "out" / "report.html"
    assert write_report(findings_of(run, corpus), place) == place.stat().st_size < 1_000_000
    html = place.read_text("utf-8")
    assert not re.search(r"https?://|\bsrc=|<link|<script|url\(|@import", html)
    assert "default-src 'none'" in html
    assert "size:A4" in html
    tags = well_formed(html)
    assert sum(tag == "svg" for tag, _ in tags) >= 3  # intervals, ranks, the training curve


def test_the_report_says_verdict_figures_fingerprints_versions_seed_and_date(run, finished):
    findings = findings_of(run, finished[0])
    html = rendered(findings, ".html")
    record = run.record()
    for said in (findings.evidence.verdict, "b" * 64, "c" * 64, record.fingerprints.corpus,
                 "torch 2.13.0", findings.date, "Seed", "epoch 1 0.613"):
        assert said in html, said
    assert "not measured" in html  # what it cost elsewhere
    assert "/srv/uploads" not in html and "visitor" not in html


def test_json_and_csv_hold_every_figure_and_every_question(run, finished):
    findings = findings_of(run, finished[0])
    figures = json.loads(rendered(findings, ".json"))
    assert figures["evidence"] == json.loads(json.dumps(findings.evidence.as_json()))
    assert len(figures["queries"]) == len(findings.evidence.base)
    rows = list(csv.DictReader(io.StringIO(rendered(findings, ".csv"))))
    for name in METRICS:
        row = next(row for row in rows if (row["section"], row["name"]) == ("test", name))
        gap = findings.evidence.differences[name]
        assert float(row["difference"]) == gap.value
        assert float(row["p_holm"]) == gap.p_holm
    assert sum(row["section"] == "query" for row in rows) == len(findings.evidence.base)
    assert {"Seed", "Versions", "Data fingerprint"} <= {
        row["name"] for row in rows if row["section"] == "fact"}


def test_what_was_measured_elsewhere_and_by_dims_is_in_all_three(finished):
    corpus, (record, rows) = finished
    evidence = Evidence.from_rows(rows, "test", 69)
    other = evidence.as_json() | {"verdict": "No clear loss elsewhere: so it is."}
    findings = Findings(evidence, {"Data": "d"}, corpus.queries, retention=other,
                        dims=[AtDim(8, 0.1, 0.2, 800, 0.1), AtDim(16, None, 0.3, 1600, 0.2)])
    assert "No clear loss elsewhere: so it is." in rendered(findings, ".html")
    assert "against truncate_dim" in rendered(findings, ".html")
    table = as_csv(findings)
    assert "general,verdict" in table and "truncate_dim,16" in table
    assert json.loads(rendered(findings, ".json"))["retention"]["verdict"] == other["verdict"]


def test_nothing_of_the_data_becomes_markup_or_a_formula(finished):
    from corpus.records import Query

    evidence = Evidence("test", 9, side([1, 5]), side([5, 1]))
    queries = {"q0": Query("q0", HOSTILE), "q1": Query("q1", "=HYPERLINK(1)")}
    findings = Findings(evidence, {"Data": HOSTILE, HOSTILE: HOSTILE}, queries)
    assert "img" not in {tag for tag, _ in well_formed(rendered(findings, ".html"))}
    cells = [row["name"] for row in csv.DictReader(io.StringIO(as_csv(findings)))]
    assert "'=HYPERLINK(1)" in cells and "=HYPERLINK(1)" not in cells


def test_a_report_of_thousands_of_questions_stays_below_a_megabyte():
    import numpy as np

    ranks = np.random.default_rng(1).integers(1, 100_000, (2, 3_000)).tolist()
    evidence = Evidence("test", 10**5, side(ranks[0]), side(ranks[1]))
    assert len(rendered(Findings(evidence, {}), ".html").encode()) < 1_000_000


def test_the_command_writes_what_the_name_says_and_refuses_other_names(run, tmp_path, capsys):
    for ending in ("html", "csv", "json"):
        out = tmp_path / f"r.{ending}"
        assert main(["report", str(run.folder), "--out", str(out), "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        assert (said["out"], said["bytes"]) == (str(out), out.stat().st_size)
    with pytest.raises(SystemExit) as wrong:
        main(["report", str(run.folder), "--out", str(tmp_path / "r.pdf")])
    assert wrong.value.code == 2
    assert main(["report", str(tmp_path), "--out", str(tmp_path / "r.csv")]) == 1


def test_a_run_that_measured_nothing_has_no_report(tmp_path):
    run = create_run(tmp_path, "new")
    with pytest.raises(RunError, match="has not measured its test split"):
        findings_of(run)
