"""How far the texture of a picture is from that of good pictures, block by block and as a whole: distances of Mahalanobis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.measures.view import Floats

Doubles = NDArray[np.float64]

SHRINKAGE = 0.05
"""Added to each variance, as a share of it: few pictures give no reliable covariance."""
MIN_VARIANCE = 4e-4
"""Of logarithms: a difference of 2 % tells nothing, however alike good pictures are."""


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """A normal distribution: `mean` (..., F), one for each place, and the `inverse` (F, F) of the covariance, which is the same for all."""

    mean: Doubles
    inverse: Doubles

    def distances(self, values: NDArray[np.floating]) -> Doubles:
        """The distance of values, (..., F) to (...)."""
        away = np.asarray(values, np.float64) - self.mean
        return np.asarray(np.sqrt(np.maximum((away @ self.inverse * away).sum(-1), 0.0)), np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Texture:
    """The texture of good pictures: of each block (a mean for each place), and of the whole (mean and spread over the blocks)."""

    blocks: Normal
    whole: Normal

    def block_distances(self, texture: Floats) -> Doubles:
        """The distance of each block, float32 (GRID, GRID, STATISTICS) to (GRID, GRID)."""
        return self.blocks.distances(texture)

    def whole_distance(self, texture: Floats) -> float:
        """The distance of the whole."""
        return float(self.whole.distances(_whole(texture)))


def texture_of(textures: Floats) -> Texture:
    """The texture of good pictures, float32 (N, GRID, GRID, STATISTICS)."""
    return Texture(_normal(textures), _normal(_whole(textures)))


def _whole(textures: Floats) -> Doubles:
    """Mean and deviation over the blocks, (..., GRID, GRID, F) to (..., 2 F)."""
    values = np.asarray(textures, np.float64)
    return np.concatenate([values.mean((-3, -2)), values.std((-3, -2))], axis=-1)


def _normal(values: NDArray[np.floating]) -> Normal:
    """The distribution of values (N, ..., F), in the precision of a memory file."""
    mean = np.median(np.asarray(values, np.float64), axis=0)
    away = (values - mean).reshape(-1, values.shape[-1])
    covariance = away.T @ away / len(away)
    diagonal = np.diag(covariance) * SHRINKAGE + MIN_VARIANCE
    inverse = np.linalg.inv(covariance + np.diag(diagonal))
    return Normal(mean.astype(np.float32).astype(np.float64), inverse.astype(np.float32).astype(np.float64))
