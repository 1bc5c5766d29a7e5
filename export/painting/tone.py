"""Painters of tone: places that are darker or brighter than the good surface. Lines are in lines.py, stripes in stripes.py."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from export.painting.noise import Field, between, blurred, hills
from export.painting.scene import Brush, Change, Image


def toned(picture: Image, extent: Field, shape: str, brush: Brush, rng: np.random.Generator) -> Change:
    """Darken or brighten a picture by `extent`, the share of the brightness, as the direction of the brush says.

    Darker is `brightness * (1 - share)`. Brighter adds that share of the brightness, or of the picture's mean where the place is darker
    than the mean: light that falls on a black place shows too.
    """
    extent = np.clip(extent, 0, 1).astype(np.float32)
    share = extent if picture.ndim == 2 else extent[..., None]
    brighter = brush.direction == "brighter" or (brush.direction == "both" and rng.random() < 0.5)
    pixels = picture + share * np.maximum(picture, picture.mean()) if brighter else picture * (1 - share)
    return Change(np.asarray(pixels, np.float32), extent, shape)


def at_strength(form: Field, brush: Brush, rng: np.random.Generator) -> Field:
    """Scale a form so that its highest place is a strength of the brush; an empty form stays empty."""
    return np.asarray(form * (between(brush.strength, rng) / max(float(form.max()), 1e-6)), np.float32)


def fill(form: Field, polygon: NDArray[np.float64]) -> None:
    """Fill a polygon, float64 (points, 2) as x and y, with 1."""
    cv2.fillPoly(form, [np.round(polygon * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)


def blob(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a soft stain: an ellipse, in one of six a group of smaller ones; one of five is a ring."""
    form: Field = np.zeros(picture.shape[:2], np.float32)
    longest, sides = max(form.shape), np.array(form.shape[::-1])
    length = between(brush.size, rng) * longest
    count = 1 if rng.random() < 0.85 else int(rng.integers(2, 5))
    middle = rng.random(2) * sides
    for _ in range(count):
        radii = length / (2 if count == 1 else 4) * np.array([1.0, rng.uniform(0.25, 1)])
        centre = middle + (rng.uniform(-0.25, 0.25, 2) * length if count > 1 else 0)
        angle, value = rng.uniform(0, 180), float(rng.uniform(0.6, 1))
        thickness = -1 if rng.random() < 0.8 else max(1, round(longest / 80))
        cv2.ellipse(form, _whole(centre), _whole(np.maximum(radii, 1)), angle, 0, 360, value, thickness, cv2.LINE_AA)
    form = blurred(form, min(rng.uniform(1, 6) * longest / 160, length / 6))
    return toned(picture, at_strength(form, brush, rng), "spot" if count == 1 else "spots", brush, rng)


