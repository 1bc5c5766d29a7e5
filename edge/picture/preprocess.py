"""Pixels to `pixel_values`: the one place where a picture is made ready for a vision tower."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels
from firmware_config.bundle import ImagePreprocess

MAX_GAIN = 2.5
"""A cell that is dark all over must stay darker than a healthy one after the gain."""

_BICUBIC_A = -0.5
"""Keys' parameter as Pillow's BICUBIC has it."""


def pixel_values(pixels: Pixels, settings: ImagePreprocess) -> NDArray[np.float32]:
    """Resize, scale and normalise a picture.

    `pixels` is uint8 (H, W, 3) BGR; returns float32 (1, 3, S, S) RGB. The resize is Pillow's antialiased bicubic, as the published
    CLIP and BLIP checkpoints were trained with, without Pillow's rounding to 8 bit between the two passes.
    """
    down = _resize_matrix(pixels.shape[0], settings.size)
    across = _resize_matrix(pixels.shape[1], settings.size)
    planes = np.ascontiguousarray(pixels[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32)
    same = pixels.shape[:2] == (settings.size, settings.size)
    resized = (planes if same else np.clip(down @ planes @ across.T, 0.0, 255.0)) / np.float32(255)
    if settings.gain == "median":
        resized *= np.float32(min(0.5 / max(float(np.median(resized)), 1e-3), MAX_GAIN))
    mean = np.array(settings.mean, np.float32)[:, None, None]
    std = np.array(settings.std, np.float32)[:, None, None]
    return ((resized - mean) / std)[None].astype(np.float32, copy=False)


@lru_cache(maxsize=16)
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
