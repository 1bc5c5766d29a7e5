"""Draws a part as it would look from above, at three times the size of the picture, with shadows that fall away from the light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from export.products.assembly.part import (
    CAPACITOR_PLACES,
    CONNECTOR_PLACE,
    CONNECTOR_SIZE,
    FITTED,
    HEIGHT_PX,
    LABEL_PLACE,
    LABEL_SIZE,
    SCREW_PLACES,
    SCREW_RADIUS,
    WIDTH_PX,
    Capacitor,
    Part,
    Placed,
)

Canvas: TypeAlias = NDArray[np.float32]
"""float32 (3 * 256, 3 * 320, 3) BGR, the share of light that is reflected, 0..1."""
Colour: TypeAlias = tuple[float, float, float]
Place: TypeAlias = tuple[float, float]
"""Pixels of the part to the right and down."""

SCALE = 3
FINE = 16
"""cv2 takes fixed-point places: sixteenths of a pixel."""

VIA, INK, HOLE, INSERT = (0.30, 0.45, 0.47), (0.62, 0.66, 0.64), (0.07, 0.08, 0.08), (0.12, 0.13, 0.13)
PAD, GOLD, STEEL, HOUSING, CHIP, PLATE = (
    (0.27, 0.33, 0.33), (0.30, 0.52, 0.58), (0.25, 0.26, 0.27), (0.62, 0.72, 0.75), (0.10, 0.10, 0.11), (0.60, 0.61, 0.60),
)  # fmt: skip
SLEEVES = {"blue": (0.33, 0.15, 0.08), "black": (0.09, 0.09, 0.09), "green": (0.12, 0.24, 0.10), "violet": (0.26, 0.10, 0.17)}
LACQUERS: Mapping[str, tuple[Colour, Colour]] = {
    "green": ((0.16, 0.30, 0.09), (0.20, 0.37, 0.12)),
    "blue": ((0.34, 0.16, 0.07), (0.41, 0.22, 0.10)),
}
"""The colours of the bare board and of a trace under the lacquer."""
CHIP_CORNERS = ((140.0, 110.0), (178.0, 148.0))
PINS = 9


def draw(part: Part, shadow: Place) -> Canvas:
    """Draw a part on its tray. `shadow` is the way of a shadow, in px for a component as high as a connector."""
    looks = np.random.default_rng(part.looks)
    canvas = _board(part.lacquer) * (_tones(looks) * _shade(part, shadow)[:, :, None])
    for at, screw in zip(SCREW_PLACES, part.screws, strict=True):
        _screw(canvas, screw) if screw else _disc(canvas, at, 5.0, INSERT)
    if part.connector:
        _connector(canvas, part.connector)
    for capacitor in part.capacitors:
        _capacitor(canvas, capacitor)
    _label(canvas, looks)
    canvas += _shine(part, looks)[:, :, None]
    if part.loose_screw:
        _lying_screw(canvas, part.loose_screw)
    return canvas


def component_masks() -> dict[str, NDArray[np.bool_]]:
    """Where each component belongs, bool (256, 320), by its name."""
    masks = {f"screw-{number}": _mask_of_disc(at, SCREW_RADIUS) for number, at in enumerate(SCREW_PLACES, 1)}
    masks["connector"] = _mask_of_polygon(_corners(Placed(*CONNECTOR_PLACE), CONNECTOR_SIZE))
    for number, (at, (radius, _)) in enumerate(zip(CAPACITOR_PLACES, FITTED, strict=True), 1):
        masks[f"capacitor-{number}"] = _mask_of_disc(at, radius)
    masks["label"] = _mask_of_polygon(_corners(Placed(*LABEL_PLACE), LABEL_SIZE))
    return masks


@cache
def _board(lacquer: str) -> Canvas:
    """The tray and the bare board, the same for all parts of a lacquer: traces, vias, ink, pads, holes and a chip."""
    board, trace = LACQUERS[lacquer]
    rng = np.random.default_rng(0)
    canvas = np.full((HEIGHT_PX * SCALE, WIDTH_PX * SCALE, 3), 0.13, np.float32)
    canvas *= (
        1 + 0.12 * cv2.GaussianBlur(rng.standard_normal(canvas.shape[:2]).astype(np.float32), (0, 0), sigmaX=20, sigmaY=0.8)[:, :, None]
    )
    _polygon(canvas, [(13, 16), (18, 11), (302, 11), (307, 16), (307, 240), (302, 245), (18, 245), (13, 240)], board)
    for _ in range(46):
        _trace(canvas, rng, trace)
    for _ in range(60):
        at = (float(rng.uniform(22, 298)), float(rng.uniform(20, 236)))
        _disc(canvas, at, 1.7, VIA)
        _disc(canvas, at, 0.7, HOLE)
    for at in SCREW_PLACES:
        _disc(canvas, at, 10.5, PAD)
    for at, (radius, _) in zip(CAPACITOR_PLACES, FITTED, strict=True):
        _ring(canvas, at, radius + 3.5, INK, 0.7)
    outline = _corners(Placed(*CONNECTOR_PLACE), (CONNECTOR_SIZE[0] + 6, CONNECTOR_SIZE[1] + 6))
    _line(canvas, [*outline, outline[0]], INK, 2)
    for x in _pin_places():
        for y in (CONNECTOR_PLACE[1] - 8, CONNECTOR_PLACE[1] + 8):
            _disc(canvas, (x, y), 2.6, GOLD)
            _disc(canvas, (x, y), 1.0, HOLE)
    _chip(canvas)
    for number in range(7):
        _passive(canvas, (194.0 + 14 * number, 124.0), upright=bool(number % 2))
        _passive(canvas, (60.0 + 15 * number, 46.0), upright=number % 3 == 0)
    return canvas


def _trace(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    """A copper trace under the lacquer: along the board, then at 45 degrees, then along it again."""
    x, y = rng.uniform((20, 20), (300, 236))
    along, bend = rng.uniform(-90, 90), rng.uniform(-30, 30)
    points = [(x, y), (x + along, y), (x + along + abs(bend), y + bend), (x + 2 * along, y + bend)]
    if rng.random() < 0.5:
        points = [(x + (py - y), y + (px - x)) for px, py in points]
    inside = np.clip(points, (20, 18), (300, 238))
    _line(canvas, inside, colour, int(rng.integers(2, 6)))


def _chip(canvas: Canvas) -> None:
    (left, top), (right, bottom) = CHIP_CORNERS
    for number in range(8):
        x, y = left + 3 + number * 4.6, top + 3 + number * 4.6
        _polygon(canvas, [(x - 1, top - 3), (x + 1, top - 3), (x + 1, bottom + 3), (x - 1, bottom + 3)], VIA)
        _polygon(canvas, [(left - 3, y - 1), (right + 3, y - 1), (right + 3, y + 1), (left - 3, y + 1)], VIA)
    _polygon(canvas, [(left, top), (right, top), (right, bottom), (left, bottom)], CHIP)
    _disc(canvas, (left + 5, top + 5), 1.8, (0.16, 0.16, 0.17))


def _passive(canvas: Canvas, at: Place, *, upright: bool) -> None:
    _polygon(canvas, _corners(Placed(*at, angle=90.0 if upright else 0.0), (9, 4)), (0.55, 0.57, 0.57))
    _polygon(canvas, _corners(Placed(*at, angle=90.0 if upright else 0.0), (5, 4)), (0.14, 0.17, 0.22))


def _tones(looks: np.random.Generator) -> Canvas:
    """What no two boards share: the shade of the lacquer, clouds of flux, fine grain."""
    size = (WIDTH_PX * SCALE, HEIGHT_PX * SCALE)
    clouds = cv2.resize(looks.normal(1, 0.05, (6, 7)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    grain = cv2.resize(looks.normal(0, 0.035, (HEIGHT_PX, WIDTH_PX)).astype(np.float32), size, interpolation=cv2.INTER_LINEAR)
    lacquer = looks.uniform(0.92, 1.08, 3).astype(np.float32) * np.float32(looks.uniform(0.9, 1.1))
    return np.asarray((clouds + grain)[:, :, None] * lacquer, np.float32)


def _shade(part: Part, shadow: Place) -> NDArray[np.float32]:
    """The share of light that reaches the board, float32 (H, W): components throw soft shadows, high ones longer ones."""
    shade = np.ones((HEIGHT_PX * SCALE, WIDTH_PX * SCALE), np.float32)

    def moved(x: float, y: float, height: float) -> Place:
        return x + shadow[0] * height, y + shadow[1] * height

    for screw in filter(None, part.screws):
        _disc(shade, moved(screw.x, screw.y, 0.35), SCREW_RADIUS, 0.5)
    if part.connector:
        at = part.connector
        _polygon(shade, _corners(Placed(*moved(at.x, at.y, 1.0), angle=at.angle), CONNECTOR_SIZE), 0.45)
    for one in part.capacitors:
        _disc(shade, moved(one.place.x, one.place.y, 0.06 * one.radius), one.radius, 0.4)
    if part.loose_screw:
        _disc(shade, moved(part.loose_screw.x, part.loose_screw.y, 0.5), 6.0, 0.6)
    return np.asarray(cv2.GaussianBlur(shade, (0, 0), 1.3 * SCALE), np.float32)


def _screw(canvas: Canvas, at: Placed) -> None:
    """A dark cross-head screw, bevelled: the side towards its angle is brighter."""
    _disc(canvas, (at.x, at.y), SCREW_RADIUS, _times(STEEL, 0.75 * at.shade))
    _disc(canvas, (at.x, at.y), SCREW_RADIUS - 1.2, _times(STEEL, at.shade))
    _ring(canvas, (at.x - 0.6, at.y - 0.6), SCREW_RADIUS - 2.2, _times(STEEL, 1.35 * at.shade), 0.7)
    for turn in (0, 90):
        _polygon(canvas, _corners(Placed(at.x, at.y, at.angle + turn), (9.0, 2.0)), _times(STEEL, 0.35))


def _lying_screw(canvas: Canvas, at: Placed) -> None:
    """A screw on its side: the thread with its turns, then the head."""
    way = np.array([np.cos(np.radians(at.angle)), np.sin(np.radians(at.angle))])
    for number in range(7):
        x, y = np.array([at.x, at.y]) + way * (number * 1.9 - 8.5)
        _polygon(canvas, _corners(Placed(x, y, at.angle), (1.9, 6.0)), _times(STEEL, at.shade * (1.5 if number % 2 else 0.8)))
    x, y = np.array([at.x, at.y]) + way * 6.5
    _polygon(canvas, _corners(Placed(x, y, at.angle), (4.5, 14.0)), _times(STEEL, at.shade * 1.15))
    x, y = np.array([at.x, at.y]) + way * 8.0
    _polygon(canvas, _corners(Placed(x, y, at.angle), (1.5, 11.0)), _times(STEEL, at.shade * 1.6))


def _connector(canvas: Canvas, at: Placed) -> None:
    """A cream housing with a row of dark chambers, a contact in each, and a latch."""
    width, height = CONNECTOR_SIZE
    _polygon(canvas, _corners(at, CONNECTOR_SIZE), _times(HOUSING, 0.8))
    _polygon(canvas, _corners(at, (width - 2.5, height - 2.5)), HOUSING)
    for x in np.linspace(-width / 2 + 7, width / 2 - 7, PINS):
        _polygon(canvas, _corners(_beside(at, float(x), 1.5), (6.0, 11.0)), (0.13, 0.14, 0.15))
        _polygon(canvas, _corners(_beside(at, float(x), 1.5), (2.0, 6.5)), GOLD)
    _polygon(canvas, _corners(_beside(at, 0, -10.5), (26.0, 4.0)), _times(HOUSING, 0.86))


def _capacitor(canvas: Canvas, capacitor: Capacitor) -> None:
    """An electrolytic capacitor: the sleeve with its stripe, the aluminium top, the vent in it."""
    at, radius = capacitor.place, capacitor.radius
    sleeve = SLEEVES[capacitor.sleeve]
    _disc(canvas, (at.x, at.y), radius, _times(sleeve, at.shade))
    middle, axes = _fixed([(at.x, at.y)])[0], tuple(round(radius * SCALE * FINE) for _ in range(2))
    cv2.ellipse(canvas, middle.tolist(), axes, at.angle + 180, -24, 24, _times((0.55, 0.57, 0.56), at.shade), -1, cv2.LINE_8, 4)
    _disc(canvas, (at.x, at.y), 0.78 * radius, _times((0.50, 0.51, 0.51), at.shade))
    _disc(canvas, (at.x - 0.06 * radius, at.y - 0.06 * radius), 0.66 * radius, _times((0.58, 0.59, 0.59), at.shade))
    for turn in (45, 135):
        _polygon(canvas, _corners(Placed(at.x, at.y, at.angle + turn), (1.2 * radius, 1.1)), (0.36, 0.37, 0.37))


def _label(canvas: Canvas, looks: np.random.Generator) -> None:
    """A plate with a square code of the part's number and three grey lines too small to read."""
    dx, dy, angle = looks.normal(0, 0.5, 3)
    at = Placed(LABEL_PLACE[0] + dx, LABEL_PLACE[1] + dy, angle)
    _polygon(canvas, _corners(at, LABEL_SIZE), _times(PLATE, looks.uniform(0.93, 1.07)))
    cells = looks.random((11, 11)) < 0.5
    cells[:, 0] = cells[-1] = True
    for row, column in np.argwhere(cells):
        _polygon(canvas, _corners(_beside(at, -40 + 3 * column, -15 + 3 * row), (3.0, 3.0)), (0.14, 0.14, 0.14))
    for row, length in enumerate(looks.uniform(34, 46, 3)):
        _polygon(canvas, _corners(_beside(at, -1 + length / 2, -12 + 11 * row), (length, 3.0)), _times(PLATE, 0.62))


