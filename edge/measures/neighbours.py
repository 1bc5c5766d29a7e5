"""How a picture differs from the known pictures that are most like it.

The median of the nearest known pictures is what the part would look like without its defect: a defect of one of them does not show in it.
Unlabelled pictures may therefore be among them.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.measures.view import MIN_MEDIAN, Floats, resized

NEAREST = 8
SMOOTHING_PX = 1.0
SPREAD_SMOOTHING_PX = 2.0
MIN_SPREAD = 0.02
"""Of the median brightness. Where known pictures differ by less, a difference counts as if they differed by this much."""


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Known pictures, uint8 (N, h, w), and how much good ones differ from their nearest at each pixel: `spread` float32 (h, w)."""

    pictures: NDArray[np.uint8]
    spread: Floats
    _flat: Floats = field(init=False, repr=False)
    _directions: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Prepare the pictures for the search."""
        flat = np.stack([_profile(picture).ravel() for picture in self.pictures])
        object.__setattr__(self, "_flat", flat)
        object.__setattr__(self, "_directions", np.stack([_direction(row) for row in flat]))

    def difference(self, small: NDArray[np.uint8], *, without: NDArray[np.bool_] | None = None) -> Floats:
        """The picture less the median of its nearest, smoothed, float32 (h, w), in shares of its brightness; below 0 where it is darker.

        `without` bool (N,) says which known pictures to leave out.
        """
        shape = (self.pictures.shape[1], self.pictures.shape[2])
        profile = _profile(resized(small, shape)).ravel()
        likeness = self._directions @ _direction(profile)
        if without is not None:
            likeness[without] = -np.inf
        nearest = np.argpartition(-likeness, NEAREST)[:NEAREST] if len(likeness) > NEAREST else np.arange(len(likeness))
        ordered = np.sort(self._flat[nearest], axis=0)
        middle = (ordered[(len(nearest) - 1) // 2] + ordered[len(nearest) // 2]) / 2
        return _smoothed((profile - middle).reshape(shape), SMOOTHING_PX)

    def in_spreads(self, difference: Floats) -> Floats:
        """A difference, float32 (h, w), divided by what is usual at each pixel."""
        return difference / (self.spread + np.float32(MIN_SPREAD))


def spread_of(differences: Floats) -> Floats:
    """How much good pictures differ from their nearest at each pixel: from differences (N, h, w), robust against some that are not good."""
    return _smoothed((1.4826 * np.median(np.abs(differences), axis=0)).astype(np.float32), SPREAD_SMOOTHING_PX)


def _profile(small: NDArray[np.uint8]) -> Floats:
    """A small picture in shares of its median, without what is common to a whole row or column: light from one side, a busbar."""
    shares = small.astype(np.float32) / np.float32(max(float(np.median(small)), MIN_MEDIAN))
    shares -= np.median(shares, axis=1, keepdims=True)
    shares -= np.median(shares, axis=0, keepdims=True)
    return shares


def _direction(flat: Floats) -> Floats:
    centred = flat - flat.mean()
    return np.asarray(centred / (np.linalg.norm(centred) + np.float32(1e-6)), np.float32)


def _smoothed(picture: Floats, sigma_px: float) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32)
