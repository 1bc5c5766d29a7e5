"""Are the probabilities honest? Expected calibration error, and how large it looks where nothing but chance is at work."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PICTURES_A_BIN = 25
FEWEST_BINS, MOST_BINS = 5, 15
DRAWS, SEED = 500, 0


def bins_for(count: int) -> int:
    """How many bins so many pictures fill: about 25 each, 5 to 15 in all; said before anything is measured."""
    return min(MOST_BINS, max(FEWEST_BINS, count // PICTURES_A_BIN))


def bin_of(chances: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each picture, int64 (N,) from 0, equally many in each; equal chances share one."""
    edges = np.quantile(chances, np.linspace(0, 1, bins_for(len(chances)) + 1)[1:-1])
    return np.asarray(np.unique(np.searchsorted(edges, chances, side="right"), return_inverse=True)[1], np.int64)


def calibration_error(chances: NDArray[np.float64], happened: NDArray[np.bool_]) -> float:
    """Expected calibration error (ECE): how far stated chances (N,) lie from what happened (N,), mean over bins by their pictures."""
    return _error(bin_of(chances), chances, happened)


def error_by_chance(chances: NDArray[np.float64]) -> float:
    """The mean ECE that a perfectly calibrated judge shows with so many pictures and these chances: less cannot be told apart from it."""
    rng, bins = np.random.default_rng(SEED), bin_of(chances)
    return float(np.mean([_error(bins, chances, rng.random(len(chances)) < chances) for _ in range(DRAWS)]))


def _error(bins: NDArray[np.int64], chances: NDArray[np.float64], happened: NDArray[np.bool_]) -> float:
    return float(np.abs(np.bincount(bins, chances - happened)).sum() / len(chances))
