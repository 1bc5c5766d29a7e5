"""A memory of known pictures, and the distance of a picture from it.

The features of a picture are mean and standard deviation of CLIP's patches (firmware_config/describers.py, `patch_features`). What is there
and unknown moves them, and what should be there and is missing moves them as well. The distance is that of Mahalanobis by probabilistic
principal components (Tipping and Bishop 1999): along the components in their standard deviations, in all other directions in a common one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.measures.measures import Measures, measured_words
from edge.records import Degree, Familiarity, Measured, Pixels
from firmware_config.measuring import Measuring

Floats = NDArray[np.float64]

MAX_COMPONENTS, PICTURES_PER_COMPONENT = 128, 6
MIN_DEVIATION = 1e-6
"""A feature that never changes has a deviation of 0; it is divided by this instead."""
DISTANCE_DIGITS = 3
"""Distances are rounded, so that a message repeats bit for bit what another one says."""


@dataclass(frozen=True, slots=True, eq=False)
class Subspace:
    """Where known pictures lie: `mean` and `deviation` (F,), `components` (K, F), `variances` (K,), and the `rest` per other direction."""

    mean: Floats
    deviation: Floats
    components: Floats
    variances: Floats
    rest: float

    def distances(self, features: NDArray[np.floating]) -> Floats:
        """The distance of each picture, (N, F) to float64 (N,); about 1 for the pictures of the memory. NaN and infinity stay NaN."""
        standard = (np.asarray(features, np.float64) - self.mean) / self.deviation
        along = standard @ self.components.T
        beside = np.maximum(np.square(standard).sum(-1) - np.square(along).sum(-1), 0.0)
        squares = (np.square(along) / (self.variances + self.rest)).sum(-1) + beside / self.rest
        return np.asarray(np.sqrt(squares / len(self.mean)), np.float64)


def subspace_of(features: NDArray[np.floating]) -> Subspace:
    """Where the pictures with these features lie, (N, F), N at least 2."""
    known = np.asarray(features, np.float64)
    mean, deviation = known.mean(0), known.std(0) + MIN_DEVIATION
    _, singular, directions = np.linalg.svd((known - mean) / deviation, full_matrices=False)
    variances = np.square(singular) / (len(known) - 1)
    count = min(MAX_COMPONENTS, max(1, len(known) // PICTURES_PER_COMPONENT), len(variances) - 1)
    rest = max(float(variances[count:].sum()) / (known.shape[1] - count), MIN_DEVIATION)
    return Subspace(mean, deviation, directions[:count], variances[:count], rest)


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """A station's memory. A picture beyond `new_condition` is a known part under another condition, one beyond `unfamiliar` is no part.

    `digest` (`sha256:`) is that of its file, `graph` that of the vision graph and preprocessing that made the features.
    """

    subspace: Subspace
    new_condition: float
    unfamiliar: float
    graph: str
    digest: str
    measures: Measures | None = None

    @property
    def can_measure(self) -> bool:
        """Whether it has measures; memories from before there were any have none."""
        return self.measures is not None

    def measured_words(self, pixels: Pixels, measuring: Measuring) -> tuple[Measured, ...]:
        """The measured words of a picture, uint8 (H, W, 3) BGR; none where the memory has no measures."""
        return () if self.measures is None else measured_words(pixels, self.measures, measuring)

    def familiarity(self, features: NDArray[np.float32]) -> Familiarity:
        """How familiar the picture with these features, (F,), is."""
        distance = round(float(self.subspace.distances(features)), DISTANCE_DIGITS)
        # In this form, a distance that is NaN is unfamiliar.
        degree: Degree = "known" if distance <= self.new_condition else "new_condition" if distance <= self.unfamiliar else "unfamiliar"
        return Familiarity(distance=distance, degree=degree, memory=self.digest)
