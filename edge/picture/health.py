"""The picture gate: a picture that is not healthy is a FAULT before any model sees it."""

from __future__ import annotations

import hashlib

import numpy as np

from edge.picture.exposure import Exposure, measure
from edge.picture.roi import bounding_box
from edge.records import Frame, Pixels, Reason
from firmware_config.station import Picture


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
        exposure = measure(pixels_of_interest(frame.pixels, settings))
        trouble = exposure_trouble(exposure, settings)
        if trouble is None and frozen:
            return Reason.FROZEN, f"the last {self._same} pictures are identical to the last bit: restart the camera"
        return trouble

    def _is_frozen(self, pixels: Pixels) -> bool:
        if self._settings.frozen_after is None:
            return False
        digest = hashlib.blake2b(np.ascontiguousarray(pixels).data, digest_size=16).digest()
        self._same = self._same + 1 if digest == self._last else 1
        self._last = digest
        return self._same >= self._settings.frozen_after


def pixels_of_interest(pixels: Pixels, settings: Picture) -> Pixels:
    """The bounding box of the station's region of interest, as a view; light and focus elsewhere do not matter."""
    return pixels if settings.roi is None else pixels[bounding_box(settings.roi, pixels.shape[:2])]


def exposure_trouble(exposure: Exposure, settings: Picture) -> tuple[Reason, str] | None:
    """What is wrong with light, contrast or focus by the station's limits; None if nothing is.

    Over-exposure comes first: a white picture is blank as well, and the exposure is what a person must correct.
    """
    if exposure.clipped > settings.max_clipped:
        share = f"{exposure.clipped:.1%} of its pixels are at full white, at most {settings.max_clipped:.1%} may be"
        return Reason.CLIPPED, f"the picture is over-exposed ({share}): shorten the exposure or dim the light"
    if exposure.spread < settings.blank_spread:
        spread = f"its grey levels span {exposure.spread:.1f} of at least {settings.blank_spread}"
        return Reason.BLANK, f"the picture is blank ({spread}): look at light and lens"
    if exposure.light < settings.min_light:
        light = f"its bright parts have grey level {exposure.light:.0f} of at least {settings.min_light:g}"
        return Reason.DARK, f"the picture is dark ({light}): look at light, lens cap and exposure"
    limit = settings.min_sharpness
    if limit is not None and exposure.sharpness is not None and not exposure.sharpness >= limit:
        return Reason.BLURRED, f"the picture is blurred (its sharpness is {exposure.sharpness:.3f} of at least {limit:g}): focus the lens"
    return None
