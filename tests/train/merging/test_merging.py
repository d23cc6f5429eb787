"""Merges of a fine-tuned model with its base: weights, the curve, a run of its own."""

import argparse
import json

import numpy as np
import pytest

from retrieval.evaluation import Evidence, evaluate, means
from retrieval.index import build_index
from retrieval.metrics import PRIMARY
from retrieval.models import load_encoder
from support.runs.finished import finished_run, questions
from support.tiny import tiny_model, tiny_model_for
from train.__main__ import main
from train.commands import retention as retention_command
from train.commands.merge import _alpha
from train.merging.curve import choose, measure_curve
from train.merging.run import merged_run
from train.merging.weights import check_alpha, merged
from train.run.extra_parts import MergePoint
from train.run.record import Run, RunError

TEXTS = ("How heavy is part7?", "The weight of a car")


@pytest.fixture(scope="module")
def sides(tmp_path_factory):
    home = tmp_path_factory.mktemp("sides")
    folders = [tiny_model_for(questions(), home / name, seed=seed)
               for name, seed in (("base", 1), ("tuned", 2))]
    return [load_encoder(str(folder)) for folder in folders]


@pytest.fixture
def run(sides, tmp_path):
    base, tuned = sides
    return finished_run(tmp_path / "runs", tmp_path.__class__(tuned.name), questions(), base, tuned,
                        base_model={"name": base.name, "dim": 32}, owner=None,
                        recipe={"name": "tandem", "epochs": 2, "batch_size": 32})


@pytest.mark.slow
def test_a_merge_has_the_weighted_mean_of_each_weight_and_neither_side_is_changed(sides):
    base, tuned = sides
    before = [{name: value.clone() for name, value in side.model.state_dict().items()}
              for side in sides]
    half = merged(base, tuned, 0.75)
    for name, value in half.model.state_dict().items():
        expected = 0.25 * before[0][name] + 0.75 * before[1][name]
        assert np.allclose(value.numpy(), expected.numpy(), atol=1e-6), name
    for side, kept in zip(sides, before, strict=True):
        assert all((side.model.state_dict()[name] == value).all() for name, value in kept.items())
    whole = merged(base, tuned, 1.0)
    assert np.array_equal(whole.encode_queries(TEXTS), tuned.encode_queries(TEXTS))
    assert len({half.fingerprint, whole.fingerprint, tuned.fingerprint}) == 3


@pytest.mark.slow
def test_models_of_other_weights_are_not_merged(sides, tmp_path):
    other = load_encoder(str(tiny_model(tmp_path / "other", ("another",))))
    with pytest.raises(ValueError, match="different weights"):
        merged(sides[0], other, 0.5)


@pytest.mark.parametrize("alpha", [-1.0, 0.49, 1.01, float("nan"), float("inf")],
                         ids=["negative", "below", "above", "nan", "infinite"])
def test_an_alpha_outside_its_range_is_refused(alpha):
    with pytest.raises(ValueError, match=r"alpha must be from 0\.5"):
        check_alpha(alpha)
    with pytest.raises(argparse.ArgumentTypeError, match=r"alpha must be from 0\.5"):
        _alpha(str(alpha))


def test_an_alpha_that_is_no_number_is_refused():
    with pytest.raises(argparse.ArgumentTypeError, match="number from 0.5 to 1, not 'half'"):
        _alpha("half")


def point(alpha, dev, lost):
    return MergePoint(alpha=alpha, dev=dev, general=0.5, retention=lost, low=lost, high=lost)


def test_the_alpha_that_keeps_retention_at_the_least_loss_is_chosen():
    points = [point(0.5, 0.6, 0.01), point(0.7, 0.7, -0.005), point(0.9, 0.8, -0.006)]
    assert choose(points) == 0.7
    assert choose([point(0.9, 0.8, -0.1)]) is None
    assert choose([point(0.5, 0.7, 0.0), point(0.8, 0.7, 0.0)]) == 0.8


