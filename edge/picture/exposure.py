"""Measures of light, contrast and focus of a picture. The health check compares them with the station's limits.

They look at a sample of a large picture, so that their time does not grow with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels

SAMPLED_SIDE_PX = 512
"""Grey levels are counted of at most this many pixels a side, evenly spread."""
LOW_PERCENTILE, HIGH_PERCENTILE = 1, 99
"""The darkest and the brightest percent are left out: hot pixels and small highlights are not the picture."""

TILES, TILE_PX = 4, 128
"""Sharpness is measured in full resolution. Larger pictures than SAMPLED_SIDE_PX: in TILES x TILES tiles of this side, evenly spread."""
MIN_SIDE_PX = 64
"""Sharpness is unknown in a smaller picture: its coarse scale would have too few pixels."""
FINE, COARSE = 1, 3
"""Halvings of the picture between which sharpness compares detail: 2 and 8 pixels."""
NOISE_BLOCK_PX, NOISE_QUANTILE = 16, 0.25
"""The noise is that of blocks of this side with little detail: a quarter of all blocks have less."""
LAPLACIAN_GAIN = 20.0
"""Variance that the Laplacian (1, -4, 1) makes of white noise with variance 1."""


@dataclass(frozen=True, slots=True)
class Exposure:
    """Light, contrast and focus of one picture.

    `clipped` is the share of pixels (0..1) with a channel at 255. `light` is the 99th percentile of the grey levels (0..255), `spread` its
    distance from the 1st. `sharpness` is the detail of 2 pixels divided by that of 8, without the noise; None where the picture is small.
    """

    clipped: float
    light: float
    spread: float
    sharpness: float | None


def measure(pixels: Pixels) -> Exposure:
    """Measure a picture, uint8 (H, W, 3) BGR."""
    step = max(1, max(pixels.shape[:2]) // SAMPLED_SIDE_PX)
    sample = np.ascontiguousarray(pixels[::step, ::step])
    brightest = cv2.max(cv2.max(sample[:, :, 0], sample[:, :, 1]), sample[:, :, 2])
    grey = cv2.cvtColor(sample, cv2.COLOR_BGR2GRAY)
    shares = np.cumsum(np.bincount(grey.ravel(), minlength=256)) / grey.size
    low, high = (int(np.searchsorted(shares, percentile / 100)) for percentile in (LOW_PERCENTILE, HIGH_PERCENTILE))
    return Exposure(
        clipped=float(np.count_nonzero(brightest == np.iinfo(np.uint8).max) / brightest.size),
        light=float(high),
        spread=float(high - low),
        sharpness=_sharpness(pixels),
    )


def _sharpness(pixels: Pixels) -> float | None:
    """Fine detail divided by coarse detail, as root mean squares of the Laplacian at two scales, each without what noise adds to it.

    Defocus takes fine detail first. The ratio depends on neither brightness nor contrast.
    """
    if min(pixels.shape[:2]) < MIN_SIDE_PX:
        return None
    squares: dict[int, list[NDArray[np.float32]]] = {0: [], FINE: [], COARSE: []}
    for tile in _tiles(pixels):
        scaled: Any = cv2.cvtColor(np.ascontiguousarray(tile), cv2.COLOR_BGR2GRAY).astype(np.float32)
        for level in range(COARSE + 1):
            if level in squares:
                squares[level].append(np.square(cv2.Laplacian(scaled, cv2.CV_32F)[1:-1, 1:-1]))
            scaled = cv2.resize(scaled, (scaled.shape[1] // 2, scaled.shape[0] // 2), interpolation=cv2.INTER_AREA)
    noise = float(np.quantile(np.concatenate([_block_means(values).ravel() for values in squares[0]]), NOISE_QUANTILE)) / LAPLACIAN_GAIN
    fine, coarse = (
        float(np.mean([values.mean() for values in squares[level]])) - LAPLACIAN_GAIN * noise / 4**level for level in (FINE, COARSE)
    )
    return float(np.sqrt(max(fine, 0.0) / max(coarse, np.finfo(np.float32).eps)))


def _tiles(pixels: Pixels) -> Iterator[Pixels]:
    """Parts of a picture in full resolution; their sides are multiples of the coarse scale."""
    height, width = pixels.shape[:2]
    if max(height, width) <= SAMPLED_SIDE_PX:
        scale = 1 << COARSE
        yield pixels[: height // scale * scale, : width // scale * scale]
        return
    tall, wide = min(TILE_PX, height // 8 * 8), min(TILE_PX, width // 8 * 8)
    for top in np.linspace(0, height - tall, TILES).astype(int):
        for left in np.linspace(0, width - wide, TILES).astype(int):
            yield pixels[top : top + tall, left : left + wide]


def _block_means(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of each block of NOISE_BLOCK_PX a side that fits; float32 (H, W) to (H // block, W // block)."""
    block = NOISE_BLOCK_PX
    tall, wide = (side // block for side in values.shape)
    return np.asarray(values[: tall * block, : wide * block].reshape(tall, block, wide, block).mean((1, 3)), np.float32)
