"""Finds the parts of a picture that have the size of a character, and measures what tells printed characters from other parts.

Parts are connected components that are darker or brighter than their surroundings, at three sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

WINDOW_PX = 25
"""Side of the surroundings of a pixel: wider than the widest stroke of a character at that size."""
LEAST_INK, INK_SHARES = 10, (0.7, 1.0)
"""Ink differs from the mean of its surroundings by at least LEAST_INK grey levels and by one of INK_SHARES of their standard deviation.

Printed text of contrast c that covers a quarter of its surroundings has a deviation of 0.43 c. So the first share cuts about half way up
the edges of a stroke, at any contrast: it finds faint text and separates strong text from grain. The second share cuts nearer to the middle
of a stroke: it separates small letters that touch each other or the grain.
"""
SIZES_PX = {1: (6, 30), 2: (14, 30), 4: (14, 40)}
"""Shrinking factor to the least and greatest longer side of a character after it; together 6 to 160 pixels of the picture."""
SAMPLED_EVERY = 8
"""Stride in pixels: medians are taken of every pixel at this distance."""
TEXTURE_EVERY = 4
"""Stride in rows and columns: texture and roughness are medians on these lines."""
BORDER_PX = {1: 4, 2: 2, 4: 2}
"""Shrinking factor to a margin: parts nearer to the border are left out. They may be cut off: frames, corners of a wafer."""
MAX_SHARPNESS = 3.0
"""Limit of the sharpness (largest difference of neighbours at the outline, divided by the contrast): above it another object begins."""
MAX_FILL = 0.75
"""Largest share of its bounding box that a character covers. A part above it is a blob or a bar."""

FEATURES = (
    "contrast", "sharpness", "stroke", "fill", "aspect", "outline", "unevenness", "side", "clearness", "texture", "prominence",
)  # fmt: skip
"""What is measured of a part. The last three compare it with the whole picture: its contrast with the texture (clearness), the texture
itself, and its contrast with the roughness (prominence)."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Connected parts of one picture.

    `features` (N, 11) in the order of FEATURES, `middles` (N, 2) x and y and `boxes` (N, 2) width and height in pixels of the picture,
    `strokes` (N,) px, `inks` (N,) signed grey levels, `scales` (N,) the shrinking factors. All are float64.
    """

    features: Floats
    middles: Floats
    boxes: Floats
    strokes: Floats
    inks: Floats
    scales: Floats


@dataclass(frozen=True, slots=True)
class _Ground:
    """A picture, (H, W); around each pixel the mean and the standard deviation; the local gradient.

    `texture` is the median of the gradient plus 1, `roughness` that of the difference of a pixel from the mean around it.
    """

    grey: NDArray[np.uint8]
    around: NDArray[np.uint8]
    deviation: NDArray[np.float32]
    slopes: NDArray[np.uint8]
    texture: float
    roughness: float


def find_parts(grey: NDArray[np.uint8]) -> Parts:
    """Find the parts of a picture, uint8 (H, W), that have the size of a character and stand out from their surroundings."""
    found, grey = [], _without_bars(grey)
    for shrink, sides in SIZES_PX.items():
        size = (grey.shape[1] // shrink, grey.shape[0] // shrink)
        if min(size) < WINDOW_PX:
            break
        small = grey if shrink == 1 else np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
        ground = _ground(small)
        found += [_measure(ground, sides, shrink, share) for share in INK_SHARES]
    return Parts(*(np.concatenate(arrays) for arrays in zip(*found, strict=True))) if found else _none()


def _without_bars(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Remove busbars and frames that cross the whole picture, so that they do not join the characters on them."""
    rows, columns = (
        np.round(cv2.blur(profile, (1, WINDOW_PX)) - profile).astype(np.int16)
        for profile in (
            np.median(grey[:, ::SAMPLED_EVERY], 1).astype(np.float32)[:, None],
            np.median(grey[::SAMPLED_EVERY], 0).astype(np.float32)[:, None],
        )
    )
    return np.asarray(cv2.add(grey, rows + columns[:, 0], dtype=cv2.CV_8U), np.uint8)


