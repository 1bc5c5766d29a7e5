"""Drawings of a report as SVG without a script. Their colours also differ in form, so that a print in grey can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

INK, PALE, GRID = "#1f2933", "#9aa5b1", "#d9dee4"
GOOD, BAD, OPEN = "#1b7f5c", "#b3261e", "#8a6d1a"
MET = {"held": GOOD, "missed": BAD, "open": OPEN}

COLOURS = ("#1b4f9c", "#c2571a", "#1b7f5c", "#7a3e9d", "#5b6b7b", "#a8325e", "#7d6608", "#117a8b")
DASHES = ("", "6 3", "2 2", "8 2 2 2", "", "6 3", "2 2", "8 2 2 2")
STEPS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.5)
"""Between two lines of a grid."""

MARKS = ("circle", "square", "diamond", "circle", "square", "diamond", "circle", "square")


@dataclass(frozen=True, slots=True)
class Line:
    """A named line; None is a gap. `strong` is drawn thicker."""

    name: str
    values: tuple[float | None, ...]
    strong: bool = False


def share_bar(*, value: float | None, low: float, high: float, limit: float, met: str) -> Markup:
    """A share with its interval on an axis from 0, and the limit as a line. All are 0..1."""
    width, height = 260, 26
    top = max(0.02, min(1.0, 1.15 * max(limit, high if value is not None else limit)))

    def x(share: float) -> float:
        return 4 + (width - 8) * min(share, top) / top

    colour = MET[met]
    parts = [_line(4, 18, width - 4, 18, GRID, 1)]
    if value is not None:
        parts += [
            f'<rect x="{x(low):.1f}" y="9" width="{max(1.5, x(high) - x(low)):.1f}" height="8" fill="{colour}" fill-opacity="0.35"/>',
            f'<circle cx="{x(value):.1f}" cy="13" r="4.5" fill="{colour}"/>',
        ]
    parts.append(_line(x(limit), 2, x(limit), 23, INK, 1.6, "3 2"))
    return _svg(width, height, parts)


def span(*, value: float, low: float, high: float, ends: tuple[float, float], strong: bool = False) -> Markup:
    """A dot with its range between two ends of an axis."""
    width, height = 120, 14
    least, most = ends
    reach = (most - least) or 1.0

    def x(one: float) -> float:
        return 4 + (width - 8) * (min(max(one, least), most) - least) / reach

    colour = COLOURS[0] if strong else COLOURS[4]
    return _svg(
        width,
        height,
        [
            _line(4, 7, width - 4, 7, GRID, 1),
            _line(x(low), 7, x(high), 7, colour, 3),
            f'<circle cx="{x(value):.1f}" cy="7" r="3.6" fill="{colour}"/>',
        ],
    )


def tornado_bar(*, low: float, high: float, middle: float, ends: tuple[float, float]) -> Markup:
    """What a saving becomes at both ends of one figure's range. The full line is the saving at all values, the dashed one is 0."""
    width, height = 260, 14
    least, most = ends
    reach = (most - least) or 1.0

    def x(one: float) -> float:
        return 4 + (width - 8) * (one - least) / reach

    parts = []
    for end, colour in ((low, PALE), (high, COLOURS[0])):
        left, right = sorted((x(end), x(middle)))
        parts.append(f'<rect x="{left:.1f}" y="2" width="{right - left:.1f}" height="10" fill="{colour}"/>')
    if least <= 0 <= most:
        parts.append(_line(x(0), 0, x(0), height, BAD, 1.2, "3 2"))
    parts.append(_line(x(middle), 0, x(middle), height, INK, 1.2))
    return _svg(width, height, parts)


