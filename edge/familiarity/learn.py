"""From the features of known pictures to a memory's limits: how far is another condition, and how far is no part at all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.familiarity.memory import Floats, Subspace, subspace_of

MIN_PICTURES = 20
BLOCKS = 8
"""Neighbouring pictures are alike. So the distance of a picture is measured from a memory without its whole block of neighbours."""
TOWARDS_EMPTY = 0.75
"""The limit of what is no part lies this far, in the logarithm, from the known pictures to the nearest empty scenes."""
BELOW_EMPTY = 0.9
"""The limit is at most this share of the distance of the nearest empty scenes."""
NEAREST_EMPTY = 0.01
"""The share of empty scenes that may be nearer than "the nearest": one odd scene does not decide."""


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A subspace with its limits.

    `left_out` float64 (N,) are the distances of the known pictures from a memory without their block, `known` is that of the good ones but
    for the share of false alarms. `empty` is the distance of the nearest empty scenes.
    """

    subspace: Subspace
    new_condition: float
    unfamiliar: float
    left_out: Floats
    known: float
    empty: float

    @property
    def tells_apart(self) -> bool:
        """Whether good pictures are nearer than the limit of what is no part."""
        return self.known <= self.unfamiliar


def learn(features: NDArray[np.floating], good: NDArray[np.bool_], empty_scenes: NDArray[np.floating], *, false_alarm: float) -> Learned:
    """Learn from known pictures, (N, F), in the order in which they were taken.

    `good` bool (N,) says which are of good parts: they set the limit of a new condition, which a share
    `false_alarm` (0..1) of them exceeds.
    `empty_scenes` (M, F) are features of pictures without a part.

    Raises:
        EdgeError: there are too few good pictures.
    """
    count = int(good.sum())
    if count < MIN_PICTURES:
        msg = f"learning from {count} good pictures: at least {MIN_PICTURES} are needed, some hundred are better: take more"
        raise EdgeError(msg)
    left_out = np.concatenate(
        [
            subspace_of(np.delete(features, block, 0)).distances(features[block])
            for block in np.array_split(np.arange(len(features)), min(BLOCKS, len(features)))
        ]
    )
    subspace = subspace_of(features)
    known = float(np.quantile(left_out[good], 1 - false_alarm, method="higher"))
    empty = float(np.quantile(subspace.distances(empty_scenes), NEAREST_EMPTY))
    unfamiliar = min(known ** (1 - TOWARDS_EMPTY) * empty**TOWARDS_EMPTY, BELOW_EMPTY * empty)
    return Learned(subspace, min(known, unfamiliar), unfamiliar, left_out, known, empty)
