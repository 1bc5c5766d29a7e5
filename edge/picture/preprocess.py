"""Turn pixels into `pixel_values`, the input of a vision graph. Nothing else preprocesses pictures for vision graphs."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels
from firmware_config.describers import ImagePreprocess, Resample

MAX_GAIN = 2.5
"""Upper limit of the gain. A cell that is dark all over must stay darker than a healthy cell after it."""

_BICUBIC_A = -0.5
"""The parameter a of Keys' cubic convolution (1981); Pillow's BICUBIC uses -0.5."""

_REACH: dict[Resample, float] = {"bicubic": 2.0, "bilinear": 1.0, "lanczos": 3.0, "hamming": 1.0, "box": 0.5}
"""The half width of each filter's kernel, in pixels of the smaller picture; as Pillow's."""

_BAND = 32
"""Target rows or columns in one matrix product. The resize matrix is zero except near its diagonal, so bands skip most products."""


def pixel_values(pixels: Pixels, settings: ImagePreprocess) -> NDArray[np.float32]:
    """Resize, scale and normalise a picture.

    `pixels` is uint8 (H, W, 3) BGR; returns float32 (1, 3, S, S) RGB. The resize is Pillow's, with antialias, but without its rounding
    to 8 bit between its two passes. Its bicubic filter is what the published CLIP and BLIP checkpoints were trained with.
    """
    planes = np.ascontiguousarray(pixels[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32)
    same = pixels.shape[:2] == (settings.size, settings.size)
    resized = (planes if same else np.clip(_resized(planes, settings.size, settings.resample), 0.0, 255.0)) / np.float32(255)
    if settings.gain == "median":
        resized *= np.float32(min(0.5 / max(float(np.median(resized)), 1e-3), MAX_GAIN))
    mean = np.array(settings.mean, np.float32)[:, None, None]
    std = np.array(settings.std, np.float32)[:, None, None]
    return ((resized - mean) / std)[None].astype(np.float32, copy=False)


def _resized(planes: NDArray[np.float32], size: int, resample: Resample) -> NDArray[np.float32]:
    """Resize float32 (3, H, W) to (3, size, size), rows first."""
    shortened = np.empty((len(planes), size, planes.shape[2]), np.float32)
    for rows, source, weights in _bands(planes.shape[1], size, resample):
        np.matmul(weights, planes[:, source], out=shortened[:, rows])
    resized = np.empty((len(planes), size, size), np.float32)
    for columns, source, weights in _bands(planes.shape[2], size, resample):
        resized[:, :, columns] = shortened[:, :, source] @ weights.T
    return resized


@lru_cache(maxsize=16)
def _bands(source: int, target: int, resample: Resample) -> tuple[tuple[slice, slice, NDArray[np.float32]], ...]:
    """Return the resize matrix in bands: target indices, the source indices with weights, and these weights (targets, sources)."""
    matrix, bands = _resize_matrix(source, target, resample), []
    for first in range(0, target, _BAND):
        rows = matrix[first : first + _BAND]
        sources = np.flatnonzero(rows.any(0))
        span = slice(int(sources[0]), int(sources[-1]) + 1)
        bands.append((slice(first, first + len(rows)), span, np.ascontiguousarray(rows[:, span])))
    return tuple(bands)


def _resize_matrix(source: int, target: int, resample: Resample) -> NDArray[np.float32]:
    """Return weights, float32 (target, source), of a resize; a kernel widens when the picture shrinks (antialias)."""
    scale = source / target
    centres = (np.arange(target) + 0.5) * scale
    if resample == "nearest":
        return np.asarray(np.arange(source)[None, :] == np.floor(centres).astype(int)[:, None], np.float32)
    distance = ((np.arange(source) + 0.5)[None, :] - centres[:, None]) / max(scale, 1.0)
    weights = np.where(_within(distance, _REACH[resample]), _kernel(np.abs(distance), resample), 0.0)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def _within(distance: NDArray[np.float64], reach: float) -> NDArray[np.bool_]:
    """Whether a source pixel is inside the kernel: open on the left, as in Pillow's box, so that none counts twice."""
    return (distance > -reach) & (distance <= reach)


def _kernel(distance: NDArray[np.float64], resample: Resample) -> NDArray[np.float64]:
    """The value of a filter at a distance from its centre, in pixels of the smaller picture."""
    match resample:
        case "bicubic":
            near = (_BICUBIC_A + 2) * distance**3 - (_BICUBIC_A + 3) * distance**2 + 1
            far = _BICUBIC_A * (distance**3 - 5 * distance**2 + 8 * distance - 4)
            return np.where(distance < 1, near, far)
        case "bilinear":
            return 1 - distance
        case "lanczos":
            return np.sinc(distance) * np.sinc(distance / 3)
        case "hamming":
            return np.sinc(distance) * (0.54 + 0.46 * np.cos(np.pi * distance))
        case _:
            return np.ones_like(distance)
