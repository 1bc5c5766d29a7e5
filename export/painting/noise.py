"""Random fields: hills and valleys from coarse to fine, of which clouds, ragged borders and uneven light are made."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def hills(
    shape: tuple[int, int], rng: np.random.Generator, *, cells: tuple[int, ...] = (3, 6, 12, 24, 48, 96), roughness: float = 0.8
) -> Field:
    """Draw a field, float32 `shape` (H, W), of mean 0 and deviation 1.

    `cells` says how many hills stand along the longer side, from coarse to fine. Hills twice as fine are `2 ** -roughness` as high.
    """
    longest = max(shape)
    field: Field = np.zeros((2, 2), np.float32)
    for count in cells:
        rows, columns = (max(2, round(min(count, longest) * side / longest)) for side in shape)
        finer = rng.standard_normal((rows, columns), dtype=np.float32) * (cells[0] / count) ** roughness
        field = np.asarray(cv2.resize(field, (columns, rows), interpolation=cv2.INTER_CUBIC), np.float32) + finer
    field = stretched(field, shape)
    return np.asarray((field - field.mean()) / (field.std() + 1e-6), np.float32)


def stretched(field: Field, shape: tuple[int, int]) -> Field:
    """Resize a field smoothly to `shape` (H, W)."""
    return np.asarray(cv2.resize(field, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def blurred(field: NDArray[np.float32], deviation_px: float) -> NDArray[np.float32]:
    """Blur a field or picture with a Gaussian; a deviation under 0.2 px changes nothing."""
    if deviation_px < 0.2:
        return field
    return np.asarray(cv2.GaussianBlur(field, (0, 0), deviation_px), np.float32)


def between(limits: tuple[float, float], rng: np.random.Generator) -> float:
    """Draw evenly between two limits."""
    return float(rng.uniform(*limits))
