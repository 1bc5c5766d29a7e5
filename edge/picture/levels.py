"""Decoded values to 8 bits in three colours: the depth of 16-bit pictures and the alpha channel, as the station says."""

from __future__ import annotations

import cv2
import numpy as np

from edge.picture.formats.structure import FormatError, Samples
from edge.records import Pixels, Reason
from firmware_config.station import Picture

_BLOCK_PIXELS = 4_000_000
"""Values are changed in blocks of rows of about so many pixels: copies of a 100-megapixel picture in wider types would take gigabytes."""
_ALPHA = 3


def eight_bits(samples: Samples, settings: Picture) -> Pixels:
    """Grey uint8 (H, W) or BGR uint8 (H, W, 3).

    Raises:
        FormatError: a depth that the station does not name, a value beyond it, or an alpha channel that the station does not allow.
    """
    colours: Samples = samples[:, :, :_ALPHA] if samples.ndim == 3 else samples
    backdrop = _backdrop(samples, settings)
    eight = _scaled(colours, settings) if colours.dtype == np.uint16 else np.asarray(colours, np.uint8)
    if backdrop is None:
        return np.ascontiguousarray(eight)
    return _over(eight, samples[:, :, _ALPHA], backdrop)


def _backdrop(samples: Samples, settings: Picture) -> int | None:
    """The grey level that shines through; None where the alpha channel is opaque, or left out by the station's wish."""
    if samples.ndim != 3 or samples.shape[2] <= _ALPHA or int(samples[:, :, _ALPHA].min()) == np.iinfo(samples.dtype).max:
        return None
    if settings.alpha == "refuse":
        advice = 'write it without alpha, or say [picture] alpha = "ignore", "black" or "white"'
        raise FormatError(Reason.UNSUPPORTED, "has an alpha channel that is not opaque", advice)
    return {"ignore": None, "black": 0, "white": 255}[settings.alpha]


def _scaled(samples: Samples, settings: Picture) -> Pixels:
    """From black_level to the largest value of bit_depth, linear, to 0 to 255."""
    brightest = int(samples.max(initial=0))
    if settings.bit_depth is None:
        detail = f"has 16 bits (its brightest value is {brightest}), and the station names no depth"
        raise FormatError(Reason.UNSUPPORTED, detail, "say [picture] bit_depth, the bits that the camera fills, and black_level")
    largest = (1 << settings.bit_depth) - 1
    if brightest > largest:
        detail = f"has the value {brightest}, the station's bit_depth of {settings.bit_depth} ends at {largest}"
        raise FormatError(Reason.UNSUPPORTED, detail, "correct [picture] bit_depth or the camera's pixel format")
    scale = 255 / (largest - settings.black_level)
    eight = np.empty(samples.shape, np.uint8)
    for rows in _blocks(samples.shape):
        # Subtracted in 16 bits, where OpenCV stops at 0; a scalar would be taken for the first channel only.
        lifted = np.maximum(samples[rows], settings.black_level) - np.uint16(settings.black_level)
        eight[rows] = cv2.convertScaleAbs(np.ascontiguousarray(lifted), alpha=scale).reshape(lifted.shape)
    return eight


def _over(eight: Pixels, alpha: Samples, backdrop: int) -> Pixels:
    """The picture laid over a grey level, rounded."""
    mixed = np.empty(eight.shape, np.uint8)
    top = int(np.iinfo(alpha.dtype).max)
    for rows in _blocks(eight.shape):
        share = np.asarray(alpha[rows] / np.float32(top), np.float32)[:, :, None]
        mixed[rows] = np.rint(eight[rows] * share + backdrop * (1 - share)).astype(np.uint8)
    return mixed


def _blocks(shape: tuple[int, ...]) -> list[slice]:
    rows = max(1, _BLOCK_PIXELS // shape[1])
    return [slice(top, top + rows) for top in range(0, shape[0], rows)]
