import math
import random
import re

import pytest

from support.markup import HOSTILE, Tags
from train.report.charts import HEIGHT, MOST_POINTS, WIDTH, curve


def places(html):
    """Where the points of the drawing are."""
    line = re.search(r'<polyline[^>]* points="([^"]*)"', html)
    return [tuple(map(float, point.split(","))) for point in line.group(1).split()] if line else []


def labels(html):
    return [float(text) for text in re.findall(r'text-anchor="end">(-?[\d.e+-]+)</text>', html)]


def test_a_curve_goes_up_where_its_values_do_and_stays_in_the_drawing():
    points = [(n, 0.5 + n / 100) for n in range(10)]
    drawn = places(curve("Loss", points, "step"))
    assert len(drawn) == 10
    assert drawn == sorted(drawn) and [y for _, y in drawn] == sorted((y for _, y in drawn),
                                                                     reverse=True)
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in drawn)


def test_its_text_stands_beside_the_curve_and_is_its_name_for_who_cannot_see_it():
    html = curve("Loss", [(1, 0.5), (2, 0.4)], "step", said="From 0.5 to 0.4.")
    assert 'role="img" aria-label="From 0.5 to 0.4."' in html
    assert '<p class="t-soft">From 0.5 to 0.4.</p>' in html
    assert 'aria-label="Loss"' in curve("Loss", [(1, 0.5)], "step")


def test_without_points_nothing_is_drawn_but_a_level_alone_is():
    assert curve("Loss", [], "step") == ""
    html = curve("dev", [], "epoch", level=("Base", 0.5))
    assert "Base 0.500" in html and not places(html)


def test_a_curve_of_one_point_shows_it():
    assert curve("Loss", [(1, 0.5)], "step").count("<circle") == 1


def test_the_axis_ends_where_the_run_will():
    html = curve("Loss", [(1, 0.5), (2, 0.4)], "step", x_end=1000.0)
    assert "step 1,000" in html
    assert max(x for x, _ in places(html)) < 50


@pytest.mark.parametrize("values", [
    [0.7, 0.7], [0.7, math.nextafter(0.7, 1)], [0.0, 0.0], [-1.0, 1.0], [1e-12, 2e-12],
    [3e38, 1.0], [1e5, 1e5 + 1e-9], [0.0, 3e-7], [-0.0, 0.0], [5e-324, 5e-324], [12.5, 0.001],
])
def test_flat_tiny_and_huge_curves_are_drawn_with_figures(values):
    html = curve("x", list(enumerate(values)), "step", dots=True)
    Tags(html)
    assert "nan" not in html and "inf" not in html
    assert all(-1 <= y <= HEIGHT for _, y in places(html))
    assert len(set(labels(html))) == len(labels(html)) >= 2
    assert max(len(text) for text in re.findall(r">([^<]*)</text>", html)) < 16


def test_round_figures_enclose_any_curve():
    rng = random.Random(1)
    for _ in range(300):
        middle, spread = rng.uniform(-9, 9), 10 ** rng.uniform(-4, 4)
        values = [middle + rng.gauss(0, spread) for _ in range(5)]
        html = curve("x", list(enumerate(values)), "step")
        ticks = labels(html)
        step = ticks[1] - ticks[0]
        assert 3 <= len(ticks) <= 7, values
        assert min(ticks) - step / 10 <= min(values) and max(values) <= max(ticks) + step / 10


def test_more_points_than_can_be_told_apart_are_thinned_to_their_means():
    points = [(n, n % 2) for n in range(10_000)]
    drawn = places(curve("Loss", points, "step"))
    assert len(drawn) <= MOST_POINTS
    assert len({y for _, y in drawn}) == 1  # the mean of 0 and 1, wherever one looks


def test_a_level_is_named_with_its_value_and_within_the_axis():
    html = curve("dev", [(0, 0.5), (1, 0.6)], "epoch", level=("Base", 0.9))
    assert "Base 0.900" in html
    assert max(labels(html)) >= 0.9


def test_nothing_of_the_data_becomes_markup():
    html = curve(HOSTILE, [(0, 1), (1, 2)], HOSTILE, level=(HOSTILE, 1.0), said=HOSTILE)
    assert "img" not in {tag for tag, _ in Tags(html).opened}
    assert not [a for _, attrs in Tags(html).opened for a in attrs if a.startswith("on")]
