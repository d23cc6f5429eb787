import time

import pytest

from bench.report import Part, table, with_section
from bench.speed.load import Answers
from bench.speed.paired import in_turn, quantile


def test_each_way_is_timed_as_often_and_the_first_is_the_measure():
    calls = []

    def slow(given):
        calls.append(("slow", given))
        time.sleep(0.004)

    def quick(given):
        calls.append(("quick", given))
        time.sleep(0.001)

    timed = in_turn({"slow": slow, "quick": quick}, list(range(10)))
    assert len(calls) == 20
    assert {name: len(times) for name, times in timed.seconds.items()} == {"slow": 7, "quick": 7}
    assert timed.ratio("slow") == 1
    assert timed.ratio("quick") > 1.5
    assert timed.as_json()["quick"]["rounds"] == 7


def test_too_few_rounds_are_refused():
    with pytest.raises(ValueError, match="at least 7"):
        in_turn({"a": print}, list(range(9)))


def test_a_section_is_added_once_and_then_replaced_and_nothing_else_changes():
    text = "# What was measured\n\nBy hand.\n"
    first = with_section(text, Part("question", "One question", table(["a"], [["1"]]), {}))
    assert first.startswith(text.rstrip()) and "## One question" in first and "| 1 |" in first
    other = with_section(first, Part("load", "Many", "none", {}))
    again = with_section(other, Part("question", "One question", table(["a"], [["2"]]), {}))
    assert again.count("## One question") == 1
    assert "| 2 |" in again and "| 1 |" not in again and "## Many" in again
    assert again.index("By hand.") < again.index("## One question") < again.index("## Many")


def test_answers_are_counted_by_the_second_with_the_slowest_refusal():
    got = Answers([0.1] * 98 + [0.9, 1.9], [0.2, 0.4])
    found = got.as_json(10)
    assert found["a_second"] == 10 and found["p50_s"] == 0.1 and found["p99_s"] == 1.9
    assert found["refused"] == 2 and found["refused_within_s"] == 0.4
    assert quantile([3, 1, 2], 0.5) == 2


def test_a_part_that_needs_a_gpu_says_that_it_was_left_out(monkeypatch, capsys):
    from bench import __main__ as room

    monkeypatch.setattr(room, "has_cuda", lambda: False)
    assert room.ran("gpu")
    assert "Left out: it needs a GPU" in capsys.readouterr().out