@pytest.mark.slow
def test_the_curve_measures_dev_and_the_general_collection_and_never_test(sides):
    base, tuned = sides
    corpus = questions()
    without_test = type(corpus)(corpus.name, corpus.passages, corpus.queries,
                                {"dev": corpus.qrels["dev"]})
    seen = []
    curve = measure_curve(base, tuned, without_test, None, corpus, (0.5, 1.0), seen.append)
    half, whole = curve.points
    assert whole.dev == pytest.approx(
        means(evaluate(build_index(tuned, corpus), corpus, "dev"))[PRIMARY])
    assert half.general - half.retention == pytest.approx(whole.general - whole.retention)
    assert whole.low <= whole.retention <= whole.high
    assert seen[-1].total == 4 * len(corpus.passages) and seen[-1].text == "Alpha 1"


@pytest.mark.slow
def test_a_merge_is_a_run_of_its_own_that_names_both_parents(run, sides, tmp_path):
    base, tuned = sides
    corpus = questions()
    made = merged_run(run, base, tuned, corpus, 0.6, tmp_path / "merge", tmp_path / "cache")
    record, parent = made.record(), run.record()
    assert (record.merged.alpha, record.merged.run) == (0.6, run.id)
    assert record.merged.base == parent.fingerprints.base
    assert record.merged.tuned == parent.fingerprints.tuned != record.fingerprints.tuned
    again = build_index(load_encoder(str(made.model)), corpus)
    found = Evidence.from_rows(made.per_query(), "test", len(corpus.passages))
    assert found.tuned == evaluate(again, corpus, "test")
    assert found.base == Evidence.from_rows(run.per_query(), "test", 69).base
    assert record.test.tuned == pytest.approx(means(found.tuned))
    assert record.status == "done" and record.published == ()
    card = (made.model / "README.md").read_text("utf-8")
    assert "0.6 of the fine-tuned model's and 0.4 of its base's" in card
    assert "train merge my-run --alpha 0.6" in card
    assert any((tmp_path / "cache").glob("*.npy"))


@pytest.mark.slow
def test_what_is_there_is_not_written_over_and_nothing_half_made_stays(run, sides, tmp_path):
    base, tuned = sides
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine").write_text("x")
    with pytest.raises(RunError, match="is not empty"):
        merged_run(run, base, tuned, questions(), 0.6, full)
    assert (full / "mine").exists()
    with pytest.raises(ValueError, match="not among"):
        gone = questions()
        merged_run(run, base, tuned, type(gone)("c", gone.passages[:5], gone.queries, gone.qrels),
                   0.6, tmp_path / "half")
    assert not (tmp_path / "half").exists()


@pytest.mark.slow
def test_the_command_measures_names_and_makes_merges(run, sides, tmp_path, monkeypatch, capsys):
    from corpus.records import Corpus
    from train.commands import merge as command
    from train.merging import curve

    corpus: Corpus = questions()
    loaded = {side.name: side for side in sides}
    monkeypatch.setattr(retention_command, "load_encoder", lambda name, *a, **k: loaded.get(
        name) or load_encoder(name))
    monkeypatch.setattr(command, "same_corpus_of", lambda run, why: corpus)
    monkeypatch.setattr(curve, "load_corpus", lambda name: corpus)
    monkeypatch.setattr("retrieval.retention.load_corpus", lambda name: corpus)
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    assert main(["merge", str(run.folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["chosen"] == run.record().merge_curve.chosen
    assert len(said["points"]) == len(run.record().merge_curve.points)
    assert main(["merge", str(run.folder)]) == 0
    assert "retention (95 % interval)" in capsys.readouterr().out
    out = tmp_path / "runs" / "taken"
    assert main(["merge", str(run.folder), "--alpha", "0.8", "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["parents"] == [run.record().base_model.name, run.id] and said["alpha"] == 0.8
    assert Run(out).record().retention is not None
    assert main(["merge", str(out), "--alpha", "0.8", "--json"]) == 1
    assert "is a merge already" in json.loads(capsys.readouterr().out)["error"]
    with pytest.raises(SystemExit) as wrong:
        main(["merge", str(run.folder), "--alpha", "1.5"])
    assert wrong.value.code == 2
