import json

import pytest
from test_check import CLEAN, FIRST, found, report

from corpus.check.check import check_path
from corpus.check.findings import KINDS, SEVERITIES, TREATMENTS, Finding, imported_rows
from corpus.check.report import Report
from support.samples import write_lines

ABOUT = {
    "schema": 1, "name": "mine", "source": "mine.csv", "format": "CSV, delimiter ;",
    "encoding": "windows-1252", "columns": {"anchor": "q", "positive": "a"}, "from_pairs": True,
    "rows": 400, "notes": ["Sheet 2 was not read."],
    "left_out": {
        "unreadable_row": {"count": 7, "examples": ["mine.csv line 3 has no answer"]},
        "empty_text": {"count": 3, "examples": ["mine.csv line 9: answer must be text"]},
        "duplicate_pair": {"count": 90, "examples": ["mine.csv line 5 repeats line 4"]},
        "below_score": {"count": 40, "examples": []},
        "too_long": {"count": 1, "examples": ["mine.csv line 8 has 200,000 characters"]},
    },
    "fixed": {"control_characters": {"count": 4, "examples": ["mine.csv line 6"]}},
}


def folder(tmp_path, about=None, **changes):
    """A folder as it is made of somebody's pairs: one question has two answers."""
    rows = [*CLEAN, {"anchor": FIRST["anchor"], "positive": "As tyres change what it shows."}]
    anchors = list(dict.fromkeys(row["anchor"] for row in rows))
    write_lines(tmp_path / "corpus.jsonl", [{"_id": f"p{i}", "text": row["positive"]}
                                            for i, row in enumerate(rows)])
    write_lines(tmp_path / "queries.jsonl", [{"_id": f"q{i}", "text": text}
                                             for i, text in enumerate(anchors)])
    (tmp_path / "qrels.tsv").write_text("".join(
        f"q{anchors.index(row['anchor'])}\tp{i}\t1\n" for i, row in enumerate(rows)), "utf-8")
    text = json.dumps(ABOUT | changes) if about is None else about
    (tmp_path / "about.json").write_text(text, "utf-8")
    return tmp_path


def test_what_was_left_out_and_mended_when_data_was_brought_is_found(tmp_path):
    checked = check_path(folder(tmp_path))
    said = {finding.kind: (finding.severity, finding.count, finding.treatment)
            for finding in checked.findings}
    assert said == {
        "unreadable_row": ("warning", 7, "left out"), "empty_text": ("warning", 3, "left out"),
        "duplicate_pair": ("warning", 90, "left out"), "below_score": ("info", 40, "left out"),
        "too_long": ("warning", 1, "left out"), "control_characters": ("info", 4, "fixed"),
        "encoding": ("info", 1, "fixed"), "conflicting_answers": ("warning", 1, "kept"),
    }
    assert checked.ok
    assert checked.notes == ("Sheet 2 was not read.",)
    assert found(checked, "unreadable_row").examples == ("mine.csv line 3 has no answer",)
    assert "windows-1252" in found(checked, "encoding").examples[0]
    assert all("refuses" not in finding.action for finding in checked.findings)


def test_a_note_on_the_encoding_is_said_once_with_its_finding(tmp_path):
    note = "mine.csv is read in windows-1252: look whether its accents are right."
    checked = check_path(folder(tmp_path, notes=["Sheet 2 was not read.", note]))
    assert found(checked, "encoding").examples == (note,)
    assert checked.notes == ("Sheet 2 was not read.",)


def test_a_folder_that_was_not_made_of_pairs_has_no_conflict_within_a_question(tmp_path):
    kinds = {finding.kind for finding in check_path(folder(tmp_path, from_pairs=False)).findings}
    assert "conflicting_answers" not in kinds


@pytest.mark.parametrize("lost, ok", [(200, True), (201, False)])
def test_more_than_half_of_the_rows_lost_is_an_error(tmp_path, lost, ok):
    left_out = {"unreadable_row": {"count": lost, "examples": []},
                "duplicate_pair": {"count": 199, "examples": []}}  # nothing is lost by these
    checked = check_path(folder(tmp_path, left_out=left_out))
    assert checked.ok is ok
    assert found(checked, "unreadable_row").severity == ("warning" if ok else "error")
    assert ("More than half" in found(checked, "unreadable_row").action) is not ok
    assert found(checked, "duplicate_pair").severity == "warning"
    assert checked.findings[0].kind == ("duplicate_pair" if ok and lost < 199 else "unreadable_row")


@pytest.mark.parametrize("encoding", ["utf-8", "UTF-8-SIG", "ascii", "utf_8", None])
def test_the_usual_encoding_is_not_worth_a_word(tmp_path, encoding):
    kinds = {finding.kind for finding in check_path(folder(tmp_path, encoding=encoding)).findings}
    assert "encoding" not in kinds


def test_a_kind_of_a_newer_reader_is_reported_too(tmp_path):
    checked = check_path(folder(tmp_path, left_out={"odd": {"count": 2, "examples": ["x"]}},
                                fixed={"even": {"count": 3, "examples": []}}))
    assert found(checked, "odd").treatment == "left out" and found(checked, "odd").count == 2
    assert found(checked, "even").treatment == "fixed"


