"""Plain statistics of a texture: how far is a picture from good ones, in a few figures that need no model?

They are a control for surfaces without parts. Thirteen figures describe the whole picture, four its least usual places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.stats import kurtosis, skew

from edge.records import Pixels
from export.studies.protocol import Scores

SCALES_PX = (1.0, 2.0, 4.0, 8.0)
"""Deviations of the Gaussians between which the structure of one scale lies."""
WINDOW_PX = 15
"""Side of the window of local contrast: a few threads of the textile."""


def whole_picture_scores(good: Sequence[Pixels], pictures: Sequence[Pixels]) -> Scores:
    """Mahalanobis distance of each picture by thirteen statistics, float64 (N,). Pictures uint8 (H, W, 3) BGR."""
    return _distances(good, pictures, _whole_picture)


def local_contrast_scores(good: Sequence[Pixels], pictures: Sequence[Pixels]) -> Scores:
    """Mahalanobis distance of each picture by four statistics of local contrast, float64 (N,)."""
    return _distances(good, pictures, _local_contrast)


def statistics(pixels: Pixels) -> list[float]:
    """All seventeen figures of a picture, uint8 (H, W, 3) BGR."""
    grey = _grey(pixels)
    return [*_whole_picture(grey), *_local_contrast(grey)]


def _distances(good: Sequence[Pixels], pictures: Sequence[Pixels], statistics: Callable[[NDArray[np.float32]], list[float]]) -> Scores:
    known, asked = (np.array([statistics(_grey(one)) for one in some], np.float64) for some in (good, pictures))
    inverse = np.linalg.pinv(np.cov(known, rowvar=False))
    away = asked - known.mean(0)
    return np.asarray(np.sqrt(np.einsum("nd,de,ne->n", away, inverse, away)), np.float64)


def _grey(pixels: Pixels) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.float32) / 255, np.float32)


def _whole_picture(grey: NDArray[np.float32]) -> list[float]:
    """Brightness (4), structure along x and y (2), structure by scale (4), likeness to the next pixel along x, y and both (3)."""
    blurred = [grey, *(cv2.GaussianBlur(grey, (0, 0), scale) for scale in SCALES_PX)]
    by_scale = [float(np.log((fine - coarse).std() + 1e-6)) for fine, coarse in pairwise(blurred)]
    along = [float(np.log(np.abs(np.diff(grey, axis=axis)).mean() + 1e-6)) for axis in (0, 1)]
    flat = grey - grey.mean()
    power = float((flat**2).mean()) + 1e-9
    pairs = ((flat[1:], flat[:-1]), (flat[:, 1:], flat[:, :-1]), (flat[1:, 1:], flat[:-1, :-1]))
    likeness = [float((a * b).mean()) / power for a, b in pairs]
    return [float(grey.mean()), float(grey.std()), float(skew(grey, None)), float(kurtosis(grey, None)), *along, *by_scale, *likeness]


def _local_contrast(grey: NDArray[np.float32]) -> list[float]:
    """Lowest, highest, mean and spread of the contrast in windows."""
    window = (WINDOW_PX, WINDOW_PX)
    mean, squares = cv2.blur(grey, window), cv2.blur(grey * grey, window)
    contrast = np.sqrt(np.maximum(squares - mean * mean, 0))
    return [float(contrast.min()), float(contrast.max()), float(contrast.mean()), float(contrast.std())]
