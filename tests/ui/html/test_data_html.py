import base64
import csv
import io
import json
import re
from dataclasses import replace

import pytest

from corpus.check.check import SEVERITIES, Finding, Report, check_path
from corpus.check.power import Spread
from corpus.columns import Columns
from hub.progress import Progress
from support.markup import HOSTILE, Tags
from train.engines.offers import Offer
from train.settings import Settings
from ui.html import data, upload

FINDING = Finding("duplicate_pair", "warning", 1234, "Remove the repetitions.", ("one", "two"),
                  "left out")
REPORT = Report("pairs", (FINDING,), 1797, 900, 1200, {"train": 1437, "dev": 180, "test": 180})


def test_a_report_says_sizes_what_can_be_shown_and_each_finding():
    html = data.report(REPORT)
    for said in ("<b>1,797</b> pairs", "1,437 to train on", "test split of 180 questions",
                 "0.063 ndcg@10", "duplicate pair: <b>1,234</b>", "Look at this", "<li>one</li>",
                 "Remove the repetitions.", ">left out<"):
        assert said in html, said
    assert "Nothing found" not in html and "Base has" not in html


def test_a_report_without_findings_or_test_questions_says_so():
    html = data.report(Report("pairs", ()))
    assert "Nothing found that needs mending." in html
    assert "Too small to tell" in html and "too few test questions" in html


def test_a_report_says_where_base_stands_and_when_the_test_split_is_too_small():
    spread = Spread.from_json({"sd_base": 0.38, "sd": 0.29, "queries": 150, "passages": 935,
                               "sampled": True}, 0.5828)
    html = data.report(replace(REPORT, spread=spread))
    assert "Base has 0.583, on 150 of its questions among 935 passages." in html
    assert "Too small" not in html
    few = replace(REPORT, splits={"train": 40, "dev": 5, "test": 6})
    assert few.power.too_small
    assert "<b>Too small to tell:</b> the test split of 6 questions" in data.report(few)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_every_severity_the_check_has_is_put_in_words(severity):
    html = data.report(Report("x", (Finding("x", severity, 1, "", ()),)))
    assert data.SEVERITY_WORDS[severity] in html


def saved(html, name):
    """What a link of the page saves under a name."""
    link = re.search(rf'<a download="{re.escape(name)}" href="data:[^;]+;charset=utf-8;base64,'
                     r'([^"]*)"', html)
    return base64.b64decode(link.group(1)).decode("utf-8")


def test_a_report_is_taken_away_as_json_and_as_a_table():
    html = data.report(REPORT, "my pairs/../x")
    assert json.loads(saved(html, "check-my-pairs-x.json")) == REPORT.as_json()
    table = saved(html, "check-my-pairs-x.csv")
    rows = list(csv.DictReader(io.StringIO(table.removeprefix("\ufeff"), newline="")))
    assert [row["example"] for row in rows] == ["one", "two"]
    assert rows[0]["treatment"] == "left out" and rows[0]["count"] == "1234"


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1", "=cmd|' /c x'!A0"])
def test_no_spreadsheet_runs_what_stands_in_the_table(cell):
    table = data.report_csv({"findings": [
        FINDING.as_json() | {"examples": [cell], "action": cell}]})
    row = list(csv.reader(io.StringIO(table.removeprefix("\ufeff"), newline="")))[1]
    assert row[-1] == row[-2] == f"'{cell}"


def test_the_table_holds_any_text():
    odd = 'a "quoted", text\nover lines; \0 and ü'
    table = data.report_csv({"findings": [FINDING.as_json() | {"examples": [odd]}]})
    row = list(csv.reader(io.StringIO(table.removeprefix("\ufeff"), newline="")))[1]
    assert row[-1] == odd.replace("\0", "")


def test_the_sample_is_pairs_that_tandem_reads_in_both_forms(tmp_path):
    from corpus.load import load_corpus

    html = upload.before(Settings())
    for name in ("sample-pairs.jsonl", "sample-pairs.csv"):
        (tmp_path / name).write_text(saved(html, name), "utf-8", newline="")
        corpus = load_corpus(tmp_path / name)
        assert len(corpus.queries) == len(corpus.passages) == 12
        kinds = {finding.kind for finding in check_path(tmp_path / name).findings}
        assert kinds <= {"too_few_pairs"}


# --- what somebody brings


def test_limits_are_said_before_anything_is_brought():
    html = upload.before(Settings(max_upload=50_000_000, max_rows=200_000, keep_hours=24,
                                         max_characters=9_000, on_space=True))
    for said in ("50 MB", "200,000 rows", "9,000 characters in one text",
                 "deleted 24 hours after it was last used",
                 "Only you, and the owner of this Space"):
        assert said in html, said
    at_home = upload.before(Settings())
    assert "It stays on this machine." in at_home and "deleted" not in at_home
    assert "1 hour after" in upload.before(Settings(keep_hours=1))


LOOK = {"kind": "pairs", "format": "CSV, delimiter ;", "encoding": "windows-1252",
        "columns": ["id", "frage", "antwort"], "row_count": 4321, "notes": ["Not UTF-8."],
        "rows": [{"id": 1, "frage": "wie?", "antwort": None}, {"frage": ["a", "b"]}]}