@pytest.mark.parametrize("about", [
    "", "{", "[]", "null", '{"rows": "many"}', '{"rows": -1}', "[" * 100_000,
    json.dumps(ABOUT | {"left_out": [1]}), json.dumps(ABOUT | {"left_out": {"x": 5}}),
    json.dumps(ABOUT | {"left_out": {"x": {"count": 1, "examples": 5}}}),
    json.dumps(ABOUT | {"notes": 5}), json.dumps(ABOUT) + " " * 2_000_000,
])
def test_an_about_that_cannot_be_read_is_as_none(tmp_path, about):
    made = folder(tmp_path, about)
    assert imported_rows(made) is None
    assert check_path(made).ok


def test_hostile_words_of_an_about_are_shortened(tmp_path):
    evil = "\0\x1b[2J" + "x" * 5_000
    made = folder(tmp_path, encoding=evil, notes=[evil] * 100, left_out={
        evil: {"count": 1, "examples": [evil] * 50}})
    checked = check_path(made)
    assert len(json.dumps(checked.as_json())) < 20_000
    assert len(checked.notes) == 1
    assert all(example.isprintable() for one in checked.findings for example in one.examples)


def test_a_report_is_restored_from_its_json(tmp_path):
    for checked in (report(tmp_path, [*CLEAN, FIRST, {"anchor": "x?"}]),
                    check_path(tmp_path / "nothing")):
        assert Report.from_json(json.loads(json.dumps(checked.as_json()))) == checked


def test_a_report_of_an_older_tandem_is_restored_with_what_it_has(tmp_path):
    shape = report(tmp_path, [*CLEAN, FIRST]).as_json()
    for key in ("languages", "notes", "spread", "base_ndcg@10", "detectable_from"):
        del shape[key]
    del shape["findings"][0]["treatment"]
    old = Report.from_json(shape)
    assert (old.pairs, old.findings[0].treatment, old.spread) == (400, "kept", None)


GOOD = Report("x", (Finding("empty_text", "error", 1, "Mend it.", ("one",)),)).as_json()


@pytest.mark.parametrize("shape", [
    None, 5, [], "x", {}, {"error": "no"},
    *({**GOOD, key: value} for key, value in {
        "name": 5, "findings": {}, "splits": [], "pairs": -1, "passages": "9", "queries": True,
        "notes": "x", "spread": 5}.items()),
    {**GOOD, "splits": {"train": 1}},
    {**GOOD, "spread": {"sd_base": float("nan"), "queries": 1, "passages": 1}},
    {**GOOD, "spread": {"sd_base": 0.3, "queries": 1, "passages": 1}, "base_ndcg@10": "high"},
    *({**GOOD, "findings": [{**GOOD["findings"][0], key: value}]} for key, value in {
        "kind": 5, "severity": "bad", "treatment": "sold", "count": 1.5, "action": None,
        "examples": "one"}.items()),
    {**GOOD, "findings": [5]},
    {**GOOD, "findings": [{**GOOD["findings"][0], "severity": ["error"]}]},
])
def test_what_is_no_report_is_refused(shape):
    with pytest.raises(ValueError):
        Report.from_json(shape)


def test_a_hostile_report_is_cut():
    evil = "<img src=x>\0" * 10_000
    finding = {**GOOD["findings"][0], "kind": evil, "action": evil, "examples": [evil] * 100}
    cut = Report.from_json({**GOOD, "name": evil, "findings": [finding] * 10_000,
                            "notes": [evil] * 1000})
    assert len(json.dumps(cut.as_json())) < 500_000
    assert "\0" not in cut.findings[0].examples[0] + cut.findings[0].action + cut.name


def test_every_kind_has_a_severity_and_a_sentence():
    for severity, action in KINDS.values():
        assert severity in SEVERITIES and action.endswith(".")
    assert set(TREATMENTS) == {"fixed", "left out", "kept", "refused"}


def test_whether_data_is_of_pairs_is_told_by_what_it_is_and_not_by_its_being_a_file(tmp_path):
    """One question with two answers: rows of pairs may contradict each other, judgements do not."""
    rows = [{"question": "How long?", "answer": "Two years."},
            {"question": "How long?", "answer": "For ever."}]
    (tmp_path / "pairs" / "data").mkdir(parents=True)
    write_lines(tmp_path / "pairs" / "data" / "a.jsonl", rows)
    judged = {"queries": {"q": "How long?"}, "corpus": {"a": "Two years.", "b": "For ever."},
              "relevant_docs": {"q": ["a", "b"]}}
    (tmp_path / "judged.json").write_text(json.dumps(judged), "utf-8")
    (tmp_path / "one row.json").write_text(json.dumps(
        [{"question": "How long?", "answer": ["Two years.", "For ever."]}]), "utf-8")
    told = {name: "conflicting_answers" in {
        one.kind for one in check_path(tmp_path / name).findings}
        for name in ("pairs", "judged.json", "one row.json")}
    assert told == {"pairs": True, "judged.json": False, "one row.json": False}


def test_answers_that_nearly_repeat_those_of_an_earlier_split_are_told(tmp_path):
    said = "Take the {} out, rinse it for five minutes in cold water, and let it dry in the shade"
    for split, end in (("train", "."), ("dev", " of the house."), ("test", ", always.")):
        write_lines(tmp_path / f"{split}.jsonl", [
            {"question": f"How do I clean the {part} ({split})?",
             "answer": said.format(part) + (end if part == "pump" else f" {split} {part} alone.")}
            for part in ("pump", "bell")])
    (finding,) = [one for one in check_path(tmp_path).findings
                  if one.kind == "near_duplicate_passage"]
    assert finding.count >= 2 and "known in other words" in finding.action
    assert "dev.jsonl line 1 nearly repeats train.jsonl line 1" in finding.examples[0]