def _shine(part: Part, looks: np.random.Generator) -> NDArray[np.float32]:
    """Light that harmless specks, short fibres and scratches reflect beside the rest, float32 (H, W)."""
    shine = np.zeros((HEIGHT_PX * SCALE, WIDTH_PX * SCALE), np.float32)
    for _ in range(int(looks.integers(2, 14))):
        at, strength = looks.uniform((15, 13), (305, 243)), float(looks.uniform(0.03, 0.14))
        if looks.random() < 0.7:
            points, width = np.stack([at, at + looks.normal(0, 0.8, 2)]), looks.uniform(0.5, 1.5)
        else:
            way = looks.uniform(0, 2 * np.pi) + np.cumsum(looks.normal(0, 0.6, 6))
            points, width = at + np.cumsum(np.stack([np.cos(way), np.sin(way)], 1) * looks.uniform(0.8, 2.2), 0), 0.5
        _line(shine, points, strength, round(width * SCALE))
    for scratch in part.scratches:
        _line(shine, scratch.points, scratch.strength, round(scratch.width * SCALE))
    return shine


def _pin_places() -> NDArray[np.float64]:
    width = CONNECTOR_SIZE[0]
    return CONNECTOR_PLACE[0] + np.linspace(-width / 2 + 7, width / 2 - 7, PINS)


