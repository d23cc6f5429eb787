"""Cross-validation: how it is cut, what it finds, and how it goes on."""

import json
from dataclasses import replace

import pytest

from corpus.check.power import ASSUMED_SD
from corpus.load import load_corpus
from corpus.records import Corpus, CorpusError, Passage, Query
from retrieval.evaluation import Evidence
from support.runs.children import Child
from support.runs.finished import questions
from support.tiny import tiny_model_for
from train.__main__ import main
from train.fit.runner import begun, carry_out, taken_up
from train.fit.stopping import Stop
from train.folds import validate
from train.folds.cost import offer, with_folds
from train.folds.cut import check_folds, cut
from train.folds.validate import is_trained, validate_run
from train.recipe import Recipe
from train.run.record import Run, create_run
from train.run.spec import RunSpec, spec_of


def of(qrels, texts=None):
    passages = tuple(Passage(f"p{n}", f"Passage {n}.") for n in range(40))
    queries = {q: Query(q, (texts or {}).get(q, f"What of {q}?")) for q in qrels}
    return Corpus("c", passages, queries, {"train": qrels})


def test_every_question_is_tested_once_and_its_answer_is_in_no_other_split():
    corpus = questions()
    folds = cut(corpus, 5, 1)
    tested = [query for fold in folds for query in fold.qrels["test"]]
    assert sorted(tested) == sorted(q for qrels in corpus.qrels.values() for q in qrels)
    for fold in folds:
        answers = [{pid for grades in fold.qrels[split].values() for pid in grades}
                   for split in ("train", "dev", "test")]
        assert all(answers)
        assert not (answers[0] & answers[1] or answers[0] & answers[2] or answers[1] & answers[2])
        assert fold.passages is corpus.passages
        assert len(fold.qrels["dev"]) == pytest.approx(7, abs=1)
    sizes = [len(fold.qrels["test"]) for fold in folds]
    assert max(sizes) - min(sizes) <= 1


def test_the_same_seed_cuts_the_same_and_another_differs():
    corpus = questions()
    assert cut(corpus, 3, 7)[1].qrels == cut(corpus, 3, 7)[1].qrels
    assert cut(corpus, 3, 7)[1].qrels != cut(corpus, 3, 8)[1].qrels


def test_questions_that_share_an_answer_or_their_words_are_in_one_fold():
    qrels = {f"q{n}": {f"p{n // 2}": 1} for n in range(20)}
    qrels["same"] = {"p30": 1}
    qrels["none"] = {"p31": 0}
    corpus = of(qrels, {"same": "what of Q0"})
    for fold in cut(corpus, 4, 3):
        for part in fold.qrels.values():
            assert all((f"q{n}" in part) == (f"q{n + 1}" in part) for n in range(0, 20, 2))
            assert ("same" in part) == ("q0" in part) and "none" not in part


def test_a_group_of_most_questions_still_leaves_something_to_choose_on():
    qrels = {f"q{n}": {"p0": 1} for n in range(30)} | {f"x{n}": {f"p{n + 1}": 1} for n in range(5)}
    for fold in cut(of(qrels), 3, 1):
        assert fold.qrels["dev"] and fold.qrels["train"] and fold.qrels["test"]


@pytest.mark.parametrize("count", [0, 1, 21, 2.5, True, "3"],
                         ids=["none", "one", "many", "half", "true", "text"])
def test_a_number_of_folds_that_is_none_is_refused(count):
    with pytest.raises(ValueError, match="folds must be a whole number from 2 to 20"):
        check_folds(count)


def test_more_folds_than_the_data_has_groups_are_refused_with_how_many_it_has():
    corpus = of({f"q{n}": {f"p{n % 4}": 1} for n in range(12)})
    assert check_folds(3, corpus) == 3
    with pytest.raises(CorpusError, match=r"4 folds need 5 groups .* c has 4: ask for at most 3"):
        check_folds(4, corpus)
    with pytest.raises(CorpusError, match="ask for no cross-validation"):
        cut(of({"q": {"p0": 1}}), 2, 1)


def test_it_is_offered_where_the_test_split_cannot_show_what_a_fine_tune_gains():
    def with_test(count, every):
        parts = {"train": {f"t{n}": {"p0": 1} for n in range(every - count)},
                 "test": {f"q{n}": {"p0": 1} for n in range(count)}}
        return Corpus("c", (), {}, parts)

    said = offer(with_test(15, 150), ASSUMED_SD, 5)
    assert said.startswith("Your 15 test questions can show 0.22 or more")
    assert "all 150 questions" in said and "about 0.07" in said
    assert offer(with_test(200, 2000), ASSUMED_SD, 5) == ""
    assert "show nothing" in offer(with_test(0, 40), ASSUMED_SD, 5)


def test_the_cost_is_that_of_so_many_more_models():
    said = with_folds({"seconds": {"low": 100.0, "high": 200.0}}, 5)
    assert said["folds"] == {"count": 5, "seconds": {"low": 375.0, "high": 1000.0}}
    assert with_folds({"pairs": 3}, 5)["folds"] == {"count": 5}
    assert "folds" not in with_folds({"seconds": {"low": 1, "high": 2}}, None)


