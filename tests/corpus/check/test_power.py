import math

import numpy as np
import pytest

from corpus.check.check import check_corpus
from corpus.check.power import (
    CORRELATION,
    LEAST_SD,
    Power,
    Spread,
    detectable_difference,
    queries_needed,
)
from corpus.check.report import Report
from corpus.load import load_corpus
from corpus.records import Corpus, Passage, Query
from retrieval import sampling
from retrieval import sampling as spread_module
from retrieval.evaluation import evaluate
from retrieval.fast.load import load_served
from retrieval.index import build_index
from retrieval.models import EMBEDDED_MODEL, ModelError
from retrieval.sampling import base_spread, measured_spread, small_pool
from support.fakes import HashingEncoder, small_corpus

WHOLE = Spread(0.4, 0.55, 200, 1000, sampled=False)


def made_up(queries=40, passages=60, words=3):
    rng = np.random.default_rng(5)
    names = [f"w{i}" for i in range(40)]
    texts = [" ".join(rng.choice(names, words + 4)) for _ in range(passages)]
    asked = {f"q{i}": Query(f"q{i}", " ".join(texts[i % passages].split()[:words]))
             for i in range(queries)}
    qrels = {q: {f"p{i % passages}": 1, f"p{(i + 1) % passages}": 0}
             for i, q in enumerate(asked)}
    return Corpus("made up", tuple(Passage(f"p{i}", t) for i, t in enumerate(texts)), asked,
                  {"test": qrels})


def test_the_spread_of_the_difference_follows_from_that_of_base_and_the_correlation():
    assert WHOLE.sd == pytest.approx(0.4 * math.sqrt(2 * (1 - CORRELATION)))
    power = Power(200, WHOLE)
    assert power.measured and power.detectable == detectable_difference(200, WHOLE.sd)


@pytest.mark.parametrize("spread", [
    None, Spread(0.0, 0.5, 200, 1000, False), Spread(0.4, 0.5, 9, 1000, False)])
def test_without_a_spread_that_says_anything_it_is_assumed(spread):
    power = Power(225, spread)
    assert not power.measured
    assert power.detectable == 0.056


def test_a_base_that_finds_nothing_does_not_make_every_difference_show():
    nothing = Spread(0.04, 0.006, 150, 470, sampled=True)
    assert nothing.usable and nothing.sd == LEAST_SD
    assert Power(150, nothing).detectable == detectable_difference(150, LEAST_SD)


def test_what_is_needed_to_show_a_difference_shows_it():
    for sd in (0.2, 0.3, 0.5):
        needed = queries_needed(0.05, sd)
        assert detectable_difference(needed, sd) <= 0.05
        assert detectable_difference(int(0.98 * needed), sd) > 0.05


@pytest.mark.parametrize("queries, spread, small", [
    (0, None, True), (12, None, True), (31, None, True), (32, None, False), (40, None, False),
    (200, WHOLE, False),
    (200, Spread(0.1, 0.96, 200, 1000, sampled=False), False),  # .04 left, .030 shows
    (200, Spread(0.3, 0.98, 200, 1000, sampled=False), True),  # .02 left, .046 shows
    (200, Spread(0.3, 0.98, 200, 1000, sampled=True), False),  # a sample makes finding easy
    (200, Spread(0.0, 1.0, 200, 1000, sampled=False), True),
])
def test_a_test_split_that_shows_implausible_gains_alone_is_too_small(queries, spread, small):
    assert Power(queries, spread).too_small is small


def test_too_small_to_tell_is_said_with_how_many_questions_it_takes():
    said = Power(12).sentence()
    assert "12 questions can show a difference of 0.243" in said
    assert "too small to tell, it takes 283 questions to show 0.05" in said
    assert "too small" not in Power(400).sentence()
    assert "leaves 0.020 to gain" in Power(
        200, Spread(0.3, 0.98, 200, 1000, sampled=False)).sentence()
    assert Power(1).sentence().startswith("1 question can")


def test_the_report_says_what_was_measured():
    shape = check_corpus(made_up(), spread=Spread(0.4, 0.55, 40, 60, False)).as_json()
    assert shape["detectable_from"] == "measured"
    assert shape["base_ndcg@10"] == 0.55
    assert shape["spread"] == {"sd_base": 0.4, "sd": round(WHOLE.sd, 4), "queries": 40,
                               "passages": 60, "sampled": False}
    assert shape["detectable_difference"] == detectable_difference(40, WHOLE.sd)
    assumed = check_corpus(made_up()).as_json()
    assert (assumed["detectable_from"], assumed["base_ndcg@10"], assumed["spread"]) == (
        "assumed", None, None)


def test_the_check_finds_too_few_test_questions_from_what_was_measured():
    report = check_corpus(made_up(), spread=Spread(0.45, 0.5, 40, 60, False))
    assert report.detectable_difference > 0.15
    (found,) = [f for f in report.findings if f.kind == "too_few_pairs"]
    assert "too small to tell" in found.examples[1]
    assert report.as_json()["too_small_to_tell"] is True


def test_a_small_corpus_is_judged_whole_and_to_the_figure_that_judging_gives():
    corpus = made_up()
    encoder = HashingEncoder()
    spread = measured_spread(corpus, encoder)
    values = [query.metrics["ndcg@10"] for query in
              evaluate(build_index(encoder, corpus), corpus, "test").values()]
    assert (spread.queries, spread.passages, spread.sampled) == (40, 60, False)
    assert spread.base_ndcg == pytest.approx(np.mean(values))
    assert spread.sd_base == pytest.approx(np.std(values, ddof=1))
    assert 0 < spread.sd_base < 1


