"""One space for each representation, so that 1,024 pixels and 64 numbers of a text can be compared.

Each column is standardised, then at most 64 principal components are kept and standardised. No label is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh
from sklearn.preprocessing import StandardScaler

from export.shift.blocks import Floats

DIMENSIONS = 64
NEGLIGIBLE = 1e-6
"""A component with less of the variance of the first one is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Principal components of some rows, `axes` float64 (D, at most 64), each divided by its spread. Use `Space.of`."""

    columns: StandardScaler
    axes: Floats

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> Space:
        """The space of `features` (N, D) of at least two rows."""
        columns = StandardScaler().fit(np.asarray(features, np.float64))
        scaled = columns.transform(np.asarray(features, np.float64))
        width = scaled.shape[1]
        if not scaled.any():
            return cls(columns, np.empty((width, 0)))
        covariance = scaled.T @ scaled / (len(scaled) - 1)
        variances, axes = eigh(covariance, subset_by_index=(max(0, width - min(DIMENSIONS, len(scaled) - 1)), width - 1))
        kept = np.flatnonzero(variances > NEGLIGIBLE * variances[-1])[::-1]
        return cls(columns, axes[:, kept] / np.sqrt(variances[kept]))

    def apply(self, features: NDArray[np.floating]) -> Floats:
        """Rows in this space, float64 (N, at most 64), the widest first; no column if all rows of the fit were the same."""
        return np.asarray(self.columns.transform(np.asarray(features, np.float64)) @ self.axes, np.float64)
