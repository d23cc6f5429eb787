"""No row is lost, doubled or turned round without being counted in the preview."""

import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.importing.convert import convert
from corpus.importing.preview import look
from corpus.load import load_corpus
from support.samples import write_lines

FEW = settings(max_examples=25, deadline=None)
FAULTS = ("good", "good", "good", "empty answer", "null answer", "empty question", "again",
          "no answers", "no questions", "blank place", "no pair", "neither")
DRAWN = st.lists(st.sampled_from(FAULTS), min_size=1, max_size=30).map(
    lambda faults: ["good", *faults])


def question_of(number):
    return f"How do I clean part {number}?"


def answer_of(number):
    return f"Take part {number} out and rinse it."


def flat(number, fault):
    """A row of two columns with a fault."""
    row = {"question": question_of(number), "answer": answer_of(number)}
    return row | {"empty answer": {"answer": " "}, "null answer": {"answer": None},
                  "empty question": {"question": ""},
                  "again": {"question": question_of(0), "answer": answer_of(0)}}.get(fault, {})


def listed(number, fault):
    """A row of lists with a fault."""
    row = {"tag": f"t{number}", "patterns": [question_of(number)], "responses": [answer_of(number)]}
    return row | {"no answers": {"responses": []}, "no questions": {"patterns": [""]},
                  "blank place": {"responses": [answer_of(number), None]},
                  "again": {"patterns": [question_of(0)], "responses": [answer_of(0)]}
                  }.get(fault, {})


def labelled(number, fault):
    return flat(number, fault) | {"label": {"no pair": 0, "neither": None}.get(fault, 1)}


def squad(number, fault):
    lacking = fault in ("no answers", "empty answer", "null answer")
    asked = 0 if fault == "again" else number
    return {"title": "", "paragraphs": [{"context": answer_of(asked), "qas": [
        {"question": "" if fault == "empty question" else question_of(asked),
         "is_impossible": lacking, "answers": [] if lacking else [{"text": "part"}]}]}]}


def chat(number, fault):
    asked = 0 if fault == "again" else number
    messages = [{"role": "user", "content": question_of(asked)},
                {"role": "assistant", "content": answer_of(asked)}]
    lacking = fault in ("no answers", "empty answer", "null answer")
    return {"messages": messages[:1] if lacking else messages}


LAYOUTS = {
    "rows": (flat, {"empty answer": "empty_text", "null answer": "empty_text",
                    "empty question": "empty_text", "again": "duplicate_pair"}),
    "intents": (listed, {"no answers": "no_answer", "no questions": "no_question",
                         "blank place": "empty_item", "again": "duplicate_pair"}),
    "labels": (labelled, {"empty answer": "empty_text", "null answer": "empty_text",
                          "empty question": "empty_text", "again": "duplicate_pair",
                          "neither": "no_pair"}),
    "squad": (squad, {"no answers": "no_answer", "empty answer": "no_answer",
                      "null answer": "no_answer", "empty question": "empty_text",
                      "again": "duplicate_pair"}),
    "chat": (chat, {"no answers": "no_answer", "empty answer": "no_answer",
                    "null answer": "no_answer", "again": "duplicate_pair"}),
}


@pytest.mark.parametrize("suffix", [".jsonl", ".json"])
@pytest.mark.parametrize("layout", LAYOUTS)
@FEW
@given(DRAWN)
def test_rows_are_pairs_or_counted(layout, suffix, faults):
    made, kinds = LAYOUTS[layout]
    if layout == "labels":
        faults = [*faults, "no pair"]
    rows = [made(number, fault) for number, fault in enumerate(faults)]
    wanted = Counter(kinds[fault] for fault in faults if fault in kinds)
    unpaired = faults.count("no pair") if layout == "labels" else 0
    with TemporaryDirectory() as place:
        path = Path(place) / f"a{suffix}"
        if suffix == ".json":
            path.write_text(json.dumps(rows), "utf-8")
        else:
            write_lines(path, rows)
        counted = look(path).counted
        about = convert(path, Path(place) / "out")
        corpus = load_corpus(Path(place) / "out")
    assert counted.left_out == dict(wanted)
    assert {kind: found["count"] for kind, found in about["left_out"].items()} == dict(wanted)
    assert counted.whole and counted.pairs == about["pairs"]
    lost = sum(count for kind, count in wanted.items() if kind != "empty_item")
    assert len(rows) == counted.pairs + lost + unpaired
    told = {(pair.query.text, pair.passage.text)
            for split in corpus.qrels for pair in corpus.pairs(split)}
    assert told == {(question_of(number), answer_of(number)) for number, fault in enumerate(faults)
                    if (fault not in kinds or kinds[fault] == "empty_item")
                    and (fault != "no pair" or layout != "labels")}


def test_what_is_left_out_is_said_in_the_preview_with_its_count(tmp_path):
    rows = [flat(number, "null answer" if number % 4 == 0 else "good") for number in range(200)]
    seen = look(write_lines(tmp_path / "a.jsonl", rows))
    assert any(note.startswith("50 rows are left out (no text), such as: a.jsonl line 1: answer is "
                               "empty") for note in seen.notes)
    assert seen.as_json()["counted"] == {"rows": 200, "whole": True, "pairs": 150,
                                         "questions": 150, "left_out": {"empty_text": 50}}


def test_texts_in_a_wrong_encoding_are_counted_wherever_they_stand(tmp_path):
    rows = [flat(number, "good") for number in range(400)]
    for row in rows[300:]:
        row["answer"] += " Für Türen.".encode().decode("cp1252")
    path = write_lines(tmp_path / "a.jsonl", rows)
    said = "100 of the 800 texts of a.jsonl were in UTF-8"
    assert any(note.startswith(said) for note in look(path).notes)
    assert any(note.startswith(said) for note in convert(path, tmp_path / "out")["notes"])