def _ground(grey: NDArray[np.uint8]) -> _Ground:
    around = np.asarray(cv2.blur(grey, (WINDOW_PX, WINDOW_PX)), np.uint8)
    squares = cv2.sqrBoxFilter(grey, cv2.CV_32F, (WINDOW_PX, WINDOW_PX))
    variance = np.maximum(cv2.subtract(squares, cv2.multiply(around, around, dtype=cv2.CV_32F)), 0)
    slopes = np.asarray(cv2.morphologyEx(grey, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)), np.uint8)
    every = np.s_[::TEXTURE_EVERY, ::TEXTURE_EVERY]
    texture = float(np.median(slopes[every])) + 1
    roughness = float(np.median(cv2.absdiff(grey[every].copy(), around[every].copy()))) + 1
    return _Ground(grey, around, np.asarray(cv2.sqrt(variance), np.float32), slopes, texture, roughness)


def _measure(ground: _Ground, sides: tuple[int, int], shrink: int, share: float) -> tuple[Floats, ...]:
    """The fields of Parts for one size and one of INK_SHARES.

    Brighter and darker parts are measured together, as one tall picture: the brighter ones above the darker ones.
    """
    height, width = ground.grey.shape
    above, mask = _inked(ground, share)
    # Labels of 16 bits are three times as fast, if they can count all parts.
    kind = cv2.CV_16U if mask.size // 4 < np.iinfo(np.uint16).max else cv2.CV_32S
    count, labels, stats, middles = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=kind)
    dark = stats[:, 1] > height
    lowered = (height + 1) * dark
    left, top, wide, high, area = stats.T
    top, side = top - lowered, np.maximum(wide, high)
    border = BORDER_PX[shrink]
    whole = (np.minimum(left, top) >= border) & (left + wide <= width - border) & (top + high <= height - border)
    fits = (side >= sides[0]) & (side <= sides[1]) & (area >= side) & (area <= MAX_FILL * wide * high + 2)
    chosen = np.flatnonzero(whole & fits)
    number = np.full(count, -1, np.int32)
    number[chosen] = np.arange(len(chosen))
    inside = np.flatnonzero(mask.view(np.bool_))
    owners = number[labels.ravel()[inside]]
    inside, owners = inside[owners >= 0], owners[owners >= 0]
    edge = cv2.erode(mask, np.ones((3, 3), np.uint8)).ravel()[inside] == 0

    def total(values: NDArray[np.generic], of: NDArray[np.int32] = owners) -> Floats:
        return np.bincount(of, values, len(chosen)).astype(np.float64)

    boxes, area, side = stats[chosen, 2:4].astype(np.float64), area[chosen].astype(np.float64), side[chosen].astype(np.float64)
    grey = _twice(ground.grey).ravel()[inside].astype(np.float64)
    outline = np.maximum(np.bincount(owners[edge], minlength=len(chosen)), 1)
    contrast = total(above.ravel()[inside]) / area
    deviation = np.sqrt(np.maximum(total(grey**2) / area - (total(grey) / area) ** 2, 0))
    stroke = 2 * area / outline
    features = (
        np.log(contrast),
        np.minimum(total(_twice(ground.slopes).ravel()[inside[edge]], owners[edge]) / outline / contrast, MAX_SHARPNESS),
        stroke / side,
        area / boxes.prod(1),
        np.log(side / boxes.min(1)),
        np.log(outline / side),
        deviation / contrast,
        np.log(side),
        np.log(contrast / ground.texture),
        np.full(len(chosen), np.log(ground.texture)),
        np.log(contrast / ground.roughness),
    )
    places = middles[chosen] - np.stack([np.zeros(len(chosen)), lowered[chosen]], 1)
    inks, scale = np.where(dark[chosen], -contrast, contrast), np.full(len(chosen), float(shrink))
    return np.stack(features, 1), places * shrink, boxes * shrink, stroke * shrink, inks, scale


def _inked(ground: _Ground, share: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """How much each pixel is brighter (above) and darker (below an empty row) than its surroundings, and where that is ink (1).

    Both are uint8 (2 H + 1, W).
    """
    least = np.maximum(cv2.convertScaleAbs(ground.deviation, alpha=share), LEAST_INK).astype(np.uint8)
    brighter, darker = cv2.subtract(ground.grey, ground.around), cv2.subtract(ground.around, ground.grey)
    above = _twice(np.asarray(brighter, np.uint8), np.asarray(darker, np.uint8))
    return above, (above > _twice(least)).view(np.uint8)


def _twice(upper: NDArray[np.uint8], lower: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Stack `upper` above `lower`, or above itself, with an empty row between them."""
    return np.concatenate([upper, np.zeros((1, upper.shape[1]), np.uint8), upper if lower is None else lower])


def _none() -> Parts:
    nothing = np.zeros(0)
    return Parts(np.zeros((0, len(FEATURES))), np.zeros((0, 2)), np.zeros((0, 2)), nothing, nothing, nothing)