def _beside(at: Placed, x: float, y: float) -> Placed:
    """A place at (x, y) px in the frame of a component that may be turned."""
    cos, sin = np.cos(np.radians(at.angle)), np.sin(np.radians(at.angle))
    return Placed(at.x + float(cos * x - sin * y), at.y + float(sin * x + cos * y), at.angle, at.shade)


def _corners(at: Placed, size: tuple[float, float]) -> list[Place]:
    """The corners of a rectangle of this size around a place."""
    half_x, half_y = size[0] / 2, size[1] / 2
    around = [_beside(at, x, y) for x, y in ((-half_x, -half_y), (half_x, -half_y), (half_x, half_y), (-half_x, half_y))]
    return [(corner.x, corner.y) for corner in around]


def _fixed(points: object) -> NDArray[np.int32]:
    """Places in px of the part as cv2's fixed-point places on the canvas."""
    return np.round(((np.asarray(points, np.float64) + 0.5) * SCALE - 0.5) * FINE).astype(np.int32)


def _times(colour: Colour, factor: float) -> Colour:
    blue, green, red = (float(np.clip(value * factor, 0, 1)) for value in colour)
    return blue, green, red


def _disc(canvas: NDArray[np.float32], at: Place, radius: float, colour: Colour | float) -> None:
    cv2.circle(canvas, _fixed([at])[0].tolist(), round(radius * SCALE * FINE), colour, -1, cv2.LINE_8, 4)


