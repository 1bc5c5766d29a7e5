"""The picture gate: a picture that is not healthy is a FAULT before any model sees it."""

from __future__ import annotations

import hashlib

import numpy as np

from edge.records import Frame, Pixels, Reason
from firmware_config.station import Picture

SAMPLED_SIDE = 512
"""Percentiles are taken of at most this many pixels a side, evenly spread."""


class HealthCheck:
    """Looks at the pictures of one station, in order: frozen is a matter of several."""

    def __init__(self, settings: Picture) -> None:
        self._settings = settings
        self._last: bytes | None = None
        self._same = 0

    def trouble(self, frame: Frame) -> tuple[Reason, str] | None:
        """What is wrong with a picture, as a code and one sentence; None of a healthy one."""
        settings = self._settings
        height, width = frame.pixels.shape[:2]
        wanted = (settings.width or width, settings.height or height)
        if (width, height) != wanted:
            return (
                Reason.WRONG_SIZE,
                f"the picture is {width}x{height}, this station expects {wanted[0]}x{wanted[1]}: look at the camera's settings",
            )
        if min(width, height) < settings.min_side:
            return (
                Reason.WRONG_SIZE,
                f"the picture is {width}x{height}, its shorter side must be at least {settings.min_side}: look at the camera's settings",
            )
        frozen = self._is_frozen(frame.pixels)
        spread = _spread(frame.pixels)
        if spread < settings.blank_spread:
            least = settings.blank_spread
            return Reason.BLANK, f"the picture is blank (its grey levels span {spread:.1f} of at least {least}): look at light and lens"
        if frozen:
            return Reason.FROZEN, f"the last {self._same} pictures are identical to the last bit: restart the camera"
        return None

    def _is_frozen(self, pixels: Pixels) -> bool:
        if self._settings.frozen_after is None:
            return False
        digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()
        self._same = self._same + 1 if digest == self._last else 1
        self._last = digest
        return self._same >= self._settings.frozen_after


def _spread(pixels: Pixels) -> float:
    """Grey levels between the 1st and the 99th percentile."""
    step = max(1, max(pixels.shape[:2]) // SAMPLED_SIDE)
    low, high = np.percentile(pixels[::step, ::step].mean(-1), (1, 99))
    return float(high - low)