def lines(axis: Sequence[str], found: Sequence[Line], *, x_name: str, y_name: str, ends: tuple[float, float] | None = None) -> Markup:
    """Lines over places of equal distance, with a legend at the right. `ends` of the y axis; None: of the values."""
    width, height, left, right, top, bottom = 640, 250, 52, 430, 26, 212
    least, most = ends or _ends(found)
    places = [left + 14 + (right - left - 28) * place / max(1, len(axis) - 1) for place in range(len(axis))]

    def y(value: float) -> float:
        return bottom - (bottom - top) * (value - least) / ((most - least) or 1.0)

    parts = [_text(left - 40, 10, y_name, size=10)]
    for step in range(5):
        value = least + (most - least) * step / 4
        parts += [
            _line(left, y(value), right, y(value), GRID, 1),
            _text(left - 6, y(value) + 3.5, f"{value:.2f}", size=10, anchor="end"),
        ]
    parts += [_text(place, bottom + 15, name, size=10, anchor="middle") for place, name in zip(places, axis, strict=True)]
    parts.append(_text((left + right) / 2, bottom + 33, x_name, size=10.5, anchor="middle"))
    for number, line in enumerate(found):
        parts += _drawn(line, number, places, [None if value is None else y(value) for value in line.values])
        row = top + 8 + 19 * number
        parts += _drawn(line, number, [right + 14, right + 34], [row, row])
        parts.append(_text(right + 42, row + 3.5, line.name, size=10))
    return _svg(width, max(height, top + 19 * len(found) + 10), parts, wide=True)


def points(found: Sequence[tuple[float, float]], *, x_name: str, y_name: str, diagonal: bool = False) -> Markup:
    """A curve through points in the unit square, its y axis up to the largest value."""
    width, height, left, right, top, bottom = 300, 230, 46, 286, 18, 182
    highest = 1.0 if diagonal else max((value for _, value in found), default=1.0)
    most = 4 * next((step for step in STEPS if 4 * step >= highest), STEPS[-1])

    def at(x: float, y: float) -> tuple[float, float]:
        return left + (right - left) * x, bottom - (bottom - top) * min(y, most) / most

    parts = []
    for step in range(5):
        x, y = at(step / 4, most * step / 4)
        parts += [
            _line(left, y, right, y, GRID, 1),
            _text(left - 5, y + 3.5, f"{most * step / 4:.2f}", size=10, anchor="end"),
            _text(x, bottom + 15, f"{step / 4:.2f}", size=10, anchor="middle"),
        ]
    if diagonal:
        parts.append(_line(*at(0, 0), *at(1, 1), PALE, 1, "4 3"))
    placed = [at(x, y) for x, y in found]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    parts.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[0]}" stroke-width="2"/>')
    if diagonal:
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{COLOURS[0]}"/>' for x, y in placed]
    parts += [_text(left - 40, 9, y_name, size=10), _text((left + right) / 2, bottom + 34, x_name, size=10, anchor="middle")]
    return _svg(width, height, parts)


def _ends(found: Sequence[Line]) -> tuple[float, float]:
    """The ends of an axis of four steps that can be read."""
    values = [value for line in found for value in line.values if value is not None]
    for step in STEPS:
        least = math.floor(min(values) / step + 1e-9) * step
        if least + 4 * step >= max(values) - 1e-9:
            return least, least + 4 * step
    return min(values), max(values)


def _drawn(line: Line, number: int, xs: Sequence[float], ys: Sequence[float | None]) -> list[str]:
    colour, dash, mark = (of[number % len(of)] for of in (COLOURS, DASHES, MARKS))
    known = [(x, y) for x, y in zip(xs, ys, strict=True) if y is not None]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in known)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    thick = 2.8 if line.strong else 1.5
    drawn = [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{thick}"{dashed}/>']
    return drawn + [_mark(mark, x, y, colour) for x, y in known]


def _mark(kind: str, x: float, y: float, colour: str) -> str:
    if kind == "circle":
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{colour}"/>'
    if kind == "square":
        return f'<rect x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6" fill="{colour}"/>'
    return f'<polygon points="{x:.1f},{y - 4:.1f} {x + 4:.1f},{y:.1f} {x:.1f},{y + 4:.1f} {x - 4:.1f},{y:.1f}" fill="{colour}"/>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" stroke-width="{width}"{dashed}/>'


def _text(x: float, y: float, text: str, *, size: float, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{INK}">{escape(text)}</text>'


def _svg(width: float, height: float, parts: Sequence[str], *, wide: bool = False) -> Markup:
    kind = "wide" if wide else "small"
    start = f'<svg class="{kind}" xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
    return Markup(start + 'font-family="Kotoba Report">' + "".join(parts) + "</svg>")  # noqa: S704 -- texts are escaped above