def test_what_was_found_is_shown_with_the_columns_that_are_used_first():
    html = upload.found(LOOK, "my pairs.csv", Columns("frage", "antwort"))
    for said in ("my pairs.csv", "CSV, delimiter ; · windows-1252 · 4,321 rows", "Not UTF-8.",
                 "<td>wie?</td><td></td><td>1</td></tr>", "<td>a, b</td>"):
        assert said in html, said
    assert re.findall(r"<th [^>]*>(\w+)", html) == ["frage", "antwort", "id"]
    assert html.count("<tr>") == 3 and ">question<" in html and ">answer<" in html


def test_a_wide_table_is_cut_and_so_is_a_long_cell():
    names = [f"column {n}" for n in range(1000)]
    html = upload.found({"columns": names, "rows": [{names[0]: "x" * 5000}]}, "t",
                               Columns(names[900], names[901]))
    assert html.count("<th ") == 12 and "and 988 more columns" in html
    assert "column 900 <span" in html and "x" * 161 not in html
    assert len(html) < 5000


def test_a_look_without_rows_has_no_table():
    assert "<table" not in upload.found({"kind": "beir", "format": "BEIR"}, "t", None)


def test_progress_is_a_bar_with_the_time_left_when_it_is_long():
    html = upload.progress(Progress(25, 100, "Reading rows", 30.0), "x")
    assert 'value="0.250"' in html and "Reading rows …" in html and "about 30 s left" in html
    assert "left" not in upload.progress(Progress(25, 100, "Reading rows", 8.0), "x")
    unknown = upload.progress(Progress(25, 0, "", None), "Looking")
    assert "value=" not in unknown and "Looking …" in unknown
    assert "Looking …" in upload.progress(None, "Looking")


def test_passages_that_join_are_said_with_their_size():
    assert "<b>more</b>" in upload.passages_note("more", 1_500_000)
    assert "1.5 MB" in upload.passages_note("more", 1_500_000)


def test_a_plan_says_pairs_steps_time_memory_place_and_cost():
    html = data.plan({"pairs": 1437, "steps": 540, "seconds": {"low": 60, "high": 180},
                             "memory_bytes": 2.34e9}, "This machine", "$ 0.40")
    for said in ("1,437", "540", "60 s to 3.0 min", "about 2.3 GB", "This machine", "$ 0.40"):
        assert f"<dd>{said}</dd>" in html, said


def test_a_plan_that_is_not_measured_yet_says_that_it_is_being():
    html = data.plan({"pairs": 9, "steps": 3}, "This machine")
    assert "being measured" in html and "Memory" not in html and "Cost" not in html


def test_a_range_that_is_none_is_one_figure():
    html = data.plan({"seconds": {"low": 61.2, "high": 61.4}}, "here")
    assert "<dd>61 s</dd>" in html


OFFERS = [Offer("local", "This machine", "On 2 CPU cores, at no cost."),
          Offer("jobs", "Jobs", "Paid by you.", "Sign in first.")]


def test_what_automatic_takes_is_said_with_why_and_why_not_another():
    html = data.engine_note(OFFERS, "local", "it costs nothing")
    assert "Automatic takes <b>This machine</b>: it costs nothing." in html
    assert "Jobs: Sign in first." in html and "This machine: On 2 CPU cores" in html


def test_where_nothing_can_be_taken_only_the_reason_is_said():
    assert data.engine_note([], None, "Training is off.") == \
        '<div class="t"><p>Training is off.</p></div>'


def test_nothing_of_the_data_becomes_markup():
    finding = Finding(HOSTILE, "error", 1, HOSTILE, (HOSTILE,), HOSTILE)
    look = {"format": HOSTILE, "encoding": HOSTILE, "columns": [HOSTILE], "notes": [HOSTILE],
            "rows": [{HOSTILE: HOSTILE}, {HOSTILE: [HOSTILE]}], "row_count": 3}
    for html in (data.report(Report(HOSTILE, (finding,)), HOSTILE),
                 data.note(HOSTILE, True), data.plan({}, HOSTILE, HOSTILE),
                 upload.found(look, HOSTILE, Columns(HOSTILE, HOSTILE, (HOSTILE,))),
                 upload.progress(Progress(1, 2, HOSTILE, 60.0), HOSTILE),
                 upload.passages_note(HOSTILE, 1),
                 data.engine_note([Offer("x", HOSTILE, HOSTILE, HOSTILE)] * 2, "x",
                                         HOSTILE)):
        opened = Tags(html).opened
        assert "img" not in {tag for tag, _ in opened}
        assert not [a for _, attrs in opened for a in attrs if a.startswith("on")]


def test_a_plan_has_what_folds_take_and_offers_them():
    said = {"seconds": {"low": 60, "high": 180},
            "folds": {"count": 5, "seconds": {"low": 225, "high": 900}}}
    html = data.plan(said, "here", offered="Your 15 <test> questions can show nothing.")
    Tags(html)
    assert "5 more models, 3.8 min to 15.0 min more" in html and "&lt;test&gt;" in html
    assert "5 more models" in data.plan({"folds": {"count": 5}}, "here")
