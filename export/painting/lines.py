"""Painters of lines: straight, wavy, branched, a web of cracks, a scratch."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from export.painting.noise import Field, between, blurred, hills
from export.painting.scene import Brush, Change, Image
from export.painting.stripes import bars
from export.painting.tone import at_strength, toned

Points = NDArray[np.float64]
PREFERRED_SHARE = 0.6
"""So many lines run along one of the preferred angles of the brush, the others anywhere."""


def straight_line(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a line of a few straight pieces, as a crystal breaks along its planes."""
    form: Field = np.zeros(picture.shape[:2], np.float32)
    middle, angle, length = _course(form, rng, brush)
    draw_line(form, _straight(middle, angle, length, rng))
    return _painted(picture, form, "line", rng, brush)


def branched_line(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a straight line with one to three branches, or two lines that cross."""
    form: Field = np.zeros(picture.shape[:2], np.float32)
    middle, angle, length = _course(form, rng, brush)
    trunk = _straight(middle, angle, length, rng)
    draw_line(form, trunk)
    if rng.random() < 0.4:
        across = angle + np.pi / 2 + rng.normal(0, 0.15)
        draw_line(form, _straight(middle, across, length * rng.uniform(0.5, 1), rng))
        return _painted(picture, form, "crossed", rng, brush)
    _branch(form, trunk, angle, length, rng, count=int(rng.integers(1, 4)), pieces=4)
    return _painted(picture, form, "branched", rng, brush)


def wavy_line(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a winding line that fades here and there; half of them have branches."""
    form: Field = np.zeros(picture.shape[:2], np.float32)
    middle, angle, length = _course(form, rng, brush)
    pieces = max(4, int(length / max(form.shape) * 27))
    trunk = _wound(middle, angle, length, rng, pieces=pieces, wobble=rng.uniform(0.05, 0.35))
    draw_line(form, trunk)
    branches = int(rng.choice(4, p=(0.5, 0.25, 0.15, 0.1)))
    _branch(form, trunk, angle, length, rng, count=branches, pieces=pieces)
    form *= np.clip(0.75 + 0.4 * hills(form.shape, rng, cells=(3, 6, 12), roughness=0.5), 0.15, 1.2)
    return _painted(picture, form, "branched" if branches else "wavy", rng, brush)


def scratch(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a straight scratch that tapers to both ends; one of four has a shorter scratch beside it."""
    form: Field = np.zeros(picture.shape[:2], np.float32)
    middle, angle, length = _course(form, rng, brush)
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    for number in range(1 if rng.random() < 0.75 else 2):
        shift = across * (number * rng.uniform(0.01, 0.03) * max(form.shape)) + along * (number * rng.uniform(-0.2, 0.2) * length)
        reach = length * (1 if number == 0 else rng.uniform(0.3, 0.7))
        bow = across * rng.normal(0, 0.01) * reach
        peak = rng.uniform(0.25, 0.75)
        steps = np.linspace(0, 1, 17)
        points = middle + shift + along * ((steps - 0.5) * reach)[:, None] + bow * (4 * steps * (1 - steps))[:, None]
        heights = np.minimum(steps / peak, (1 - steps) / (1 - peak)) ** 0.6
        for start, end, height in zip(points[:-1], points[1:], np.maximum(heights[:-1], heights[1:]), strict=True):
            draw_line(form, np.stack([start, end]), value=float(height))
    return _painted(picture, form, "scratch", rng, brush)


def crack_web(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint one to four lines that break the surface into pieces, some of which are darker.

    Pieces also end at the dark bars of the picture (busbars). `size` is how far it reaches from its middle, as a share of the longer side.
    """
    found = bars(picture)
    turned = found.upright
    shape = picture.shape[:2] if not turned else picture.shape[1::-1]
    longest = max(shape)
    xs, ys = np.arange(shape[1], dtype=np.float32)[None], np.arange(shape[0], dtype=np.float32)[:, None]
    middle = rng.uniform(0.1, 0.9, 2) * np.array(shape[::-1])
    pieces = np.repeat(np.digitize(ys[:, 0], found.places).astype(np.int32)[:, None], shape[1], 1)
    warp = hills(shape, rng, cells=(6,)) * np.float32(rng.uniform(0, 0.03) * longest)
    lines: Field = np.zeros(shape, np.float32)
    for _ in range(int(rng.integers(1, 5))):
        angle, through = rng.uniform(0, np.pi), middle + rng.normal(0, 0.12 * longest, 2)
        side = (xs - np.float32(through[0])) * np.float32(np.sin(angle)) - (ys - np.float32(through[1])) * np.float32(np.cos(angle)) + warp
        pieces = pieces * 2 + (side > 0)
        width = max(0.5, between(brush.width, rng) * longest * 0.45)
        lines = np.maximum(lines, np.exp(-((side / np.float32(width)) ** 2)) * np.float32(rng.uniform(0.3, 1)))
    reach = np.float32(between(brush.size, rng) * longest)
    near = np.exp(-((((xs - np.float32(middle[0])) ** 2 + (ys - np.float32(middle[1])) ** 2) / reach**2) ** 2))
    dark = _dark_pieces(pieces, rng, brush)
    form = np.maximum(dark * near if rng.random() < 0.7 else dark, at_strength(lines * near, brush, rng))
    return toned(picture, np.ascontiguousarray(form.T) if turned else form, "web", brush, rng)


def draw_line(form: Field, points: Points, *, value: float = 1.0) -> None:
    """Draw a line through points, float64 (N, 2) as x and y, one pixel thick."""
    cv2.polylines(form, [np.round(points * 16).astype(np.int32)], isClosed=False, color=value, thickness=1, lineType=cv2.LINE_AA, shift=4)


def widened(form: Field, width_px: float) -> Field:
    """Make lines one pixel thick as thick as `width_px`, with soft borders."""
    if width_px > 4:
        side = round(width_px) - 1
        form = np.asarray(cv2.dilate(form, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))), np.float32)
        return blurred(form, 0.7)
    return blurred(form, float(np.sqrt(max(width_px**2 - 1, 0.2))) / 2.35)


