"""Variation of the camera: exposure, gamma, noise, blur, a slight shift, uneven light. None of it is a defect."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]


def jitter(pixels: Image, rng: np.random.Generator) -> Image:
    """Flip a picture, float32 (S, S), at random; in one of five also scale, rotate and shift it by a few pixels.

    Call it before painting, so that the positions of painted defects stay right.
    """
    if rng.random() < 0.5:
        pixels = pixels[::-1]
    if rng.random() < 0.5:
        pixels = pixels[:, ::-1]
    pixels = np.ascontiguousarray(pixels)
    if rng.random() < 0.2:
        size = pixels.shape[0]
        scale, shift = rng.uniform(0.97, 1.06), rng.uniform(-4, 4, 2)
        matrix = cv2.getRotationMatrix2D((size / 2, size / 2), rng.normal(0, 0.6), scale)
        matrix[:, 2] = matrix[:, 2] + shift
        warped = cv2.warpAffine(pixels, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        pixels = np.asarray(warped, np.float32)
    return pixels


def uneven_light(pixels: Image, rng: np.random.Generator) -> Image:
    """Multiply a picture, float32 (S, S), by a smooth slope of brightness."""
    size = pixels.shape[0]
    slope = cv2.resize(rng.uniform(0.72, 1.15, (3, 3)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    return pixels * slope


def capture(pixels: Image, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Expose a picture with random gamma, gain, blur and noise: float32 (S, S), 0..1 and above, to uint8 (S, S)."""
    pixels = np.clip(pixels, 0.003, 2) ** rng.uniform(0.6, 1.5) * rng.uniform(0.5, 1.3)
    if rng.random() < 0.3:
        pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 0.9)), np.float32)
    pixels = pixels + rng.standard_normal(pixels.shape, dtype=np.float32) * rng.uniform(0, 0.02)
    return np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