def ragged_spot(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a spot with a ragged border, as of a burn, a chip or a splash."""
    shape = picture.shape[:2]
    longest = max(shape)
    radius = max(1.5, between(brush.size, rng) * longest / 2.6)
    x, y = rng.random(2) * np.array(shape[::-1])
    dx, dy = _offsets(shape, x, y)
    distance = np.sqrt((dx / rng.uniform(0.7, 1.2)) ** 2 + (dy / rng.uniform(0.7, 1.2)) ** 2)
    distance += hills(shape, rng, cells=(8, 16, 32), roughness=0.6) * np.float32(radius * 0.3)
    distance[(dx**2 + dy**2) > (1.6 * radius) ** 2] = radius * 10
    form = np.clip((radius - distance) / (rng.uniform(1, 4) * longest / 160) + 0.5, 0, 1)
    return toned(picture, at_strength(form, brush, rng), "spot", brush, rng)


def corner_shadow(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a round shadow in one corner; `size` is how far it reaches."""
    form: Field = np.zeros(picture.shape[:2], np.float32)
    corner = rng.integers(0, 2, 2) * np.array(form.shape[::-1])
    reach = between(brush.size, rng) * max(form.shape)
    radii = rng.permutation(np.array([reach, reach * rng.uniform(0.4, 1)]))
    cv2.ellipse(form, _whole(corner), _whole(np.maximum(radii, 1)), 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    form = blurred(form, min(rng.uniform(0.7, 4) * max(form.shape) / 160, reach / 4))
    return toned(picture, at_strength(form, brush, rng), "corner", brush, rng)


def edge_shadow(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a shadow of wavy depth along one whole edge; `size` is how deep it is."""
    turns = int(rng.integers(4))
    height, width = picture.shape[:2] if turns % 2 == 0 else picture.shape[1::-1]
    longest = max(height, width)
    waves = cv2.resize(rng.uniform(0.3, 1, (1, 8)).astype(np.float32), (width, 1), interpolation=cv2.INTER_LINEAR)[0]
    depth = waves * np.float32(between(brush.size, rng) * longest)
    form = np.clip(depth[None] - np.arange(height, dtype=np.float32)[:, None] + 0.5, 0, 1)
    form = blurred(np.ascontiguousarray(np.rot90(form, turns)), rng.uniform(0.7, 4) * longest / 160)
    return toned(picture, at_strength(form, brush, rng), "edge", brush, rng)


def dark_region(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a region with sharp edges, as a crack cuts it off: a polygon, a strip along the border or a triangle on it."""
    form: Field = np.zeros(picture.shape[:2], np.float32)
    sides = np.array(form.shape[::-1], np.float64)
    length = between(brush.size, rng) * float(sides.max())
    what = rng.random()
    if what < 0.7:
        angles = np.sort(rng.random(int(rng.integers(3, 8))) * 2 * np.pi)
        reach = length / 2 * rng.uniform(0.35, 1, (len(angles), 1))
        fill(form, rng.random(2) * sides + np.stack([np.cos(angles), np.sin(angles)], 1) * reach)
    else:
        fill(form, _on_the_border(sides, length, rng, strip=what < 0.85))
    if what >= 0.7 and rng.random() < 0.5:
        form = form[::-1]
    if what >= 0.7 and rng.random() < 0.5:
        form = form[:, ::-1]
    form = blurred(np.ascontiguousarray(form), rng.uniform(0.4, 1.6))
    form *= 0.875 + 0.06 * np.clip(hills(form.shape, rng, cells=(4, 8)), -2, 2)
    return toned(picture, at_strength(form, brush, rng), "region", brush, rng)


def missing_part(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint the picture dead: in two of five the whole of it, else one side of it."""
    form: Field = np.ones(picture.shape[:2], np.float32)
    shape = "whole" if rng.random() < 0.4 else "half"
    if shape == "half":
        across = int(rng.integers(2))
        cut = round(float(rng.uniform(0.3, 0.7)) * form.shape[across])
        emptied = slice(cut, None) if rng.random() < 0.5 else slice(0, cut)
        form[emptied if across == 0 else (slice(None), emptied)] = 0
    return toned(picture, at_strength(blurred(form, 1.0), brush, rng), shape, brush, rng)


def _on_the_border(sides: NDArray[np.float64], length: float, rng: np.random.Generator, *, strip: bool) -> NDArray[np.float64]:
    """A strip or a triangle on the upper or the left border, float64 (points, 2) as x and y."""
    upper = rng.random() < 0.5
    along = float(sides[0] if upper else sides[1])
    length = min(length, along)
    start = rng.uniform(0, along - length) if strip else rng.uniform(-0.3 * length, along - 0.7 * length)
    if strip:
        depths = np.exp(rng.uniform(np.log(0.05), np.log(0.45), 2)) * float(sides.min())
        polygon = np.array([[start, -1], [start + length, -1], [start + length, depths[1]], [start, depths[0]]])
    else:
        tip = start + length * rng.uniform(0.2, 0.8)
        polygon = np.array([[start, -1], [start + length, -1], [tip, length * rng.uniform(0.3, 0.7)]])
    return polygon if upper else polygon[:, ::-1]


def _offsets(shape: tuple[int, ...], x: float, y: float) -> tuple[Field, Field]:
    """How far each pixel lies to the right of `x` (1, W) and under `y` (H, 1)."""
    return (np.arange(shape[1], dtype=np.float32) - np.float32(x))[None], (np.arange(shape[0], dtype=np.float32) - np.float32(y))[:, None]


def _whole(point: NDArray[np.float64]) -> tuple[int, int]:
    return int(point[0]), int(point[1])
