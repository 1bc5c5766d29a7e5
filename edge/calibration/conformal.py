"""Guarantees from labelled pictures: the confidence that an OK needs, and prediction sets.

Both hold for pictures that come from the same source as the labelled ones: the same product, camera and light. They hold for any scores:
poor scores only give fewer OKs and larger sets. For pictures of another source nothing is guaranteed.

Escape rate: conformal risk control (Angelopoulos et al. 2022) over defective pictures. Prediction sets: split conformal prediction (Vovk et
al. 2005) over decisions, not labels: docs/decisions/0006-guarantees-over-decisions.md.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

MARGIN = 1e-9
"""Distance of a threshold from the probability of the picture that set it, so that rounding does not let that picture pass."""


def ok_threshold(ok_probabilities: NDArray[np.float64], bad: NDArray[np.bool_], *, escape: float) -> float | None:
    """The least confidence (0..1) of an OK with (missed + 1) / (n + 1) <= `escape` over the n bad pictures; None where there is none.

    `ok_probabilities` float64 (N,): the probability of ok of each labelled picture; `bad` bool (N,): its label is not ok; `escape` 0..1.
    """
    highest_first = np.sort(ok_probabilities[bad])[::-1]
    missable = _floor(escape * (len(highest_first) + 1)) - 1
    if missable < 0:
        return None
    threshold = float(highest_first[missable]) + MARGIN if missable < len(highest_first) else 0.0
    return threshold if threshold <= 1 else None


def prediction_set_threshold(right_probabilities: NDArray[np.float64], *, coverage: float) -> float:
    """The probability from which a decision is in the prediction set, so that a share `coverage` (0..1) of sets holds the right one.

    `right_probabilities` float64 (N,): the probability of the right decision of each labelled picture. With too few pictures the threshold
    is 0: every set holds all decisions.
    """
    rank = _floor((1 - coverage) * (len(right_probabilities) + 1))
    return float(np.sort(right_probabilities)[rank - 1]) if rank > 0 else 0.0


def prediction_set(probabilities: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Which decisions are in the prediction set: bool (..., D) of probabilities float64 (..., D); the likeliest always is."""
    return np.asarray(probabilities >= np.minimum(threshold, probabilities.max(-1, keepdims=True)) - MARGIN)


def _floor(number: float) -> int:
    """Round down; 0.02 * 50, which is a little less than 1 in floating point, becomes 1."""
    return math.floor(number + MARGIN)