def _ring(canvas: Canvas, at: Place, radius: float, colour: Colour, width: float) -> None:
    cv2.circle(canvas, _fixed([at])[0].tolist(), round(radius * SCALE * FINE), colour, max(1, round(width * SCALE)), cv2.LINE_8, 4)


def _polygon(canvas: NDArray[np.float32], points: Sequence[Place], colour: Colour | float) -> None:
    cv2.fillPoly(canvas, [_fixed(points)], colour, cv2.LINE_8, 4)


def _line(canvas: NDArray[np.float32], points: Sequence[Place] | NDArray[np.float64], colour: Colour | float, width: int) -> None:
    """Draw a line through `points` (px of the part), `width` pixels of the canvas wide."""
    cv2.polylines(canvas, [_fixed(points)], isClosed=False, color=colour, thickness=width, lineType=cv2.LINE_8, shift=4)


def _mask_of_disc(at: Place, radius: float) -> NDArray[np.bool_]:
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    cv2.circle(mask, (round(at[0]), round(at[1])), round(radius), 1, -1)
    return mask.astype(bool)


def _mask_of_polygon(points: list[Place]) -> NDArray[np.bool_]:
    mask = np.zeros((HEIGHT_PX, WIDTH_PX), np.uint8)
    cv2.fillPoly(mask, [np.round(points).astype(np.int32)], 1)
    return mask.astype(bool)
