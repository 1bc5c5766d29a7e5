"""Is there writing in a picture? Rows of sharp strokes of even width and even ink, dark or bright, in any direction.

Writing is found, not read: a vision model that reads it may believe it over the part (a crack with "PASS" beside it). Connected parts of
what is darker or brighter than its surroundings are measured at three sizes and three strengths; a logistic rule says how much each looks
like a character, and two neighbours of like size, stroke and ink that both do are writing. The rule was fitted on print drawn by seed onto
cells of the starter's source and onto cells with drawn grain, by `python -m export.pilot.writing_fit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels

Floats = NDArray[np.float64]

MAX_SIDE_PX = 640
"""Larger pictures are made smaller first; characters must then still be about ten pixels high."""
WINDOW_PX = 25
"""What is around a stroke: wider than any stroke of a character that a size can hold."""
LEVELS = (12, 32, 72)
"""Grey levels between ink and surroundings: faint print shows at the first, print on grain comes apart from it at the others."""
SIZES_PX = {1: (7, 30), 2: (14, 30), 4: (14, 40)}
"""By how much the picture is shrunk: the longer side of a character there. In all 7 to 160 pixels."""
SAMPLED_EVERY = 4
"""Medians along rows and columns are taken of every so manieth pixel."""
BORDER_PX = 2
MAX_SHARPNESS = 1.0
"""Slope at the outline over contrast: more only says that something else begins there."""
MAX_FILL = 0.75
"""Share of its box that a character covers at most: what is fuller is a blob or a bar."""

FEATURES = ("contrast", "sharpness", "stroke", "fill", "aspect", "outline", "unevenness", "side")
MEANS = (3.238, 0.569, 0.213, 0.532, 0.5, 1.139, 0.247, 2.684)
DEVIATIONS = (0.587, 0.239, 0.071, 0.126, 0.419, 0.303, 0.133, 0.416)
WEIGHTS = (2.893, 2.054, -2.052, 0.497, 0.153, 0.748, -0.91, -1.806)
BIAS = -4.403
"""Log-odds that a part is a character: BIAS + WEIGHTS · (features - MEANS) / DEVIATIONS."""
LEAST_PAIR, LEAST_ALONE = 0.0, 3.0
"""Log-odds from which two neighbours together, or one part alone (letters that run together), are writing."""

LIKE_SIZE, LIKE_INK, LIKE_STROKE, LIKE_SCALE = np.log(2.0), np.log(1.6), np.log(1.6), 0.8
REACH, APART = 1.6, 0.6
"""Neighbours: distance of their middles in sides of the larger and of the smaller one."""
MAX_PARTS = 128
"""Only the likeliest parts are paired: time must not hang on how noisy a picture is."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Connected parts of one picture.

    `features` (N, 8) in the order of FEATURES, `middles` (N, 2) x and y and `boxes` (N, 2) width and height in pixels of the picture,
    `strokes` (N,) px, `inks` (N,) signed grey levels, `scales` (N,) by how much the picture was shrunk.
    """

    features: Floats
    middles: Floats
    boxes: Floats
    strokes: Floats
    inks: Floats
    scales: Floats


def has_writing(pixels: Pixels) -> bool:
    """Tell whether there is writing in a picture, uint8 (H, W, 3) BGR."""
    return any(_is_written(find_parts(plane)) for plane in _planes(pixels))


def _planes(pixels: Pixels) -> list[NDArray[np.uint8]]:
    """One plane of a grey picture, three of a coloured one (red on grey of the same brightness is writing too), none too large."""
    shrink = MAX_SIDE_PX / max(pixels.shape[:2])
    size = [max(1, round(side * shrink)) for side in pixels.shape[1::-1]]
    small = pixels if shrink >= 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    blue, green, red = cv2.split(small)
    grey = np.array_equal(blue, green) and np.array_equal(green, red)
    return [np.asarray(plane, np.uint8) for plane in ((green,) if grey else (blue, green, red))]


def _is_written(parts: Parts) -> bool:
    single, pair = scores(parts)
    # Asked this way round, odds that are no number are writing.
    return not (single < LEAST_ALONE and pair < LEAST_PAIR)


def scores(parts: Parts) -> tuple[float, float]:
    """Log-odds of the likeliest character, and of the likeliest two neighbours together; minus infinity where there is none."""
    odds = BIAS + (parts.features - MEANS) / DEVIATIONS @ WEIGHTS
    if not len(odds):
        return -np.inf, -np.inf
    best = np.argsort(-odds, kind="stable")[:MAX_PARTS]
    together = np.where(_are_neighbours(parts, best), odds[best][:, None] + odds[best][None], -np.inf)
    return float(odds[best[0]]), float(together.max())


def _are_neighbours(parts: Parts, best: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the parts `best` stand beside each other and look as if written with the same pen, bool (N, N)."""

    def ratios(values: Floats) -> Floats:
        logs = np.log(values)
        return np.asarray(np.abs(logs[:, None] - logs[None]))

    sides, inks = parts.boxes[best].max(1), parts.inks[best]
    distances = np.hypot(*(parts.middles[best][:, None] - parts.middles[best][None]).transpose(2, 0, 1))
    return np.asarray(
        (distances < REACH * np.maximum(sides[:, None], sides[None]))
        & (distances > APART * np.minimum(sides[:, None], sides[None]))
        & (np.sign(inks)[:, None] == np.sign(inks)[None])
        & (ratios(sides) < LIKE_SIZE)
        & (ratios(np.abs(inks)) < LIKE_INK)
        & (ratios(parts.strokes[best]) < LIKE_STROKE)
        & (ratios(parts.scales[best]) < LIKE_SCALE)
    )


