"""Charts of evidence as inline SVG with text.

Each has a text equivalent. Pure functions, no script; colours are classes of `style.css`, so both
colour schemes have them.
"""

import json
import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

Point = tuple[float, float]

WIDTH, HEIGHT = 480, 190
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 12, 26
LETTER, FAR = 7.5, 14.0
"""Width of a letter, and how far from a curve one can be read, in the units of a drawing."""
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
    places = [(scale.x(x), scale.y(y)) for x, y in _thinned(points)]
    drawn = [_grid(ticks, scale), _level(level, scale, places), _line(places)]
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


def _level(level: tuple[str, float] | None, scale: _Scale, curve: Sequence[Point]) -> str:
    """A dashed line with its name at the end, and on the side, where the curve is farthest."""
    if level is None:
        return ""
    name = f"{level[0]} {level[1]:.3f}"
    y, width = scale.y(level[1]), LETTER * len(name)
    ends = {"end": (WIDTH - RIGHT - width, WIDTH - RIGHT), "start": (LEFT, LEFT + width)}
    places = [(_distance(curve, ends[anchor], middle), anchor, middle)
              for anchor in ends for middle in (y - 9, y + 10)
              if TOP <= middle <= HEIGHT - BOTTOM]
    _, anchor, middle = max(places, key=lambda place: min(place[0], FAR))
    x = ends[anchor][anchor == "end"]
    return (f'<line class="t-level" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text x="{x}" y="{middle + 4:g}" text-anchor="{anchor}">{escape(name)}</text>')


def _distance(curve: Sequence[Point], span: tuple[float, float], y: float) -> float:
    """How far from a height a drawn curve stays over a part of the x axis."""
    low, high = span
    near = [abs(at - y) for x, at in curve if low <= x <= high]
    for (x1, y1), (x2, y2) in zip(curve, curve[1:], strict=False):
        at = [y1 + (y2 - y1) * (x - x1) / (x2 - x1) for x in span if x1 < x < x2]
        near += [abs(height - y) for height in at]
        if len(at) == 2 and min(at) <= y <= max(at):
            return 0.0
    return min(near, default=math.inf)


def _line(places: Sequence[Point]) -> str:
    if len(places) < 2:
        return ""
    points = " ".join(f"{x},{y}" for x, y in places)
    return f'<polyline class="t-curve-line" points="{points}"/>'


def _dot(x: float, y: float, scale: _Scale) -> str:
    return f'<circle class="t-dot" cx="{scale.x(x)}" cy="{scale.y(y)}" r="3.5"/>'


def _thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Means of neighbours where there are more points than can be drawn."""
    every = math.ceil(len(points) / MOST_POINTS)
    if every < 2:
        return points
    groups = [points[start : start + every] for start in range(0, len(points), every)]
    return [(group[-1][0], sum(y for _, y in group) / len(group)) for group in groups]


ROW, LINE = 22, 15
"""Height of a row of a forest plot, and of a line of a name that stands above its bar."""
FOREST, NAMES = 400, 142
"""Width of a forest plot, and of the names in it: narrow, so that a phone can show its letters."""
SIDE, EDGE = 340, 54
"""A square plot's side, and the space its axis takes."""
STRIP = 24
"""Height above a square plot, for the words that say how to read it."""
MOST_DOTS = 1_500
"""Different moves drawn one by one; more than that share dots."""
MOST_RADIUS = 16
BESIDE, ABOVE = 20, 58
"""Letters of a name that fit beside a bar; and in a line above it, where one is longer."""


@dataclass(frozen=True)
class Bar:
    """A named difference with its interval.

    way: `up`, `down`, or empty where it is not clear.
    """

    name: str
    value: float
    low: float
    high: float
    way: str = ""
    strong: bool = False


