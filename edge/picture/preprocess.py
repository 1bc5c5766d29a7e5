"""Pixels to `pixel_values`: the one place where a picture is made ready for a vision tower."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels
from firmware_config.describers import ImagePreprocess

MAX_GAIN = 2.5
"""A cell that is dark all over must stay darker than a healthy one after the gain."""

_BICUBIC_A = -0.5
"""Keys' parameter as Pillow's BICUBIC has it."""

_BAND = 32
"""Targets that are resized together: a row of the resize matrix is zeros but for a few weights beside its diagonal."""


def pixel_values(pixels: Pixels, settings: ImagePreprocess) -> NDArray[np.float32]:
    """Resize, scale and normalise a picture.

    `pixels` is uint8 (H, W, 3) BGR; returns float32 (1, 3, S, S) RGB. The resize is Pillow's antialiased bicubic, as the published
    CLIP and BLIP checkpoints were trained with, without Pillow's rounding to 8 bit between the two passes.
    """
    planes = np.ascontiguousarray(pixels[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32)
    same = pixels.shape[:2] == (settings.size, settings.size)
    resized = (planes if same else np.clip(_resized(planes, settings.size), 0.0, 255.0)) / np.float32(255)
    if settings.gain == "median":
        resized *= np.float32(min(0.5 / max(float(np.median(resized)), 1e-3), MAX_GAIN))
    mean = np.array(settings.mean, np.float32)[:, None, None]
    std = np.array(settings.std, np.float32)[:, None, None]
    return ((resized - mean) / std)[None].astype(np.float32, copy=False)


def _resized(planes: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Float32 (3, H, W) to (3, size, size)."""
    lower = np.empty((len(planes), size, planes.shape[2]), np.float32)
    for rows, source, weights in _bands(planes.shape[1], size):
        np.matmul(weights, planes[:, source], out=lower[:, rows])
    narrow = np.empty((len(planes), size, size), np.float32)
    for columns, source, weights in _bands(planes.shape[2], size):
        narrow[:, :, columns] = lower[:, :, source] @ weights.T
    return narrow


@lru_cache(maxsize=16)
def _bands(source: int, target: int) -> tuple[tuple[slice, slice, NDArray[np.float32]], ...]:
    """The resize matrix in bands of targets: the targets, the sources that they need, and the weights; all else is zeros."""
    matrix, bands = _resize_matrix(source, target), []
    for first in range(0, target, _BAND):
        rows = matrix[first : first + _BAND]
        needed = np.flatnonzero(rows.any(0))
        span = slice(int(needed[0]), int(needed[-1]) + 1)
        bands.append((slice(first, first + len(rows)), span, np.ascontiguousarray(rows[:, span])))
    return tuple(bands)


def _resize_matrix(source: int, target: int) -> NDArray[np.float32]:
    """Weights (target, source) of a bicubic resize whose kernel widens when it shrinks the picture."""
    scale = source / target
    stretch = max(scale, 1.0)
    centres = (np.arange(target) + 0.5) * scale
    distance = np.abs((np.arange(source) + 0.5)[None, :] - centres[:, None]) / stretch
    near = (_BICUBIC_A + 2) * distance**3 - (_BICUBIC_A + 3) * distance**2 + 1
    far = _BICUBIC_A * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)
