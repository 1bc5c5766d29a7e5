"""Does a painted change stand out from a surface that is alike everywhere, such as cloth?

A patch of the same weave, or a faint line in lively grain, is no defect that anybody could see. To teach it would teach that intact cloth
is defective, and a promise about it could be kept only by passing nothing.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from export.painting.noise import Field, blurred
from export.painting.scene import Image
from export.painting.texture import surroundings

PLACES = 48
"""Other places of the surface with which the changed one is compared."""
LARGEST = 0.5
"""Share of a side. A longer change has no other places of its size."""
LEAST_SPREAD = 1e-3
"""As much, of a brightness of 1, every measure may vary by chance."""
SCALES = (0.0, 1.5)
"""Deviations in pixels by which the surface is blurred before its structure is measured."""


def stands_out(before: Image, after: Image, extent: Field, rng: np.random.Generator) -> float:
    """How far the changed place differs from other places of the surface, in their deviations, by its most unusual measure.

    Measures are tone, energy of fine structure, and strength and direction of the gradients, in two scales; each is averaged in the shape
    of the change. `before` and `after` are float32 (H, W) or (H, W, 3) and `extent`, above 0 somewhere, (H, W). Chance alone reaches 3.
    Of a change that is longer than LARGEST, a part of this length is compared.
    """
    shape = extent > 0.5 * extent.max()
    rows, columns = np.flatnonzero(shape.any(1)), np.flatnonzero(shape.any(0))
    box = shape[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    if max(box.shape[0] / shape.shape[0], box.shape[1] / shape.shape[1]) > LARGEST:
        box = box[: max(1, int(LARGEST * shape.shape[0])), : max(1, int(LARGEST * shape.shape[1]))]
    weights = box / box.sum() if box.any() else np.full(box.shape, 1 / box.size)
    height, width = box.shape
    tops = rng.integers(shape.shape[0] - height + 1, size=PLACES)
    lefts = rng.integers(shape.shape[1] - width + 1, size=PLACES)
    known = _measures(before)
    usual = np.stack([_averaged(known, weights, top, left) for top, left in zip(tops, lefts, strict=True)])
    there = _averaged(_measures(after), weights, int(rows[0]), int(columns[0]))
    spread = np.maximum(usual.std(0), LEAST_SPREAD)
    return float((np.abs(there - usual.mean(0)) / spread).max())


def _averaged(measures: NDArray[np.float32], weights: NDArray[np.float64], top: int, left: int) -> NDArray[np.float64]:
    height, width = weights.shape
    return np.asarray((measures[:, top : top + height, left : left + width] * weights).sum((1, 2)), np.float64)


def _measures(picture: Image) -> NDArray[np.float32]:
    """The measures at each place, float32 (K, H, W), each as a deviation: the root of an energy."""
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    found: list[Field] = [grey - surroundings(grey)]
    for scale in SCALES:
        smooth = blurred(grey, scale)
        across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
        found += [across * across, down * down, across * down, (smooth - blurred(smooth, 1.0)) ** 2]
    return np.stack(found)
