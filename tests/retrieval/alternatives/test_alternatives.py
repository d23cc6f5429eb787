"""What could ship: fusion, the table of alternatives, vectors of few bits."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from retrieval.alternatives.fusion import EVEN, WEIGHTS, Fusion, fuse, fused, scaled
from retrieval.alternatives.quantization import quantized
from retrieval.alternatives.table import Alternative, Alternatives, measured, size_of
from retrieval.bm25 import build_lexical_index
from retrieval.evaluation import Judged, evaluate, means
from retrieval.index import Ranking, build_index
from retrieval.metrics import METRICS, PRIMARY
from support.fakes import HashingEncoder
from support.runs.finished import questions


@pytest.fixture(scope="module")
def parts():
    corpus = questions()
    return corpus, build_lexical_index(corpus), build_index(HashingEncoder("base", dim=8), corpus)


def ranking(*scores):
    ids = tuple(f"p{place}" for place in range(len(scores)))
    return Ranking(ids, np.array(scores, float), {pid: i for i, pid in enumerate(ids)})


def test_a_fusion_adds_scores_brought_to_the_same_range():
    found = fused(ranking(0, 10, 5), ranking(0.9, 0.5, 0.7), 0.25)
    assert found.scores == pytest.approx([0.25, 0.75, 0.5])
    assert found.top(1)[0][0] == "p1"


def test_equal_scores_say_nothing_in_a_fusion():
    assert scaled(np.array([3.0, 3.0])).tolist() == [0, 0]
    assert fused(ranking(0, 0), ranking(0.1, 0.2), 0.5).top(1)[0][0] == "p1"


def test_sides_over_different_passages_are_not_fused():
    other = Ranking(("x",), np.zeros(1), {"x": 0})
    with pytest.raises(ValueError, match="different passages"):
        fused(ranking(1), other, 0.5)


def test_the_weight_is_the_one_that_does_best_on_dev_and_test_is_not_looked_at(parts):
    corpus, words, base = parts
    chosen = fuse(words, base, corpus)
    on_dev = {weight: means(evaluate(Fusion(words, base, weight), corpus, "dev"))[PRIMARY]
              for weight in WEIGHTS}
    assert on_dev[chosen.weight] == pytest.approx(max(on_dev.values()))
    assert len(set(on_dev.values())) > 1
    without_test = replace(corpus, qrels={"dev": corpus.qrels["dev"]})
    assert fuse(words, base, without_test).weight == chosen.weight
    assert fuse(words, base, replace(corpus, qrels={"test": corpus.qrels["test"]})).weight == EVEN


def test_a_row_is_measured_with_its_time_and_size(parts):
    corpus, words, base = parts
    fusion = fuse(words, base, corpus)
    rows = {name: measured(name, side, corpus, "test")
            for name, side in (("BM25", words), ("Base", base), ("BM25+Base", fusion))}
    assert rows["Base"].judged == evaluate(base, corpus, "test")
    assert rows["Base"].bytes == base.vectors.nbytes
    assert rows["BM25+Base"].bytes == rows["BM25"].bytes + rows["Base"].bytes
    assert all(row.ms_per_query > 0 for row in rows.values())


def test_a_model_in_its_fast_form_takes_what_that_takes(parts):
    _, _, base = parts
    fast = replace(base, encoder=SimpleNamespace(form=SimpleNamespace(bytes=5_000)))
    assert size_of(fast) == base.vectors.nbytes + 5_000


def side(*values):
    return {f"q{place}": Judged({f"p{place}": 1 if value else None}, dict.fromkeys(METRICS, value))
            for place, value in enumerate(values)}


def test_the_verdict_names_the_best_that_takes_no_training():
    bad, good = side(*[0.0] * 30), side(*[1.0] * 30)
    rows = [Alternative("BM25", bad), Alternative("BM25+Base", side(*[0.5] * 30)),
            Alternative("broken", {}, error="It is gone."),
            Alternative("Merged", good, free=False), Alternative("Fine-tuned", good, free=False)]
    table = Alternatives("test", 9, rows)
    assert table.best_free.name == "BM25+Base"
    assert table.verdict_of("Fine-tuned").startswith(
        "Fine-tuned beats the best you can have without training, BM25+Base, by +0.500")
    by_name = {row["name"]: row for row in table.as_json()}
    assert by_name["broken"] == {"name": "broken", "free": True, "error": "It is gone."}
    assert by_name["BM25+Base"]["difference"] is None and by_name["BM25+Base"]["best_free"]
    assert by_name["BM25"]["difference"][PRIMARY]["high"] < 0


def test_a_fine_tune_that_loses_to_what_is_free_is_told_so():
    rows = [Alternative("Base", side(*[1.0] * 30)),
            Alternative("Fine-tuned", side(*[0.0] * 30), free=False)]
    table = Alternatives("test", 9, rows)
    assert "is worse than" in table.verdict_of("Fine-tuned")
    assert "ship Base" in table.verdict_of("Fine-tuned")
    same = Alternatives("test", 9, [rows[0], replace(rows[1], judged=rows[0].judged)])
    assert "does not clearly beat" in same.verdict_of("Fine-tuned")
    assert Alternatives("test", 9, rows[1:]).verdict_of("Fine-tuned") == ""


def test_what_training_gave_away_is_left_out_of_the_differences():
    rows = [Alternative("Base", side(0.0, 0.0, 1.0)),
            Alternative("Fine-tuned", side(1.0, 1.0, 1.0), free=False)]
    table = Alternatives("test", 9, rows, leaked=frozenset({"q0", "q1"}))
    assert table.difference(rows[1]).value == 0


@pytest.mark.slow
def test_int8_keeps_nearly_every_score_and_binary_the_signs():
    vectors = build_index(HashingEncoder("base"), questions()).vectors
    int8, binary = quantized(vectors, "int8"), quantized(vectors, "binary")
    assert int8.bytes == vectors.size + 2 * 4 * vectors.shape[1]
    assert binary.bytes == len(vectors) * vectors.shape[1] // 8
    steps = (vectors.max(axis=0) - vectors.min(axis=0)) / 255
    assert (np.abs(int8.vectors.T - vectors) <= steps * 0.51 + 1e-7).all()
    assert (binary.vectors.T == np.where(vectors > 0, 1, -1)).all()