def find_parts(grey: NDArray[np.uint8]) -> Parts:
    """Everything of a character's size that stands out, uint8 (H, W) in."""
    found, grey = [], _without_bars(grey)
    for shrink, sides in SIZES_PX.items():
        size = (grey.shape[1] // shrink, grey.shape[0] // shrink)
        if min(size) < WINDOW_PX:
            break
        looked = cv2.resize(grey, size, interpolation=cv2.INTER_AREA) if shrink > 1 else cv2.GaussianBlur(grey, (3, 3), 0.6)
        small = np.asarray(looked, np.uint8)
        around = cv2.blur(small, (WINDOW_PX, WINDOW_PX))
        slope = np.asarray(cv2.magnitude(cv2.Scharr(small, cv2.CV_32F, 1, 0), cv2.Scharr(small, cv2.CV_32F, 0, 1)) / 16, np.float32)
        for sign, level in product((1, -1), LEVELS):
            above = cv2.subtract(small, around) if sign > 0 else cv2.subtract(around, small)
            found.append(_measure(small, np.asarray(above, np.uint8), slope, level, sides, shrink=shrink, sign=sign))
    return Parts(*(np.concatenate(arrays) for arrays in zip(*found, strict=True))) if found else _none()


def _without_bars(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Busbars and frames that run through the whole picture taken out, so that characters across one do not hang together by it."""
    out = grey.astype(np.float32)
    for axis in (0, 1):
        every = grey[:, ::SAMPLED_EVERY] if axis else grey[::SAMPLED_EVERY]
        profile = np.median(every, axis).astype(np.float32)[:, None]
        out += np.expand_dims((cv2.blur(profile, (1, WINDOW_PX)) - profile)[:, 0], axis)
    return np.asarray(np.clip(out, 0, 255), np.uint8)


def _measure(
    small: NDArray[np.uint8],
    above: NDArray[np.uint8],
    slope: NDArray[np.float32],
    level: int,
    sides: tuple[int, int],
    *,
    shrink: int,
    sign: int,
) -> tuple[Floats, ...]:
    """The fields of Parts for what is more than `level` above (or below) its surroundings."""
    mask = (above > level).astype(np.uint8)
    count, labels, stats, middles = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)
    boxes, area = stats[:, 2:4].astype(np.float64), stats[:, 4].astype(np.float64)
    side = boxes.max(1)
    # What is at the border may go on outside: frames, and the cut corners of a wafer.
    ends = stats[:, :2] + stats[:, 2:4]
    whole = (stats[:, :2] >= BORDER_PX).all(1) & (ends <= np.array(small.shape[::-1]) - BORDER_PX).all(1)
    chosen = np.flatnonzero(whole & (side >= sides[0]) & (side <= sides[1]) & (area >= side) & (area <= MAX_FILL * boxes.prod(1) + 2))
    number = np.full(count, -1, np.int32)
    number[chosen] = np.arange(len(chosen))
    inside = np.flatnonzero(mask)
    owners = number[labels.ravel()[inside]]
    inside, owners = inside[owners >= 0], owners[owners >= 0]
    edge = cv2.erode(mask, np.ones((3, 3), np.uint8)).ravel()[inside] == 0

    def total(values: NDArray[np.generic], of: NDArray[np.intp] = owners) -> Floats:
        return np.bincount(of, values, len(chosen)).astype(np.float64)

    boxes, area, side = boxes[chosen], area[chosen], side[chosen]
    grey = small.ravel()[inside].astype(np.float64)
    outline = np.maximum(np.bincount(owners[edge], minlength=len(chosen)), 1)
    contrast = total(above.ravel()[inside]) / area
    deviation = np.sqrt(np.maximum(total(grey**2) / area - (total(grey) / area) ** 2, 0))
    stroke = 2 * area / outline
    features = (
        np.log(contrast),
        np.minimum(total(slope.ravel()[inside][edge], owners[edge]) / outline / contrast, MAX_SHARPNESS),
        stroke / side,
        area / boxes.prod(1),
        np.log(side / boxes.min(1)),
        np.log(outline / side),
        deviation / contrast,
        np.log(side),
    )
    scale = np.full(len(chosen), float(shrink))
    found = np.stack(features, 1), middles[chosen] * shrink, boxes * shrink, stroke * shrink, sign * contrast, scale
    return tuple(np.asarray(array, np.float64) for array in found)


def _none() -> Parts:
    nothing = np.zeros(0)
    return Parts(np.zeros((0, len(FEATURES))), np.zeros((0, 2)), np.zeros((0, 2)), nothing, nothing, nothing)
