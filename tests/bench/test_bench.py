import json

import numpy as np
import pytest

from bench.check_speed import SHAPES, measured, write
from bench.ratios import gain_ratio
from bench.subsets import rows_of, taken, write_beir
from corpus.check.check import check_path
from corpus.load import load_corpus


def test_a_side_that_gains_twice_as_much_on_every_query_has_a_ratio_of_two():
    rng = np.random.default_rng(0)
    base, gain = rng.random(50), rng.random(50)
    ratio = gain_ratio(base, base + gain, base + 2 * gain)
    assert ratio == pytest.approx({"value": 2.0, "low": 2.0, "high": 2.0})


@pytest.mark.slow
def test_the_interval_of_a_ratio_holds_it_and_narrows_with_more_queries():
    def width(queries):
        rng = np.random.default_rng(1)
        base = np.zeros(queries)
        ratio = gain_ratio(base, rng.normal(0.2, 0.3, queries), rng.normal(0.3, 0.3, queries))
        assert ratio["low"] < ratio["value"] < ratio["high"]
        return ratio["high"] - ratio["low"]

    assert width(1000) < width(100) / 2


def rows(split, count):
    return [{"anchor": f"{split} question {i}", "positive": f"{split} answer {i}"}
            for i in range(count)]


def test_a_subset_is_the_same_every_time_and_each_split_has_its_share():
    splits = {"train": rows("train", 80), "dev": rows("dev", 10), "test": rows("test", 10)}
    some = taken(splits, 50)
    assert {split: len(of_split) for split, of_split in some.items()} == {
        "train": 40, "dev": 5, "test": 5}
    backwards = {split: of_split[::-1] for split, of_split in splits.items()}
    assert taken(backwards, 50) == some
    assert taken(splits, None) == splits


def test_a_pair_of_an_earlier_split_is_in_no_later_one(tmp_path):
    splits = {"train": rows("train", 3), "dev": rows("dev", 2), "test": rows("test", 2)}
    splits["test"] += [splits["train"][0], {"anchor": "Dev question 1?", "positive": "new"},
                       {"anchor": "another question", "positive": "train answer 2"}]
    for split, of_split in splits.items():
        lines = (json.dumps(row) for row in of_split)
        (tmp_path / f"{split}.jsonl").write_text("\n".join(lines), "utf-8")
    read = {split: rows_of(tmp_path / f"{split}.jsonl") for split in splits}
    assert write_beir(tmp_path / "beir", read) == {"passages": 7, "train": 3, "dev": 2, "test": 2}
    corpus = load_corpus(tmp_path / "beir")
    assert {pair.query.text for pair in corpus.pairs("test")} == {
        "test question 0", "test question 1"}


@pytest.mark.slow
@pytest.mark.parametrize("shape, kinds", [
    ("plain", {"duplicate_pair", "near_duplicate_passage", "conflicting_answers", "over_length"}),
    ("boilerplate", {"over_length"}), ("near", {"near_duplicate_passage", "over_length"}),
    ("same_anchor", {"conflicting_answers", "over_length", "no_split"}),
    ("short", {"swapped_columns"}),
])
def test_each_shape_of_the_check_benchmark_is_the_same_each_time_and_has_its_faults(
    shape, kinds, tmp_path
):
    first, again = ([*SHAPES[shape](400, np.random.default_rng(7))] for _ in range(2))
    assert first == again
    write(tmp_path / "made.jsonl", iter(first))
    found = {finding.kind for finding in check_path(tmp_path / "made.jsonl").findings}
    assert kinds <= found <= kinds | {"shared_answer"}


@pytest.mark.slow
def test_the_check_benchmark_measures_a_process(tmp_path):
    write(tmp_path / "made.jsonl", SHAPES["short"](50, np.random.default_rng(7)))
    ballast = b"x" * (500 << 20)  # what this process holds is not the other's
    row = measured(tmp_path / "made.jsonl", ["--assume"])
    assert len(ballast) > 0
    assert 0 < row["cpu_seconds"] and 20 < row["peak_mib"] < 480
    assert row["findings"]["swapped_columns"] == 50 and row["progress_lines"] >= 5
