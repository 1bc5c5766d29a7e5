"""Rendered solar cells. They hold nothing of a real picture, so the repository may hold them, and no data set is needed."""

from __future__ import annotations

import cv2
import numpy as np

from export.painting.scene import Image


def render_cell(size: int, rng: np.random.Generator) -> Image:
    """Render a good mono cell, float32 (size, size), 0..1: vignette, two to five busbars, fingers.

    Some cells also have crystal rings, a dark frame or the cut corners of a pseudo-square wafer.
    """
    yy, xx = (np.mgrid[0:size, 0:size].astype(np.float32) + 0.5) / size - 0.5
    radius = np.sqrt(xx**2 + yy**2)
    cell = (rng.uniform(0.45, 0.75) * (1 - rng.uniform(0, 0.35) * radius**2 * 2)).astype(np.float32)
    if rng.random() < 0.4:  # the rings of a Czochralski crystal
        cell *= 1 + rng.uniform(0, 0.04) * np.sin(radius * rng.uniform(20, 90) + rng.uniform(0, 6))
    cell *= 1 + 0.02 * cv2.resize(rng.standard_normal((24, 24)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    pitch = rng.uniform(2.2, 5)
    cell *= 1 - rng.uniform(0, 0.06) * (np.sin(xx * size / pitch * 2 * np.pi) > 0.5)
    busbars = int(rng.integers(2, 6))
    for index in range(busbars):
        y = int((index + 0.5) / busbars * size + rng.normal(0, 1.5))
        thick = int(rng.integers(2, 6))
        cell[max(0, y) : y + thick] *= rng.uniform(0.15, 0.8)
        cell[max(0, y - 1) : y + thick + 1] *= 0.95
    border = int(rng.integers(0, 4))
    if border:
        frame = np.full((size, size), rng.uniform(0.05, 0.4), np.float32)
        frame[border:-border, border:-border] = 1
        cell *= frame
    if rng.random() < 0.5:
        cut = rng.uniform(0.60, 0.69)
        corner = cv2.GaussianBlur((radius > cut).astype(np.float32), (0, 0), 0.8)
        cell *= 1 - corner * 0.95
    return np.ascontiguousarray(cell if rng.random() < 0.85 else cell.T)
