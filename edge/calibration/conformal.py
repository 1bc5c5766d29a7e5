"""What can be promised from labelled pictures: a threshold for a stated escape rate, and sets that hold the right decision.

Both hold for pictures that are drawn as the labelled ones were: the same product, camera and light. They hold for any scores, good or bad;
bad ones only pass less and doubt more. Nothing is promised of another plant's pictures.

Escape: conformal risk control (Angelopoulos et al. 2022) over defective pictures. Sets: split conformal prediction (Vovk et al. 2005) over
decisions, not labels: of many defective pictures only "defective" is known, and the line acts on the decision alone, so doubt between two
kinds of defect needs nobody to look.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

EDGE = 1e-9
"""How far a threshold stays from the picture that set it: rounding must not let that picture pass."""


def ok_threshold(chances_ok: NDArray[np.float64], bad: NDArray[np.bool_], *, escape: float) -> float | None:
    """The least probability of ok (0..1) that an OK needs, so that (missed + 1) / (n + 1) <= `escape` over the n bad pictures.

    None where no threshold does that: then nothing may pass. `chances_ok` float64 (N,).
    """
    worst = np.sort(chances_ok[bad])[::-1]
    may_miss = _whole(escape * (len(worst) + 1)) - 1
    if may_miss < 0:
        return None
    threshold = float(worst[may_miss]) + EDGE if may_miss < len(worst) else 0.0
    return threshold if threshold <= 1 else None


def bad_needed(escape: float) -> int:
    """How many defective pictures it takes until any threshold can be promised for this rate."""
    return math.ceil(1 / escape - EDGE) - 1


def prediction_set_threshold(chances_right: NDArray[np.float64], *, coverage: float) -> float:
    """The probability from which a decision is possible, so that the right one is among them in `coverage` of pictures.

    `chances_right` float64 (N,): the probability that each labelled picture's right decision got. 0 where they are too few: all may be.
    """
    cut = _whole((1 - coverage) * (len(chances_right) + 1))
    return float(np.sort(chances_right)[cut - 1]) if cut > 0 else 0.0


def prediction_set(chances: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Which of the decisions (..., D) are possible; the likeliest always is."""
    return np.asarray(chances >= np.minimum(threshold, chances.max(-1, keepdims=True)) - EDGE)


def _whole(number: float) -> int:
    """Round down, but 0.02 * 50 is 1."""
    return math.floor(number + EDGE)
