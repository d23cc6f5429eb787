import pytest

from hub.progress import Progress, drained, mapped, silent


@pytest.mark.parametrize(("done", "total", "share"), [
    (0, 4, 0.0), (1, 4, 0.25), (4, 4, 1.0), (5, 4, 1.0), (-1, 4, 0.0), (3, 0, None), (3, -1, None),
])
def test_the_share_lies_between_none_and_all_of_a_total_that_is_known(done, total, share):
    assert Progress(done, total).share == share


def test_the_time_left_follows_from_the_rate_so_far():
    assert Progress(25, 100, "Reading").after(10) == Progress(25, 100, "Reading", 30)
    assert Progress(100, 100).after(10).left_s == 0


@pytest.mark.parametrize("progress", [Progress(0, 9), Progress(3, 0), Progress(9, 3)])
def test_no_time_left_is_guessed_from_what_tells_no_rate(progress):
    assert progress.after(10) is progress


def test_progress_that_nobody_wants_is_dropped():
    assert silent(Progress(1, 2)) is None


def test_a_drained_generator_gives_its_result_and_tells_each_step():
    def steps():
        yield 1
        yield 2
        return "done"

    told = []
    assert drained(steps(), told.append) == "done"
    assert told == [1, 2]


def test_a_mapped_generator_shows_its_steps_otherwise_and_gives_its_result():
    def steps():
        yield 1
        yield 2
        return "done"

    shown = []
    assert drained(mapped(steps(), lambda step: 10 * step), shown.append) == "done"
    assert shown == [10, 20]
