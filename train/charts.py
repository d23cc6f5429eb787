"""Curves as inline SVG with a text equivalent: pure functions, no script, both colour schemes."""

import math
from collections.abc import Sequence
from html import escape

Point = tuple[float, float]

WIDTH, HEIGHT = 480, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 26
MOST_POINTS = 240
"""Points drawn of a curve: more than that cannot be told apart."""


def curve(
    title: str,
    points: Sequence[Point],
    x_name: str,
    *,
    x_end: float | None = None,
    level: tuple[str, float] | None = None,
    dots: bool = False,
    said: str = "",
) -> str:
    """One curve over a run.

    points: (x, y) in order of x. x_end: where the x axis ends, the last point if not given. level:
    a named horizontal line to compare with. dots: mark each point. said: the text equivalent.
    """
    if not points and level is None:
        return ""
    x_high = max([x_end or 0.0, *(x for x, _ in points), 1.0])
    ticks = ticks_of([y for _, y in points] + ([level[1]] if level else []))
    scale = _Scale(x_high, ticks[0], ticks[-1])
    drawn = [_grid(ticks, scale), _level(level, scale), _line(_thinned(points), scale)]
    if dots or len(points) == 1:
        drawn += [_dot(x, y, scale) for x, y in points]
    axis = (f'<text x="{LEFT}" y="{HEIGHT - 8}">0</text><text x="{WIDTH - RIGHT}" '
            f'y="{HEIGHT - 8}" text-anchor="end">{escape(x_name)} {x_high:,.0f}</text>')
    return (
        f'<figure class="t-chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(said or title)}">'
        f'{"".join(drawn)}{axis}</svg><p class="t-soft">{escape(said)}</p></figure>'
    )


class _Scale:
    """Figures -> places on the drawing."""

    def __init__(self, x_high: float, y_low: float, y_high: float) -> None:
        self.x_high, self.y_low, self.y_high = x_high, y_low, y_high

    def x(self, value: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * value / self.x_high, 1)

    def y(self, value: float) -> float:
        share = (value - self.y_low) / ((self.y_high - self.y_low) or 1)
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)


def ticks_of(values: Sequence[float]) -> list[float]:
    """Three to six round figures that enclose all values."""
    low, high = min(values), max(values)
    span = high - low
    if span <= 1e-6 * max(abs(low), abs(high)):  # flat, but for how computers round
        span = abs(high) if abs(high) > 1e-30 else 1.0
    step = 10.0 ** math.floor(math.log10(span / 3))
    step *= next(factor for factor in (1, 2, 5, 10) if span / (step * factor) <= 4)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [n * step for n in range(first, max(last, first + 1) + 1)]


def _grid(ticks: Sequence[float], scale: _Scale) -> str:
    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9))
    form = f".{digits}f" if digits < 6 and abs(ticks[-1]) < 1e6 else ".3g"
    return "".join(
        f'<line class="t-grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{scale.y(tick)}" '
        f'y2="{scale.y(tick)}"/><text x="{LEFT - 6}" y="{scale.y(tick) + 4}" text-anchor="end">'
        f"{tick:{form}}</text>"
        for tick in ticks
    )


def _level(level: tuple[str, float] | None, scale: _Scale) -> str:
    if level is None:
        return ""
    name, value = level
    y = scale.y(value)
    above = y - 5 if y > TOP + 14 else y + 14
    return (f'<line class="t-level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text x="{WIDTH - RIGHT}" y="{above}" text-anchor="end">{escape(name)} '
            f"{value:.3f}</text>")


def _line(points: Sequence[Point], scale: _Scale) -> str:
    if len(points) < 2:
        return ""
    places = " ".join(f"{scale.x(x)},{scale.y(y)}" for x, y in points)
    return f'<polyline class="t-curve-line" points="{places}"/>'


def _dot(x: float, y: float, scale: _Scale) -> str:
    return f'<circle class="t-dot" cx="{scale.x(x)}" cy="{scale.y(y)}" r="3.5"/>'


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Means of neighbours where there are more points than can be drawn."""
    every = math.ceil(len(points) / MOST_POINTS)
    if every < 2:
        return points
    groups = [points[start : start + every] for start in range(0, len(points), every)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]
