"""The region of interest: cropped before any resize, so that the models spend their pixels on the part."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels

SUBPIXEL_BITS = 8


def crop(pixels: Pixels, polygon: Sequence[tuple[float, float]]) -> Pixels:
    """Cut out the bounding box of a polygon in normalised coordinates (0..1, x right, y down) and blacken what lies outside the polygon.

    `pixels` uint8 (H, W, 3) BGR; returns a copy, at least 1 x 1.
    """
    height, width = pixels.shape[:2]
    points = np.asarray(polygon, np.float64) * (width, height)
    rows, columns = bounding_box(polygon, (height, width))
    part, left, top = pixels[rows, columns], columns.start, rows.start
    if _is_box(points):
        return part.copy()
    mask = np.zeros(part.shape[:2], np.uint8)
    # A pixel's centre lies half a pixel from its corner, where OpenCV has its integer coordinates.
    inside = np.round((points - (left, top) - 0.5) * (1 << SUBPIXEL_BITS)).astype(np.int32)
    cv2.fillPoly(mask, [inside], 1, shift=SUBPIXEL_BITS)
    return np.asarray(part * mask[:, :, None], np.uint8)


def bounding_box(polygon: Sequence[tuple[float, float]], shape: tuple[int, int]) -> tuple[slice, slice]:
    """The rows and columns, at least one of each, of the bounding box of a normalised polygon in a picture of `shape` (H, W)."""
    height, width = shape
    points = np.asarray(polygon, np.float64) * (width, height)
    left, top = np.clip(np.floor(points.min(0) + 1e-9).astype(int), 0, (width - 1, height - 1))
    right, bottom = np.clip(np.ceil(points.max(0) - 1e-9).astype(int), (left + 1, top + 1), (width, height))
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _is_box(points: NDArray[np.float64]) -> bool:
    corners = {(x, y) for x in (points[:, 0].min(), points[:, 0].max()) for y in (points[:, 1].min(), points[:, 1].max())}
    return len(points) == 4 and {(x, y) for x, y in points} == corners
