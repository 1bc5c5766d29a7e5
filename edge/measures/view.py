"""What is measured of one picture: its tones, a small copy of it, and the texture of its blocks."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels

Floats = NDArray[np.float32]

TONE_PIXELS = 1_000_000
"""Brightness is read of about as many pixels, evenly spread: a percentile needs no more."""
DARK_PERCENTILE, BRIGHT_PERCENTILE = 20.0, 80.0
"""On real cells the 20th percentile tells most: part of a damaged cell is dark, and its bright part stays."""
TEXTURE_PX = 256
"""Longer side at which texture is measured; a smaller picture stays as it is. Woven cloth loses its threads below it."""
MIN_SIDE_PX = 48
"""Shorter side at which texture can be measured: 4 pixels a block."""
SMALL_PX = 80
"""Longer side of the small copy."""
GRID = 12
"""Blocks of texture in a row and in a column."""
STATISTICS = 6
"""Numbers of a block: brightness, contrast, and steps along x and y at two scales."""
NOISE_FLOOR = 64.0
"""Added to variances, in squared grey levels: steps of a few grey levels may be the noise of a sensor."""
SHARPNESS_FLOOR = 2.0
"""As NOISE_FLOOR, for the whole picture: over many pixels noise is steady. A higher one would make a soft picture look sharp."""
MIN_MEDIAN = 8.0
"""Grey levels. The least median by which a picture is divided."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A picture in numbers.

    `dark` and `bright` are the logarithm of two percentiles of its grey levels. `contrast` and `sharpness` are logarithms too.
    `small` is uint8 (h, w), its longer side SMALL_PX. `texture` is float32 (GRID, GRID, STATISTICS).
    """

    dark: float
    bright: float
    contrast: float
    sharpness: float
    small: NDArray[np.uint8]
    texture: Floats


def view_of(pixels: Pixels) -> View:
    """Measure a picture, uint8 (H, W, 3) BGR, after the region of interest was cut."""
    grey = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY), np.uint8)
    dark, bright = _percentiles(grey, (DARK_PERCENTILE, BRIGHT_PERCENTILE))
    working = _working_picture(grey)
    median = max(float(np.median(working)), MIN_MEDIAN)
    halved = _halved(working)
    fine, coarse, coarsest = _steps(working), _steps(halved), _steps(_halved(halved))
    # Not of the finest scale, where a blurred picture still has the noise of the sensor.
    sharpness = 0.5 * np.log((np.mean(coarse) + SHARPNESS_FLOOR) / (np.mean(coarsest) + SHARPNESS_FLOOR))
    return View(
        dark=float(np.log(dark + 1)),
        bright=float(np.log(bright + 1)),
        contrast=float(0.5 * np.log(working.var() + NOISE_FLOOR) - np.log(median)),
        sharpness=float(sharpness),
        small=small_copy(grey),
        texture=_texture(working, median, (*fine, *coarse)),
    )


def small_copy(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A grey picture, uint8 (H, W), with a longer side of SMALL_PX."""
    scale = SMALL_PX / max(grey.shape)
    return resized(grey, (max(1, round(grey.shape[0] * scale)), max(1, round(grey.shape[1] * scale))))


def resized(grey: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """A grey picture, uint8 (H, W), in another shape."""
    if grey.shape == shape:
        return grey
    shrinks = grey.shape[0] >= shape[0] and grey.shape[1] >= shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(grey, (shape[1], shape[0]), interpolation=method), np.uint8)


def _percentiles(grey: NDArray[np.uint8], shares: tuple[float, ...]) -> NDArray[np.float64]:
    """Percentiles of the grey levels, between levels too: a level spreads evenly over its width, so that noise moves them little."""
    stride = max(1, int(np.sqrt(grey.size / TONE_PIXELS)))
    counts = np.bincount(grey[::stride, ::stride].ravel(), minlength=256)
    below = np.concatenate([[0.0], np.cumsum(counts) / counts.sum()])
    return np.asarray(np.interp(np.array(shares) / 100, below, np.arange(257) - 0.5), np.float64)


def _working_picture(grey: NDArray[np.uint8]) -> Floats:
    scale = min(1.0, TEXTURE_PX / max(grey.shape))
    height, width = (max(MIN_SIDE_PX, round(side * scale)) for side in grey.shape)
    return resized(grey, (height, width)).astype(np.float32)


def _texture(working: Floats, median: float, steps: tuple[Floats, ...]) -> Floats:
    mean = _blocks(working)
    variances = [np.maximum(_blocks(np.square(working)) - np.square(mean), 0), *map(_blocks, steps)]
    logarithms = [0.5 * np.log(variance + NOISE_FLOOR) - np.log(median) for variance in variances]
    return np.stack([mean / median, *logarithms], axis=-1).astype(np.float32)


def _steps(picture: Floats) -> tuple[Floats, Floats]:
    """The squared steps from pixel to pixel along x and along y, both float32 (H - 1, W - 1)."""
    return np.square(picture[:-1, 1:] - picture[:-1, :-1]), np.square(picture[1:, :-1] - picture[:-1, :-1])


def _halved(picture: Floats) -> Floats:
    size = (picture.shape[1] // 2, picture.shape[0] // 2)
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _blocks(picture: Floats) -> Floats:
    """The mean of each block, float32 (GRID, GRID)."""
    return np.asarray(cv2.resize(picture, (GRID, GRID), interpolation=cv2.INTER_AREA), np.float32)