@pytest.fixture(scope="module")
def asked(porsche, sample_folder, tmp_path_factory):
    model = tiny_model_for(load_corpus(sample_folder), tmp_path_factory.mktemp("tiny"))
    recipe = replace(Recipe(), epochs=1, batch_size=8, learning_rate=0.003, precision="fp32")
    return RunSpec(str(sample_folder), str(model), recipe=recipe, folds=3)


def shipped(asked, runs) -> Run:
    """A run that has its model, and has not begun with its folds."""
    run = create_run(runs, "folds")
    carry_out(run, begun(run, asked), goes_on=True)
    return run


@pytest.mark.slow
def test_a_run_is_done_when_its_folds_are_and_says_what_they_found(asked, tmp_path):
    run = shipped(asked, tmp_path)
    assert (run.record().status, is_trained(run)) == ("running", True)
    before, model = run.record(), (run.model / "model.safetensors").read_bytes()
    told = []
    validate_run(run, spec_of(run), Stop(), tmp_path / "cache", tell=told.append)
    record, corpus = run.record(), load_corpus(asked.data)
    found = record.cross_validation
    every = {query for qrels in corpus.qrels.values() for query in qrels}
    assert record.status == "done" and record.process is None
    assert (found.folds, found.queries) == (3, len(every))
    assert record.metrics == before.metrics and record.seconds > before.seconds
    assert (run.model / "model.safetensors").read_bytes() == model
    rows = [row for row in run.per_query() if row["split"] == "fold"]
    assert {row["query_id"] for row in rows} == every and {row["fold"] for row in rows} == {0, 1, 2}
    evidence = Evidence.from_rows(rows, "fold", len(corpus.passages))
    assert evidence.differences["ndcg@10"].value == pytest.approx(found.difference["ndcg@10"].value)
    assert found.verdict.startswith("Cross-validated,") and "3 models" in found.verdict
    card = (run.model / "README.md").read_text("utf-8")
    assert "### Cross-validation (3 folds)" in card and found.verdict in card
    shares = [event.share for event in told if event.type == "phase"]
    assert shares == sorted(shares) and told[-1].type == "done"
    assert not list(run.folder.glob("folds/*/model"))


@pytest.mark.slow
def test_it_goes_on_with_the_fold_where_it_was(asked, tmp_path, monkeypatch):
    run, fits = shipped(asked, tmp_path), []
    real = validate.fit

    def counted(*arguments, **options):
        fits.append(options["resume"])
        if len(fits) == 2:
            raise OSError("No space left on device")
        return real(*arguments, **options)

    monkeypatch.setattr(validate, "fit", counted)
    validate_run(run, spec_of(run), Stop())
    record = run.record()
    assert record.status == "stopped" and record.is_usable and run.has_model
    assert "ended after 1 of 3 folds" in record.error and "No space left" in record.error
    run.update(status="queued")  # as the queue has one that is resumed
    request = taken_up(run)
    assert request.folds == 3 and is_trained(run)
    validate_run(run, request, Stop())
    assert fits == [False, False, True, False]  # the first fold was not trained again
    assert run.record().status == "done" and run.record().error is None
    assert run.record().cross_validation.folds == 3


@pytest.mark.slow
def test_whoever_stops_it_keeps_the_model(asked, tmp_path):
    run, stop = shipped(asked, tmp_path), Stop()
    stop.ask()
    validate_run(run, spec_of(run), stop)
    assert run.record().status == "stopped" and "after 0 of 3 folds" in run.record().error
    limited = shipped(asked, tmp_path)
    validate_run(limited, spec_of(limited), Stop(), max_minutes=0)
    assert limited.record().status == "stopped"


@pytest.mark.parametrize("folds, said", [("1", "from 2 to 20"), ("x", "not 'x'")])
def test_the_command_line_refuses_what_is_no_number_of_folds(folds, said, capsys):
    with pytest.raises(SystemExit) as wrong:
        main(["fit", "--out", "never", "--folds", folds])
    assert wrong.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_has_it_in_its_answer_and_refuses_what_cannot_be(asked, tmp_path):
    home, out = tmp_path / "home", tmp_path / "run"
    line = ["fit", "--data", asked.data, "--base", asked.base, "--set", "epochs=1",
            "--set", "batch_size=8", "--out", out, "--json"]
    child = Child(*line, "--folds", "2", home=home)
    assert child.wait() == 0, child.said
    printed = json.loads(child.said.splitlines()[-1])
    assert printed["status"] == "done" and printed["cross_validation"]["folds"] == 2
    assert set(printed["cross_validation"]) >= {"queries", "base", "tuned", "difference"}
    assert spec_of(Run(out)).folds == 2
    few = tmp_path / "few.jsonl"
    few.write_text("".join(json.dumps({"anchor": f"What is {n}?", "positive": f"It is {n}."}) + "\n"
                           for n in range(6)))
    line[2], line[line.index(out)] = few, tmp_path / "never"
    refused = Child(*line, "--folds", "9", home=home)
    assert refused.wait() == 1 and "9 folds need 10 groups" in refused.said
    assert not (tmp_path / "never").exists()