def forest(title: str, bars: Sequence[Bar], said: str) -> str:
    """A chart of differences with their intervals.

    One a row, about a line at no difference. Names are whole: they stand above their bars where one
    of them is too long to stand beside.
    """
    if not bars:
        return ""
    ticks = ticks_of([0.0, *(bar.low for bar in bars), *(bar.high for bar in bars)])
    low, high = ticks[0], ticks[-1]
    beside = all(len(bar.name) <= BESIDE for bar in bars)
    names = [[bar.name] if beside else textwrap.wrap(bar.name, ABOVE) or [""] for bar in bars]
    left = NAMES if beside else 22
    rows, height = [], 4
    for lines in names:
        height += 0 if beside else LINE * len(lines)
        rows.append(height + ROW // 2)
        height += ROW
    height += 26

    def x(value: float) -> float:
        return round(left + (FOREST - left - 26) * (value - low) / (high - low), 1)

    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0])))
    # Lines are broken where names stand between the bars.
    spans = [(4, height - 24)] if beside else [(y - 7, y + 9) for y in rows]
    drawn = [
        f'<path class="t-grid" d="{_upright(x(tick), spans)}"/>'
        f'<text x="{x(tick)}" y="{height - 8}" text-anchor="middle">{tick:+.{digits}f}</text>'
        for tick in ticks
    ]
    drawn.append(f'<path class="t-zero" d="{_upright(x(0), spans)}"/>')
    for bar, lines, y in zip(bars, names, rows, strict=True):
        first = y + 4 if beside else y - 10 - LINE * (len(lines) - 1)
        drawn += [_name(line, first + LINE * n, bar.strong) for n, line in enumerate(lines)]
        drawn.append(_bar(bar, x(bar.low), x(bar.value), x(bar.high), y))
    return _figure(title, FOREST, height, "".join(drawn), said)


def _upright(x: float, spans: Sequence[tuple[int, int]]) -> str:
    """The path of a vertical line in parts."""
    return " ".join(f"M{x} {top}V{bottom}" for top, bottom in spans)


def _name(text: str, y: int, strong: bool) -> str:
    return f'<text{" class=t-strong" if strong else ""} x="0" y="{y}">{escape(text)}</text>'


def _bar(bar: Bar, low: float, value: float, high: float, y: int) -> str:
    words = f"{bar.name}: {bar.value:+.3f} ({bar.low:+.3f} to {bar.high:+.3f})"
    return (
        f'<g data-way="{bar.way}"><title>{escape(words)}</title>'
        f'<line class="t-range" x1="{low}" x2="{high}" y1="{y}" y2="{y}"/>'
        f'<line class="t-range" x1="{low}" x2="{low}" y1="{y - 4}" y2="{y + 4}"/>'
        f'<line class="t-range" x1="{high}" x2="{high}" y1="{y - 4}" y2="{y + 4}"/>'
        f'<rect class="t-mid" x="{value - 3.5:.1f}" y="{y - 3.5}" width="7" height="7"/></g>'
    )


def rank_scatter(
    moves: Mapping[tuple[int, int], int], names: tuple[str, str], said: str,
    queries: Mapping[tuple[int, int], Sequence[str]] | None = None,
) -> str:
    """A chart of answers' ranks in two models.

    One across, one up, both axes logarithmic and rising. moves: (rank in the first, in the second)
    -> queries. Below the diagonal the second is better. queries: ids of a move's queries, which the
    page's script opens when a dot is pressed.
    """
    if not moves:
        return ""
    worst = max(10, *(max(pair) for pair in moves))
    top = math.log10(worst) or 1.0
    span = SIDE - EDGE - 14
    foot = STRIP + span

    def x(rank: int) -> float:
        return round(EDGE + MOST_RADIUS + (span - MOST_RADIUS) * math.log10(rank) / top, 1)

    def y(rank: int) -> float:
        return round(STRIP + (span - MOST_RADIUS) * (1 - math.log10(rank) / top), 1)

    marks = [10**power for power in range(int(top) + 1)]
    base, tuned = names
    drawn = [
        f'<line class="t-grid" x1="{x(1)}" x2="{x(worst)}" y1="{y(r)}" y2="{y(r)}"/>'
        f'<line class="t-grid" x1="{x(r)}" x2="{x(r)}" y1="{y(1)}" y2="{y(worst)}"/>'
        f'<text x="{EDGE - 6}" y="{y(r) + 4}" text-anchor="end">{r:,}</text>'
        f'<text x="{x(r)}" y="{foot + 18}" text-anchor="middle">{r:,}</text>'
        for r in marks
    ]
    drawn.append(f'<line class="t-zero" x1="{x(worst)}" y1="{y(worst)}" x2="{x(1)}" y2="{y(1)}"/>')
    places: dict[tuple[float, float, str], list[str]] = {}
    counts: dict[tuple[float, float, str], int] = {}
    step = 1 if len(moves) < MOST_DOTS else 6  # a report stays below a megabyte
    for (before, after), count in moves.items():
        way = "up" if after < before else "down" if after > before else "same"
        place = step * round(x(before) / step), step * round(y(after) / step), way
        counts[place] = counts.get(place, 0) + count
        places.setdefault(place, []).extend((queries or {}).get((before, after), ()))
    drawn += [
        f'<circle data-way="{way}" cx="{at_x}" cy="{at_y}" '
        f'r="{min(MOST_RADIUS, 2.2 + math.sqrt(n)):.1f}"'
        f"{_opens(places[at_x, at_y, way])}><title>{_questions(n)}"
        f"{': press to open' if places[at_x, at_y, way] else ''}</title></circle>"
        for (at_x, at_y, way), n in sorted(counts.items(), key=lambda item: -item[1])
    ]
    drawn += [
        f'<text x="{x(worst)}" y="14" text-anchor="end">below the line: better</text>',
        f'<text x="{x(worst)}" y="{foot + 38}" text-anchor="end">rank in {escape(base)} →</text>',
        f'<text transform="translate(11 {y(1)}) rotate(-90)">rank in {escape(tuned)} →</text>',
    ]
    return _figure(
        f"Rank of the answer in {base} and in {tuned}", SIDE, foot + 46, "".join(drawn), said)


