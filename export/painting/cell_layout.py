"""The painter of what differs between makers of solar cells: cut corners, frame, busbars, tabs, fingers, bands of light; all harmless.

Good cells to paint on often come from few production runs. An eye that is taught without this variation takes whatever these runs lack
(black corners, tabs, five busbars) for a defect.
"""

from __future__ import annotations

import cv2
import numpy as np

from export.painting.noise import Field, stretched
from export.painting.scene import Brush, Change, Image


def cell_layout(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:  # noqa: ARG001 - the layouts have their own ranges
    """Give a solar cell features of another maker: busbars, fingers, tabs, cut corners, frame, bands, zoom; the brush changes nothing."""
    height, width = picture.shape[:2]
    if picture.ndim == 2 and height == width:
        pixels = _other_layout(picture, rng)
    else:  # zoom and busbars that go are for square grey cells
        shade = stretched(_layout_shade(max(height, width), rng), (height, width))
        pixels = picture * (shade if picture.ndim == 2 else shade[..., None])
    change = np.abs(pixels - picture) / np.maximum(picture, 0.02)
    extent = change if picture.ndim == 2 else change.max(axis=2)
    return Change(np.asarray(pixels, np.float32), np.clip(extent, 0, 1).astype(np.float32), "layout")


def _other_layout(cell: Image, rng: np.random.Generator) -> Image:
    """Give a healthy cell, float32 (S, S), features of another maker."""
    if rng.random() < 0.4:
        cell = _zoomed(cell, rng)
    if rng.random() < 0.3:
        cell = _without_busbars(cell)
    return np.ascontiguousarray(cell * _layout_shade(len(cell), rng), np.float32)


def _layout_shade(size: int, rng: np.random.Generator) -> Field:
    """Draw what a layout multiplies a cell by: bands, fingers, busbars, tabs, frame, cut corners; float32 (size, size)."""
    transposed = rng.random() < 0.5
    shade = np.ones((size, size), np.float32)
    for feature, probability in ((_bands, 0.5), (_fingers, 0.35), (_busbars, 0.35), (_tabs, 0.3), (_frame, 0.35), (_cut_corners, 0.45)):
        if rng.random() < probability:
            feature(shade, rng)
    return np.ascontiguousarray(shade.T if transposed else shade)


def _zoomed(cell: Image, rng: np.random.Generator) -> Image:
    """Cut off the corners and rim of the cell and enlarge the rest to the old size."""
    size = len(cell)
    side = int(rng.uniform(0.7, 0.92) * size)
    left, top = rng.integers(0, size - side + 1, 2)
    return np.asarray(cv2.resize(cell[top : top + side, left : left + side], (size, size), interpolation=cv2.INTER_CUBIC), np.float32)


def _without_busbars(cell: Image) -> Image:
    """Divide the cell by its profile across the busbars, whether they run along the rows or the columns."""
    across, along = np.median(cell, axis=1), np.median(cell, axis=0)
    profile = across[:, None] if across.std() > along.std() else along[None, :]
    return np.asarray(cell / np.maximum(profile, 0.02) * float(np.median(cell)), np.float32).clip(0, 1.5)


def _bands(shade: Field, rng: np.random.Generator) -> None:
    """Draw soft bands across the cell, as a shadow of the panel or the vignette of the camera leaves them."""
    count = int(rng.integers(2, 7))
    rows = cv2.resize(rng.uniform(0.8, 1.12, (count, 1)).astype(np.float32), (1, len(shade)), interpolation=cv2.INTER_CUBIC)
    shade *= rows.reshape(-1, 1)


def _fingers(shade: Field, rng: np.random.Generator) -> None:
    """Draw the fine regular lines of the grid."""
    period = rng.uniform(2.2, 9)
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * (np.arange(len(shade)) / period + rng.random()))
    shade *= (1 - rng.uniform(0.02, 0.1) * wave**3).astype(np.float32)[None, :]


def _busbars(shade: Field, rng: np.random.Generator) -> None:
    """Draw two to five dark bars, evenly spaced, from border to border."""
    size = len(shade)
    count, width, depth = int(rng.integers(2, 6)), rng.uniform(0.8, 3.5), rng.uniform(0.2, 0.9)
    rows = np.arange(size)
    for number in range(count):
        middle = (number + 0.5) / count * size + rng.normal(0, 1.0)
        shade *= (1 - depth * np.exp(-((np.abs(rows - middle) / width) ** 4))).astype(np.float32)[:, None]


def _tabs(shade: Field, rng: np.random.Generator) -> None:
    """Draw dark half discs at the ends of the busbars."""
    size = len(shade)
    count, radius, depth = int(rng.integers(2, 6)), int(rng.uniform(0.015, 0.05) * size), float(rng.uniform(0.3, 0.95))
    stamp = np.zeros_like(shade)
    for number in range(count):
        middle = int((number + 0.5) / count * size)
        for side in (0, size - 1):
            cv2.ellipse(stamp, (side, middle), (radius, max(2, int(radius * rng.uniform(0.6, 1.4)))), 0, 0, 360, depth, -1, cv2.LINE_AA)
    shade *= 1 - cv2.GaussianBlur(stamp, (0, 0), 1.0)


def _frame(shade: Field, rng: np.random.Generator) -> None:
    """Draw a dark or bright rim on all sides: the gap between cells."""
    size = len(shade)
    width, depth = rng.uniform(0.004, 0.03) * size, rng.uniform(-0.3, 0.9)
    edge = np.minimum(np.arange(size), np.arange(size)[::-1]).astype(np.float32)
    distance = np.minimum(edge[:, None], edge[None, :])
    shade *= 1 - depth * np.clip(1 - distance / width, 0, 1) ** 0.5


def _cut_corners(shade: Field, rng: np.random.Generator) -> None:
    """Cut the corners of a pseudo-square wafer, straight or round: all four, or two of one side as in a half cell."""
    size = len(shade)
    cut, depth, straight = rng.uniform(0.03, 0.13) * size, float(rng.uniform(0.6, 1.0)), rng.random() < 0.5
    stamp = np.zeros_like(shade)
    corners = [(0, 0), (0, size), (size, 0), (size, size)]
    for x, y in corners if rng.random() < 0.7 else corners[:2]:
        inward = np.array([1 if x == 0 else -1, 1 if y == 0 else -1])
        if straight:
            polygon = np.array([(x, y), (x + inward[0] * cut, y), (x, y + inward[1] * cut)])
        else:
            angles = np.linspace(0, np.pi / 2, 9)
            arc = np.stack([1 - np.sin(angles), 1 - np.cos(angles)], 1) * cut
            polygon = np.vstack([(x, y), np.array([x, y]) + arc * inward])
        cv2.fillPoly(stamp, [np.round(polygon * 16).astype(np.int32)], depth, cv2.LINE_AA, 4)
    shade *= 1 - cv2.GaussianBlur(stamp, (0, 0), float(rng.uniform(0.4, 1.5)))