def _dark_pieces(pieces: NDArray[np.int32], rng: np.random.Generator, brush: Brush) -> Field:
    """Darken up to four pieces; half of them are striped across the bars."""
    dark: Field = np.zeros(pieces.shape, np.float32)
    names = np.flatnonzero(np.bincount(pieces.ravel()))
    count = int(rng.integers(0, max(2, min(5, len(names)))))
    for name in rng.choice(names, min(count, len(names)), replace=False):
        piece = blurred((pieces == name).astype(np.float32), rng.uniform(0.4, 1.5)) * np.float32(between(brush.strength, rng))
        if rng.random() < 0.5:
            columns = rng.uniform(rng.uniform(0.2, 1), 1, (1, max(2, int(pieces.shape[1] / rng.uniform(1, 4))))).astype(np.float32)
            piece = piece * cv2.resize(columns, (pieces.shape[1], 1), interpolation=cv2.INTER_LINEAR)
        dark = np.maximum(dark, piece)
    return dark


def _painted(picture: Image, form: Field, shape: str, rng: np.random.Generator, brush: Brush) -> Change:
    width_px = max(1.0, between(brush.width, rng) * max(form.shape))
    return toned(picture, at_strength(widened(form, width_px), brush, rng), shape, brush, rng)


def _course(form: Field, rng: np.random.Generator, brush: Brush) -> tuple[Points, float, float]:
    """The middle of a line, its angle in radians and its length in pixels."""
    angle = float(rng.uniform(0, 2 * np.pi))
    if brush.angles and rng.random() < PREFERRED_SHARE:
        angle = float(np.radians(rng.choice(brush.angles)) + rng.normal(0, 0.12) + np.pi * rng.integers(2))
    return rng.uniform(0.05, 0.95, 2) * np.array(form.shape[::-1]), angle, between(brush.size, rng) * max(form.shape)


def _straight(middle: Points, angle: float, length: float, rng: np.random.Generator) -> Points:
    """A few straight pieces around `middle`, each in a slightly other direction."""
    count = int(rng.integers(2, 6))
    return _centred(_steps(middle, angle + np.cumsum(rng.normal(0, 0.2, count)), length), middle)


def _wound(middle: Points, angle: float, length: float, rng: np.random.Generator, *, pieces: int, wobble: float) -> Points:
    angles = angle + np.cumsum(rng.normal(0, wobble, pieces)) * 0.6 + rng.normal(0, wobble, pieces)
    return _centred(_steps(middle, angles, length), middle)


def _branch(form: Field, trunk: Points, angle: float, length: float, rng: np.random.Generator, *, count: int, pieces: int) -> None:
    for _ in range(count):
        turn, reach = float(rng.choice([-1, 1])) * rng.uniform(0.3, 1.6), length * rng.uniform(0.12, 0.6)
        angles = angle + turn + np.cumsum(rng.normal(0, 0.2, pieces)) * 0.6
        draw_line(form, _steps(trunk[int(rng.integers(1, len(trunk)))], angles, reach), value=float(rng.uniform(0.4, 1)))


def _steps(start: Points, angles: NDArray[np.float64], length: float) -> Points:
    """Go from `start` in steps of equal length along `angles`; float64 (steps + 1, 2) as x and y."""
    steps = np.stack([np.cos(angles), np.sin(angles)], 1) * (length / len(angles))
    return np.concatenate([start[None], start + np.cumsum(steps, 0)])


def _centred(points: Points, middle: Points) -> Points:
    return points - points.mean(axis=0) + middle
