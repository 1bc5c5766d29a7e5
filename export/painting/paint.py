"""Defects painted onto a good cell, with their ground truth: kind, shape, place, size, strength and the patches that they cover."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from export.painting.ground_truth import KINDS
from export.painting.scene import Defect

Image = NDArray[np.float32]

PATCH_PX = 16
"""Side of a patch, as the starter's vision tower cuts a picture."""
LEAST_STRENGTH = 0.06
"""A defect that darkens its surroundings by a smaller share cannot be seen and is not painted."""
COVERED = 0.03
"""A patch has the kind of a defect that darkens it by this much on average, or by LEAST_STRENGTH in at least eight pixels."""


@dataclass(frozen=True, slots=True)
class Painted:
    """A cell with defects: `pixels` float32 (S, S), `patch_kinds` uint8 (S / 16, S / 16), an index into KINDS, and `defects`."""

    pixels: Image
    patch_kinds: NDArray[np.uint8]
    defects: tuple[Defect, ...]


def paint(pixels: Image, rng: np.random.Generator, *, least_strength: float = LEAST_STRENGTH) -> Painted:
    """Paint one to five defects onto a good cell, float32 (S, S), S a multiple of PATCH_PX; a defect below `least_strength` is left out.

    Cracks are most frequent, and kinds are mixed: real cells rarely have defects of one kind alone.
    """
    size = pixels.shape[0]
    painters = (_crack, _dark_area, _corner_or_edge, _stain, _fingers, _dead)  # in the order of KINDS, without "intact"
    out, patches, defects = pixels, np.zeros((size // PATCH_PX, size // PATCH_PX), np.uint8), []
    first = int(rng.choice(6, p=(0.40, 0.25, 0.10, 0.10, 0.10, 0.05)))
    chosen = [first]
    if first != 5:
        if first == 0:
            chosen += [0] * int(rng.integers(4))
        elif rng.random() < 0.4:
            chosen += [0] * int(rng.integers(1, 4))
        if rng.random() < 0.15:
            chosen.append(int(rng.integers(1, 5)))
    for index in chosen:
        dark, shape = painters[index](size, rng)
        strength = float(np.quantile(dark[dark > 0.25 * dark.max()], 0.7)) if dark.max() > 0 else 0.0
        if strength < least_strength:
            continue
        out = out * (1 - dark)
        by_patch = dark.reshape(size // PATCH_PX, PATCH_PX, size // PATCH_PX, PATCH_PX)
        covered = (by_patch.mean((1, 3)) > COVERED) | ((by_patch > max(LEAST_STRENGTH, 0.5 * strength)).sum((1, 3)) >= 8)
        patches[covered] = index + 1
        ys, xs = np.nonzero(dark > 0.5 * strength)
        extent = float(max(np.ptp(xs), np.ptp(ys)) + 1) / size
        defects.append(Defect(KINDS[index + 1], shape, float(xs.mean()) / size, float(ys.mean()) / size, extent, strength))
    return Painted(out.astype(np.float32), patches, tuple(defects))


def _walk(start: NDArray[np.float64], angle: float, length: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """A polyline of `length` pixels from `start`, float64 (points, 2) as x and y: a few straight pieces, as silicon breaks along planes."""
    count = int(rng.integers(2, 6))
    angles = angle + np.cumsum(rng.normal(0, 0.2, count))
    return np.concatenate([start[None], start + np.cumsum(np.stack([np.cos(angles), np.sin(angles)], 1) * (length / count), 0)])


def _line(canvas: Image, points: NDArray[np.float64], value: float) -> None:
    cv2.polylines(canvas, [np.round(points * 16).astype(np.int32)], isClosed=False, color=value, thickness=1, lineType=cv2.LINE_AA, shift=4)


def _blur(canvas: Image, deviation_px: float) -> Image:
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), deviation_px), np.float32)


def _crack_angle(rng: np.random.Generator) -> float:
    """A direction in radians: silicon breaks along its crystal planes, in a mono cell mostly at 45 degrees."""
    return float(
        rng.choice([np.pi / 4, -np.pi / 4, rng.uniform(0, np.pi)], p=(0.3, 0.3, 0.4)) + rng.normal(0, 0.12) + np.pi * rng.integers(2)
    )


def _crack(size: int, rng: np.random.Generator) -> tuple[Image, str]:
    canvas: Image = np.zeros((size, size), np.float32)
    length, angle = float(rng.uniform(0.2, 1.1)) * size, _crack_angle(rng)
    middle = rng.uniform(0.05, 0.95, 2) * size
    trunk = _walk(middle - np.array([np.cos(angle), np.sin(angle)]) * length / 2, angle, length, rng)
    _line(canvas, trunk, 1.0)
    shape = "line"
    if rng.random() < 0.2 and length > 0.3 * size:
        shape = "branched"
        for _ in range(int(rng.integers(1, 4))):
            knot = trunk[int(rng.integers(1, len(trunk)))]
            branch_angle = angle + float(rng.choice([-1, 1])) * rng.uniform(0.4, 1.6)
            _line(canvas, _walk(knot, branch_angle, length * rng.uniform(0.15, 0.6), rng), 1.0)
    elif rng.random() < 0.15:
        shape = "crossed"
        across = angle + np.pi / 2 + rng.normal(0, 0.15)
        start = middle - np.array([np.cos(across), np.sin(across)]) * length / 2
        _line(canvas, _walk(start, across, length * rng.uniform(0.6, 1), rng), 1.0)
    canvas = _blur(canvas, float(rng.uniform(0.4, 1.0)) * size / 160)
    return canvas / (canvas.max() + 1e-6) * float(rng.uniform(0.12, 0.6)), shape


def _dark_area(size: int, rng: np.random.Generator) -> tuple[Image, str]:
    """A region that a crack cut off: a polygon, a strip along the border or a triangle on it."""
    canvas: Image = np.zeros((size, size), np.float32)
    form = rng.random()
    if form < 0.7:
        centre, count, radius = rng.random(2) * size, int(rng.integers(3, 8)), float(rng.uniform(0.06, 0.35)) * size
        angles = np.sort(rng.random(count) * 2 * np.pi)
        polygon = centre + np.stack([np.cos(angles), np.sin(angles)], 1) * radius * rng.uniform(0.5, 1.4, (count, 1))
    elif form < 0.85:  # a strip along the border, cut off by a slanted line
        depth = np.exp(rng.uniform(np.log(0.05), np.log(0.45), 2)) * size
        span = np.sort(rng.random(2)) * size if rng.random() < 0.7 else np.array([0.0, size])
        polygon = np.array([[span[0], 0], [span[1], 0], [span[1], depth[1]], [span[0], depth[0]]])
    else:  # a triangle at 45 degrees from the border
        base = np.exp(rng.uniform(np.log(0.1), np.log(0.6))) * size
        at = rng.uniform(-0.3, 1) * size
        polygon = np.array([[at, 0], [at + base, 0], [at + base * rng.uniform(0.2, 0.8), base * rng.uniform(0.3, 0.7)]])
    if form >= 0.7 and rng.random() < 0.5:
        polygon = polygon[:, ::-1]
    if form >= 0.7 and rng.random() < 0.5:
        polygon = size - polygon
    cv2.fillPoly(canvas, [np.round(polygon * 16).astype(np.int32)], 1.0, cv2.LINE_AA, 4)
    canvas = _blur(canvas, rng.uniform(0.4, 1.6))
    texture = cv2.resize(rng.uniform(0.75, 1, (8, 8)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return canvas * texture * rng.uniform(0.2, 0.95), "region"


def _corner_or_edge(size: int, rng: np.random.Generator) -> tuple[Image, str]:
    canvas: Image = np.zeros((size, size), np.float32)
    if rng.random() < 0.8:
        corner = tuple(int(v) for v in rng.integers(0, 2, 2) * size)
        axes = tuple(int(v) for v in rng.uniform(0.08, 0.3, 2) * size)
        cv2.ellipse(canvas, corner, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
        shape = "corner"
    else:
        depth = rng.uniform(0.03, 0.16) * size
        wave = np.convolve(rng.uniform(0.3, 1.4, size + 30), np.ones(31) / 31, "valid") * depth
        canvas = (np.arange(size)[:, None] < wave[None]).astype(np.float32)
        if rng.random() < 0.5:
            canvas = canvas[::-1]
        if rng.random() < 0.5:
            canvas = canvas.T
        shape = "edge"
    canvas = _blur(np.ascontiguousarray(canvas), rng.uniform(0.7, 4))
    return canvas * rng.uniform(0.4, 0.95), shape


def _stain(size: int, rng: np.random.Generator) -> tuple[Image, str]:
    canvas: Image = np.zeros((size, size), np.float32)
    count = 1 if rng.random() < 0.85 else int(rng.integers(2, 5))
    middle = rng.random(2) * size
    for _ in range(count):
        centre = tuple(int(v) for v in middle + (rng.normal(0, 0.12 * size, 2) if count > 1 else 0))
        axes = tuple(int(max(2, v)) for v in rng.uniform(0.03, 0.22, 2) * size)
        cv2.ellipse(
            canvas, centre, axes, rng.uniform(0, 180), 0, 360, float(rng.uniform(0.6, 1)), -1 if rng.random() < 0.8 else 2, cv2.LINE_AA
        )
    canvas = _blur(canvas, rng.uniform(1, 6))
    return canvas / (canvas.max() + 1e-6) * rng.uniform(0.25, 0.9), "spot" if count == 1 else "spots"


def _fingers(size: int, rng: np.random.Generator) -> tuple[Image, str]:
    """Interrupted fingers: narrow stripes at right angles to the busbars, most with a hard end at the busbar."""
    canvas: Image = np.zeros((size, size), np.float32)
    band = int(rng.uniform(0, 0.8) * size)
    length = int(rng.uniform(0.1, 0.35) * size)
    for _ in range(int(rng.integers(1, 10))):
        x = int(np.clip(rng.integers(size) if rng.random() < 0.5 else rng.normal(0.5, 0.2) * size, 0, size - 3))
        begin = band + (0 if rng.random() < 0.6 else int(rng.uniform(0, 0.15) * size))
        canvas[begin : begin + int(length * rng.uniform(0.5, 1)), x : x + int(rng.integers(1, 4))] = rng.uniform(0.5, 1)
    canvas = _blur(canvas if rng.random() < 0.7 else np.ascontiguousarray(canvas.T), rng.uniform(0.3, 0.8))
    return canvas * rng.uniform(0.15, 0.65), "stripes"


def _dead(size: int, rng: np.random.Generator) -> tuple[Image, str]:
    canvas: Image = np.ones((size, size), np.float32)
    shape = "whole"
    if rng.random() < 0.6:
        cut = float(rng.uniform(0.3, 0.7)) * size
        canvas[int(cut) :] = 0
        canvas = np.ascontiguousarray(np.rot90(canvas, int(rng.integers(4))))
        shape = "half"
    return _blur(canvas, 1.0) * rng.uniform(0.5, 0.93), shape
