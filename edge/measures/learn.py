"""From known pictures to what a station measures against: every good picture is measured against the others, and sets the limits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.measures.measures import Measures, Reference
from edge.measures.neighbours import Neighbours, spread_of
from edge.measures.numbers import numbers_of
from edge.measures.texture import texture_of
from edge.measures.view import View, resized, view_of
from edge.records import Pixels
from firmware_config.measuring import MEASURES, Measuring

MIN_PICTURES = 20
MAX_NEIGHBOURS = 256
BLOCKS = 8
"""Neighbouring pictures are alike: a picture is measured against known ones without its whole block, as in edge/familiarity/learn.py."""
SLIGHT_SHARE, LIMIT_SHARE = 0.2, 0.02
"""The share of good pictures with a word of any step, and with one of the second step or more, of the measures that are said."""
MIN_SLIGHT, MIN_STEP = 1.0, 0.75
"""Spreads. The least limit of the first step, and its least width."""
FEW_PICTURES = 20
"""Few pictures show little of what good ones can be: with this many a step is twice as wide as they say, with ten times as many a tenth
wider."""
BEYOND_IT = 1e-9
"""Spreads by which a limit lies above the picture that it is taken from."""
MIN_SPREADS = dict.fromkeys(("darker_place", "darker_area", "brighter_place", "brighter_area"), 0.3)
MIN_SPREAD = 0.02
"""Logarithms. Where good pictures hardly differ, a spread counts as this much."""


def learn_measures(pictures: Iterable[Pixels], good: Sequence[bool], *, measuring: Measuring = True) -> Measures:
    """Learn from known pictures, uint8 (H, W, 3) BGR, in the order in which they were taken.

    `good` says which show good parts. The others are among the nearest neighbours only: they may be defective, or unlabelled. `measuring`
    says which measures the station puts into words: the fewer, the finer their first step may be.

    Raises:
        EdgeError: there are too few good pictures.
    """
    return learn_views([view_of(pixels) for pixels in pictures], good, measuring=measuring)


def learn_views(views: Sequence[View], good: Sequence[bool], *, measuring: Measuring = True) -> Measures:
    """As `learn_measures`, from the views of the pictures.

    Raises:
        EdgeError: there are too few good pictures.
    """
    is_good = np.asarray(good, bool)
    count = int(is_good.sum())
    if count < MIN_PICTURES:
        msg = f"learning to measure from {count} good pictures: at least {MIN_PICTURES} are needed, some hundred are better: take more"
        raise EdgeError(msg)
    rows: list[int] = np.flatnonzero(is_good).tolist()
    block = np.minimum((is_good.cumsum() - is_good) * BLOCKS // count, BLOCKS - 1)
    shape = (views[0].small.shape[0], views[0].small.shape[1])
    chosen = np.unique(np.linspace(0, len(views) - 1, min(MAX_NEIGHBOURS, len(views))).round().astype(int))
    pictures = np.stack([resized(views[index].small, shape) for index in chosen.tolist()])
    unscaled = Neighbours(pictures, np.zeros(shape, np.float32))
    differences = np.stack([unscaled.difference(views[row].small, without=block[chosen] == block[row]) for row in rows])
    neighbours = Neighbours(pictures, spread_of(differences))
    textures = np.stack([views[row].texture for row in rows])
    left_out = [texture_of(textures[block[rows] != number]) for number in range(BLOCKS)]
    numbers = [
        numbers_of(views[row], neighbours.in_spreads(difference), left_out[block[row]]).values
        for row, difference in zip(rows, differences, strict=True)
    ]
    return Measures(neighbours, texture_of(textures), references_of(np.stack(numbers), measuring=measuring))


def references_of(values: NDArray[np.float64], *, measuring: Measuring = True) -> dict[str, Reference]:
    """The reference of each measure, from the numbers of good pictures, (N, K)."""
    said = np.array([measuring is True or not measuring or name in measuring for name in MEASURES])
    medians = np.median(values, axis=0)
    floors = np.array([MIN_SPREADS.get(name, MIN_SPREAD) for name in MEASURES])
    spreads = np.maximum(1.4826 * np.median(np.abs(values - medians), axis=0), floors)
    away = (values - medians) / spreads
    slight, limit = np.maximum(_exceeded_by(away, said, SLIGHT_SHARE), MIN_SLIGHT), _exceeded_by(away, said, LIMIT_SHARE)
    limit = slight + np.maximum((limit - slight) * (1 + FEW_PICTURES / len(values)), MIN_STEP)
    columns = zip(medians.tolist(), spreads.tolist(), slight.tolist(), limit.tolist(), strict=True)
    return {name: Reference(*column) for name, column in zip(MEASURES, columns, strict=True)}


def _exceeded_by(away: NDArray[np.float64], said: NDArray[np.bool_], share: float) -> NDArray[np.float64]:
    """The limit of each measure, (K,), so that a share of the pictures, (N, K), exceeds a limit of those that are said.

    Every measure is exceeded by as many pictures.
    """
    count = len(away)
    ranks = np.stack([np.searchsorted(np.sort(column), column, side="left") for column in away.T], axis=1)
    # How many pictures are at least as strange as this one, by its strangest measure.
    as_strange = np.sort(count - ranks[:, said].max(axis=1))
    allowed = as_strange[min(int(share * count), count - 1)]
    return np.asarray(np.sort(away, axis=0)[count - min(int(allowed), count)] + BEYOND_IT, np.float64)
