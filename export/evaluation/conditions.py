"""Changes of capture: what another exposure, lens, sensor, conveyor or encoder makes of the same picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels
from export.errors import SpecError
from export.findings.comparison import Condition, ConditionKind

RANGES: Mapping[ConditionKind, tuple[float, float]] = {
    "exposure": (0.05, 20.0),
    "defocus": (0.0, 50.0),
    "noise": (0.0, 128.0),
    "motion": (0.0, 200.0),
    "jpeg": (1.0, 100.0),
}
"""The smallest and the largest level of each kind that still says something of a picture."""
POINTS_PER_PX = 16
"""Of the path of a motion: with so many, each pixel's share of it is right to a few thousandths."""


def require_possible(condition: Condition) -> None:
    """Refuse a level that says nothing of a picture.

    Raises:
        SpecError: the level is outside RANGES.
    """
    low, high = RANGES[condition.kind]
    if not low <= condition.level <= high:
        msg = f"changing pictures by {condition.kind} {condition.level:g}: give a level from {low:g} to {high:g}"
        raise SpecError(msg)


def changed(pixels: Pixels, condition: Condition, *, seed: int) -> Pixels:
    """The picture, uint8 (H, W, 3) BGR, as it would have been taken under this condition; the same seed changes it in the same way.

    Exposure multiplies the grey levels as they are stored, up to white. Defocus is a Gaussian blur. Noise is Gaussian, alike in the three
    channels of a picture without colour. Motion is a straight even smear in a direction that the seed chooses. JPEG is written and read
    once. A gain of 1, and a level of 0 of a blur or of noise, change nothing.

    Raises:
        SpecError: the level is outside RANGES.
    """
    require_possible(condition)
    return _CHANGES[condition.kind](pixels, condition.level, np.random.default_rng(seed))


def _exposure(pixels: Pixels, gain: float, _: np.random.Generator) -> Pixels:
    return _levels(pixels.astype(np.float32) * np.float32(gain))


def _defocus(pixels: Pixels, sigma_px: float, _: np.random.Generator) -> Pixels:
    if sigma_px == 0:
        return pixels.copy()
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma_px, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def _noise(pixels: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    grey = bool((pixels == pixels[:, :, :1]).all())
    grains = rng.standard_normal((*pixels.shape[:2], 1 if grey else pixels.shape[2]), dtype=np.float32)
    return _levels(pixels.astype(np.float32) + grains * np.float32(deviation))


def _motion(pixels: Pixels, length_px: float, rng: np.random.Generator) -> Pixels:
    kernel = motion_kernel(length_px, degrees=float(rng.uniform(0, 180)))
    return np.asarray(cv2.filter2D(pixels, -1, kernel, borderType=cv2.BORDER_REFLECT_101), np.uint8)


def motion_kernel(length_px: float, *, degrees: float) -> NDArray[np.float32]:
    """Where the light of one pixel goes in a straight even motion, float32 (K, K) with the sum 1; 0 degrees is to the right."""
    reach = int(np.ceil(length_px / 2))
    kernel = np.zeros((2 * reach + 3, 2 * reach + 3))
    along = (np.arange(max(1, round(POINTS_PER_PX * length_px))) + 0.5) / max(1, round(POINTS_PER_PX * length_px)) - 0.5
    columns = reach + 1 + along * length_px * np.cos(np.radians(degrees))
    rows = reach + 1 - along * length_px * np.sin(np.radians(degrees))
    left, top = np.floor(columns).astype(np.int64), np.floor(rows).astype(np.int64)
    right, below = columns - left, rows - top
    for down, across, share in (
        (0, 0, (1 - below) * (1 - right)), (0, 1, (1 - below) * right), (1, 0, below * (1 - right)), (1, 1, below * right),
    ):  # fmt: skip
        np.add.at(kernel, (top + down, left + across), share)
    return np.asarray(kernel / kernel.sum(), np.float32)


def _jpeg(pixels: Pixels, quality: float, _: np.random.Generator) -> Pixels:
    written = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, round(quality)])[1]
    return np.asarray(cv2.imdecode(written, cv2.IMREAD_COLOR), np.uint8)


def _levels(values: NDArray[np.float32]) -> Pixels:
    return np.round(np.clip(values, 0, 255)).astype(np.uint8)


_CHANGES: Mapping[ConditionKind, Callable[[Pixels, float, np.random.Generator], Pixels]] = {
    "exposure": _exposure,
    "defocus": _defocus,
    "noise": _noise,
    "motion": _motion,
    "jpeg": _jpeg,
}
