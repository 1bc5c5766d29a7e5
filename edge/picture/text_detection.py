"""Is there writing in a picture? Rows of sharp strokes of even width and even ink, dark or bright, in any direction.

Writing is found, not read: a vision model that reads it may believe it over the part (a crack with "PASS" beside it). Connected parts of
what is darker or brighter than its surroundings, by a share of how much these vary, are measured at three sizes; a logistic rule says how
much each looks like a character, and two neighbours of like size, stroke and ink that both do are writing. The rule was fitted on print
drawn by seed onto cells of the starter's source and onto cells with drawn grain, by
`python -m export.studies.typographic_attack.fit_detector`.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels

Floats = NDArray[np.float64]

MAX_SIDE_PX = 640
"""Larger pictures are made smaller first; characters must then still be about ten pixels high."""
WINDOW_PX = 25
"""What is around a stroke: wider than any stroke of a character that a size can hold."""
LEAST_INK, INK_SHARES = 10, (0.7, 1.0)
"""Ink differs from the mean of its surroundings by so many grey levels, and by one of these shares of their deviation.

Print of contrast c that covers a quarter of its surroundings deviates by 0.43 c, so the first cut is about half way up its edges, whatever
its contrast is: faint print shows, and strong print on grain or in thin strokes comes apart. The second is nearer to its ridge: there
small letters that run together, or into grain, come apart.
"""
SIZES_PX = {1: (6, 30), 2: (14, 30), 4: (14, 40)}
"""By how much the picture is shrunk: the longer side of a character there. In all 6 to 160 pixels."""
SAMPLED_EVERY = 8
"""Medians are taken of every so manieth pixel."""
TEXTURE_EVERY = 4
"""Of every so manieth row and column the texture is the median slope."""
BORDER_PX = {1: 4, 2: 2, 4: 2}
"""By how much the picture is shrunk: what comes nearer to the border is left out. It may go on outside: frames, cut corners of a wafer."""
MAX_SHARPNESS = 3.0
"""Largest difference of neighbours at the outline over contrast: more only says that something else begins there."""
MAX_FILL = 0.75
"""Share of its box that a character covers at most: what is fuller is a blob or a bar."""

FEATURES = ("contrast", "sharpness", "stroke", "fill", "aspect", "outline", "unevenness", "side", "clearness", "texture")
MEANS = (2.883, 0.903, 0.212, 0.48, 0.502, 1.049, 0.221, 2.506, 0.447, 2.436)
DEVIATIONS = (0.424, 0.291, 0.078, 0.125, 0.388, 0.382, 0.081, 0.478, 0.544, 0.4)
WEIGHTS = (1.624, 2.352, -1.53, 0.05, 0.532, 1.473, -0.249, -1.908, 1.396, -0.178)
BIAS = -7.89
"""Log-odds that a part is a character: BIAS + WEIGHTS · (features - MEANS) / DEVIATIONS."""
LEAST_PAIR, LEAST_ALONE = -1.0, 2.5
"""Log-odds from which two neighbours together, or one part alone (letters that run together), are writing."""
RUN_TOGETHER = np.log(1.5)
"""A part alone must be so much longer than wide (in logarithms): letters that run together are, the corner of a frame is not."""

LIKE_SIZE, LIKE_INK, LIKE_STROKE, LIKE_SCALE = np.log(2.0), np.log(1.6), np.log(1.6), 0.8
REACH, APART = 1.6, 0.6
"""Neighbours: distance of their middles in sides of the larger and of the smaller one."""
MAX_PARTS = 64
"""Only the likeliest parts are paired: time must not hang on how noisy a picture is."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Connected parts of one picture.

    `features` (N, 10) in the order of FEATURES, `middles` (N, 2) x and y and `boxes` (N, 2) width and height in pixels of the picture,
    `strokes` (N,) px, `inks` (N,) signed grey levels, `scales` (N,) by how much the picture was shrunk.
    """

    features: Floats
    middles: Floats
    boxes: Floats
    strokes: Floats
    inks: Floats
    scales: Floats


@dataclass(frozen=True, slots=True)
class _Ground:
    """A picture, uint8 (H, W), the mean and the deviation around each pixel, how steep it is there, and the median of that."""

    grey: NDArray[np.uint8]
    around: NDArray[np.uint8]
    deviation: NDArray[np.float32]
    slopes: NDArray[np.uint8]
    texture: float


def has_printed_text(pixels: Pixels) -> bool:
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
    """Log-odds of the likeliest letters that run together, and of the likeliest two neighbours together; minus infinity without any."""
    odds = BIAS + (parts.features - MEANS) / DEVIATIONS @ WEIGHTS
    if not len(odds):
        return -np.inf, -np.inf
    best = np.argsort(-odds, kind="stable")[:MAX_PARTS]
    together = np.where(_are_neighbours(parts, best), odds[best][:, None] + odds[best][None], -np.inf)
    alone = odds[parts.features[:, FEATURES.index("aspect")] >= RUN_TOGETHER]
    return float(alone.max(initial=-np.inf)), float(together.max())


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
        small = grey if shrink == 1 else np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
        ground = _ground(small)
        found += [_measure(ground, sides, shrink, share) for share in INK_SHARES]
    return Parts(*(np.concatenate(arrays) for arrays in zip(*found, strict=True))) if found else _none()


def _without_bars(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Busbars and frames that run through the whole picture taken out, so that characters across one do not hang together by it."""
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
    texture = float(np.median(slopes[::TEXTURE_EVERY, ::TEXTURE_EVERY])) + 1
    return _Ground(grey, around, np.asarray(cv2.sqrt(variance), np.float32), slopes, texture)


def _measure(ground: _Ground, sides: tuple[int, int], shrink: int, share: float) -> tuple[Floats, ...]:
    """The fields of Parts for one size and one of INK_SHARES.

    What is brighter and, below it, what is darker are measured together, as one tall picture.
    """
    height, width = ground.grey.shape
    above, mask = _inked(ground, share)
    # Labels are 16 bits wide where all can be counted in them: three times as fast.
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
    )
    places = middles[chosen] - np.stack([np.zeros(len(chosen)), lowered[chosen]], 1)
    inks, scale = np.where(dark[chosen], -contrast, contrast), np.full(len(chosen), float(shrink))
    return np.stack(features, 1), places * shrink, boxes * shrink, stroke * shrink, inks, scale


def _inked(ground: _Ground, share: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """By how much each pixel is brighter and, below an empty row, darker than its surroundings, and where that is ink (1), (2 H + 1, W)."""
    least = np.maximum(cv2.convertScaleAbs(ground.deviation, alpha=share), LEAST_INK).astype(np.uint8)
    brighter, darker = cv2.subtract(ground.grey, ground.around), cv2.subtract(ground.around, ground.grey)
    above = _twice(np.asarray(brighter, np.uint8), np.asarray(darker, np.uint8))
    return above, (above > _twice(least)).view(np.uint8)


def _twice(upper: NDArray[np.uint8], lower: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """One picture above another (else itself), with an empty row between them."""
    return np.concatenate([upper, np.zeros((1, upper.shape[1]), np.uint8), upper if lower is None else lower])


def _none() -> Parts:
    nothing = np.zeros(0)
    return Parts(np.zeros((0, len(FEATURES))), np.zeros((0, 2)), np.zeros((0, 2)), nothing, nothing, nothing)
