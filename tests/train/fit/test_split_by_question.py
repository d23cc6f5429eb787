"""A split by question, from the file to the card: what is offered, done, and said of it."""

import json

import pytest

from corpus.check.check import check_path
from corpus.importing.convert import convert
from corpus.load import load_corpus
from support.samples import write_lines
from support.tiny import tiny_model_for
from train.__main__ import main
from train.run.record import Run

WORDS = ("clean", "replace", "store", "adjust")


@pytest.fixture
def few(tmp_path):
    """Eighty questions, four answers."""
    return write_lines(tmp_path / "few.jsonl", [
        {"question": f"How do I {word} part {number}?",
         "answer": f"To {word} it, see the chapter that says how to {word} a part."}
        for number in range(20) for word in WORDS])


@pytest.mark.slow
def test_few_answers_are_refused_offered_a_split_by_question_trained_and_truly_reported(
    few, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    (refused,) = [one for one in check_path(few).findings if one.kind == "no_split"]
    assert "4 answers together" in refused.action and "--split-by question" in refused.action
    data = tmp_path / "data"
    convert(few, data, split_by="question")
    report = check_path(data)
    assert report.ok and dict(report.splits) == {"train": 64, "dev": 8, "test": 8}
    assert "split_leak" not in {one.kind for one in report.findings}
    base = tiny_model_for(load_corpus(data), tmp_path / "base")
    status = main(["fit", "--data", str(data), "--base", str(base), "--out", str(tmp_path / "run"),
                   "--set", "epochs=1", "--set", "batch_size=8", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert (status, answer["status"]) == (0, "done")
    record = Run(tmp_path / "run").record()
    test = record.metrics["test"]
    assert (test.queries, test.leaked, test.unseen) == (8, 8, None)
    assert test.verdict.startswith("No verdict: all 8 questions")
    assert "split by question" in test.verdict and "keep each" not in test.verdict
    card = (tmp_path / "run" / "model" / "README.md").read_text("utf-8")
    assert "whether new wordings find answers that training saw" in card
    assert "cannot show how well answers are found that it never saw" in card
    assert "There are no figures without them." in card
