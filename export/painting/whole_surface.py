"""Painters of the whole surface: another scale, contrast or tone, other frequencies. Their `size` is always the whole picture."""

from __future__ import annotations

import numpy as np

from export.painting.noise import between, blurred
from export.painting.scene import Brush, Change, Image
from export.painting.texture import contrast, fitted, surroundings, unlike, zoomed
from export.painting.tone import toned


def whole_scale(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint the surface finer or coarser: at strength 1 it is 0.7 or 1.4 times as large."""
    strength = between(brush.strength, rng)
    zoom = 1 - 0.3 * strength if rng.random() < 0.5 else 1 + 0.4 * strength
    return _whole(picture, fitted(zoomed(picture, zoom), picture.shape[:2], rng), strength, "finer" if zoom < 1 else "coarser")


def whole_contrast(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint the surface flatter, or livelier, than it was: by the factor 1 - strength or 1 + strength."""
    strength = between(brush.strength, rng)
    flatter = rng.random() < 0.5
    around = surroundings(picture)
    other = around + (picture - around) * np.float32(1 - strength if flatter else 1 + strength)
    return _whole(picture, other, strength, "flatter" if flatter else "livelier")


def whole_frequency(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint coarse structure weaker or stronger, or fine structure weaker or stronger, and leave the rest as it is."""
    strength = between(brush.strength, rng)
    coarse = blurred(picture, rng.uniform(1.5, 6) * max(picture.shape[:2]) / 250)
    weaker, factor = (True, 1 - strength) if rng.random() < 0.5 else (False, 1 + 2 * strength)
    mean = picture.mean(axis=(0, 1))
    if rng.random() < 0.6:
        other, shape = mean + (coarse - mean) * np.float32(factor) + (picture - coarse), "smoother" if weaker else "cloudier"
    else:
        other, shape = coarse + (picture - coarse) * np.float32(factor), "blunter" if weaker else "sharper"
    return _whole(picture, other, strength, shape)


def whole_tone(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint the whole part darker or brighter."""
    even = np.full(picture.shape[:2], between(brush.strength, rng), np.float32)
    return toned(picture, even, "even", brush, rng)


def _whole(picture: Image, other: Image, strength: float, shape: str) -> Change:
    """Replace the picture; the extent is how unlike it is, even over the surface, and never more than the strength that was drawn."""
    other = np.asarray(np.clip(other, 0, None), np.float32)
    extent = surroundings(unlike(other - picture, contrast(picture)))
    return Change(other, np.minimum(extent, np.float32(strength)), shape)