def _opens(query_ids: Sequence[str]) -> str:
    return f" data-open='{escape(json.dumps(list(query_ids)))}'" if query_ids else ""


def _questions(count: int) -> str:
    return f"{count:,} {'question' if count == 1 else 'questions'}"


def dim_lines(
    title: str, series: Mapping[str, Sequence[Point]], marked: Sequence[float], said: str
) -> str:
    """A chart of a metric against `truncate_dim`.

    A line for each side, the dimensions on a log axis. series: name -> (dims, value), ascending;
    the second line is drawn in the accent. marked: the dimensions a model was trained for.
    """
    points = [point for line in series.values() for point in line]
    if not points:
        return ""
    dims = sorted({dim for dim, _ in points})
    ticks = ticks_of([value for _, value in points])
    width, height, left, bottom = WIDTH, 220, 46, 30
    right = 18 + LETTER * max(len(name) for name in series)
    first, last = math.log2(dims[0]), math.log2(dims[-1])

    def x(dim: float) -> float:
        share = (math.log2(dim) - first) / ((last - first) or 1)
        return round(left + (width - left - right) * share, 1)

    def y(value: float) -> float:
        share = (value - ticks[0]) / (ticks[-1] - ticks[0])
        return round(height - bottom - (height - bottom - 12) * share, 1)

    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0])))
    drawn = [
        f'<line class="t-grid" x1="{left}" x2="{width - right + 6}" y1="{y(tick)}" y2="{y(tick)}"/>'
        f'<text x="{left - 6}" y="{y(tick) + 4}" text-anchor="end">{tick:.{digits}f}</text>'
        for tick in ticks
    ]
    room = -math.inf
    for dim in dims:
        if x(dim) - room < 30 and dim != dims[-1]:
            continue
        room = x(dim)
        star = "*" if dim in marked else ""
        drawn.append(f'<text x="{x(dim)}" y="{height - 10}" text-anchor="middle">'
                     f"{dim:g}{star}</text>")
    lines = {name: [(x(dim), y(value)) for dim, value in line] for name, line in series.items()}
    heights = _apart({name: line[-1][1] for name, line in lines.items() if line})
    drawn += [_series(name, line, number, heights[name])
              for number, (name, line) in enumerate(lines.items()) if line]
    return _figure(title, width, height, "".join(drawn), said)


def _apart(heights: Mapping[str, float]) -> dict[str, float]:
    """Heights of names beside the ends of their lines, moved until none covers another."""
    places: dict[str, float] = {}
    for name in sorted(heights, key=lambda name: heights[name]):
        places[name] = max(heights[name], *(y + 15 for y in places.values()), 0)
    return places


def _series(name: str, places: Sequence[Point], number: int, height: float) -> str:
    dash = ' stroke-dasharray="6 4"' if number == 0 else ""
    line = " ".join(f"{x},{y}" for x, y in places)
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="3"/>' for x, y in places)
    return (f'<g class="t-series" data-line="{number}"><polyline points="{line}"{dash}/>{dots}'
            f'<text x="{places[-1][0] + 8:g}" y="{height + 4:g}">{escape(name)}</text></g>')


def _figure(title: str, width: int, height: int, drawn: str, said: str) -> str:
    return (
        f'<figure class="t-chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(said)}" '
        f'style="max-width:{round(width * 1.25)}px">{drawn}</svg>'
        f'<p class="t-soft">{escape(said)}</p></figure>'
    )
