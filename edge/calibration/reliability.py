"""How well probabilities are calibrated: the expected calibration error (ECE), and its size by chance alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PICTURES_PER_BIN = 25
MIN_BINS, MAX_BINS = 5, 15
DRAWS, SEED = 500, 0
"""Of simulated outcomes in `error_by_chance`."""


def bins_for(count: int) -> int:
    """The number of bins for so many pictures: about 25 pictures in each, 5 to 15 bins; it depends on nothing that is measured."""
    return min(MAX_BINS, max(MIN_BINS, count // PICTURES_PER_BIN))


def bin_of(probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each picture, int64 (N,) from 0; bins hold equal numbers of pictures, equal probabilities (N,) share a bin."""
    edges = np.quantile(probabilities, np.linspace(0, 1, bins_for(len(probabilities)) + 1)[1:-1])
    return np.asarray(np.unique(np.searchsorted(edges, probabilities, side="right"), return_inverse=True)[1], np.int64)


def calibration_error(probabilities: NDArray[np.float64], happened: NDArray[np.bool_]) -> float:
    """Expected calibration error (ECE, 0..1) of probabilities (N,) of an event that happened or not (N,), bins weighted by pictures."""
    return _error(bin_of(probabilities), probabilities, happened)


def error_by_chance(probabilities: NDArray[np.float64]) -> float:
    """The mean ECE of a perfectly calibrated judge with these probabilities (N,); a measured ECE below it means nothing."""
    rng, bins = np.random.default_rng(SEED), bin_of(probabilities)
    return float(np.mean([_error(bins, probabilities, rng.random(len(probabilities)) < probabilities) for _ in range(DRAWS)]))


def _error(bins: NDArray[np.int64], probabilities: NDArray[np.float64], happened: NDArray[np.bool_]) -> float:
    return float(np.abs(np.bincount(bins, probabilities - happened)).sum() / len(probabilities))