def test_of_a_large_corpus_a_sample_is_judged_the_same_one_each_time(monkeypatch):
    monkeypatch.setattr(sampling, "MOST_QUERIES", 20)
    monkeypatch.setattr(sampling, "MOST_PASSAGES", 50)
    corpus = made_up(queries=100, passages=300)
    sample = small_pool(corpus, "test", seed=1)
    assert len(sample.qrels["test"]) == 20 and len(sample.passages) == 50
    assert all(pid in sample.passage for grades in sample.qrels["test"].values() for pid in grades)
    assert sample.fingerprint == small_pool(corpus, "test", seed=1).fingerprint
    assert sample.fingerprint != small_pool(corpus, "test", seed=2).fingerprint
    spread = measured_spread(corpus, HashingEncoder())
    assert (spread.queries, spread.passages, spread.sampled) == (20, 50, True)


def test_the_others_are_those_nearest_in_words_so_that_finding_is_not_made_easy(monkeypatch):
    monkeypatch.setattr(sampling, "MOST_PASSAGES", 12)
    near = [Passage(f"near{i}", f"gearbox number {i} of the tractor") for i in range(5)]
    far = [Passage(f"far{i}", f"flower pot {i} on a balcony") for i in range(300)]
    answer = Passage("answer", "the tractor has a gearbox from the seventies")
    corpus = Corpus("c", (*far, answer, *near), {"q": Query("q", "Which gearbox, tractor?")},
                    {"test": {"q": {"answer": 1}}})
    chosen = {passage.id for passage in small_pool(corpus, "test", seed=1).passages}
    assert {"answer", *(passage.id for passage in near)} < chosen
    assert len(chosen) == 12  # the rest is filled up


def test_the_work_is_bound_by_tokens_and_by_answers(monkeypatch):
    monkeypatch.setattr(sampling, "MOST_TOKENS", 2_000)
    long = made_up(queries=50, passages=100, words=500)
    sample = small_pool(long, "test", seed=1)
    assert len(sample.passages) * sampling.TOKENS <= 2_000
    assert 0 < len(sample.qrels["test"]) <= 8
    everything = {"q0": {p.id: 1 for p in long.passages}} | {"q1": {"p3": 1}}
    one_for_all = Corpus("c", long.passages, long.queries, {"test": everything})
    assert list(small_pool(one_for_all, "test", seed=1).qrels["test"]) == ["q1"]


def test_a_model_without_usable_vectors_measures_nothing():
    class Broken(HashingEncoder):
        def encode_passages(self, texts):
            return np.zeros((len(texts), self.dim), np.float32)

    assert measured_spread(made_up(), Broken()) is None


def test_base_is_not_loaded_where_it_could_not_say_anything(monkeypatch):
    def forbidden(*arguments):
        raise AssertionError("loaded")

    monkeypatch.setattr(spread_module, "load_encoder", forbidden)
    assert base_spread(small_corpus()) is None  # one test question
    monkeypatch.setattr(spread_module, "PACKAGE", "no_such_package")
    assert base_spread(made_up()) is None


@pytest.mark.parametrize("error", [
    ModelError("damaged"), ImportError("no torch"), MemoryError("no memory"),
    OSError("failed to map segment"), RuntimeError("can't allocate memory")])
def test_a_base_that_cannot_be_loaded_leaves_the_spread_assumed_and_says_why(
    monkeypatch, caplog, error
):
    def refused(*arguments):
        raise error

    monkeypatch.setattr(spread_module, "load_encoder", refused)
    assert base_spread(made_up()) is None
    assert str(error) in caplog.text


@pytest.mark.slow
def test_the_command_judges_the_base_model_unless_told_to_assume(monkeypatch, capsys, tmp_path):
    import json

    from corpus.__main__ import main

    asked = []
    monkeypatch.setattr("corpus.__main__.base_spread",
                        lambda corpus, progress, cache: asked.append(corpus.name) or WHOLE)
    assert main(["check", "porsche", "--json"]) == 0
    shape = json.loads(capsys.readouterr().out)
    assert shape["detectable_from"] == "measured" and asked == ["porsche"]
    assert main(["check", "porsche"]) == 0
    assert "base has 0.550 on 200 questions among 1,000 passages; its spread" in (
        capsys.readouterr().out)
    assert main(["check", "porsche", "--json", "--assume"]) == 0
    assert json.loads(capsys.readouterr().out)["detectable_from"] == "assumed"
    assert asked == ["porsche", "porsche"]


@pytest.mark.slow
def test_the_embedded_model_is_judged_on_the_built_in_corpus():
    corpus = load_corpus("general")
    told = []
    spread = base_spread(corpus, lambda at: told.append((at.done, at.total)))
    assert spread.queries == 150 and spread.sampled and spread.passages <= 650
    assert 0.5 < spread.base_ndcg < 1 and 0.1 < spread.sd_base < 0.5
    assert told[-1][0] == told[-1][1] == spread.passages


@pytest.mark.slow
def test_beside_an_app_the_fast_form_judges_and_a_check_alone_makes_no_folder(
    tmp_path, monkeypatch, encoder
):
    corpus = made_up()
    alone = base_spread(corpus, cache=tmp_path)
    assert not list(tmp_path.iterdir())
    load_served(EMBEDDED_MODEL, cache=tmp_path)
    monkeypatch.setattr(spread_module, "load_encoder", None)
    beside = base_spread(corpus, cache=tmp_path)
    assert beside.sd_base == pytest.approx(alone.sd_base, abs=1e-3)
    assert beside.base_ndcg == pytest.approx(alone.base_ndcg, abs=1e-3)


def test_a_report_of_a_child_is_restored_with_its_spread():
    report = check_corpus(made_up(), spread=Spread(0.4, 0.55, 40, 60, True))
    assert Report.from_json(report.as_json()) == report
