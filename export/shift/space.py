"""One space for each representation, so that 1,024 pixels and 64 numbers of a text can be compared.

Each column is standardised, then at most 64 principal components are kept and standardised. No label is read.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from export.shift.blocks import Floats

DIMENSIONS = 64
NEGLIGIBLE = 1e-6
"""A component with less of the variance of the first one is rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Principal components of some rows. Use `Space.of`."""

    columns: StandardScaler
    components: PCA | None
    spread: Floats

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> Space:
        """The space of `features` (N, D) of at least two rows."""
        columns = StandardScaler().fit(np.asarray(features, np.float64))
        scaled = columns.transform(np.asarray(features, np.float64))
        if not scaled.any():
            return cls(columns, None, np.empty(0))
        components = PCA(min(DIMENSIONS, len(scaled) - 1, scaled.shape[1]), random_state=0).fit(scaled)
        variance = components.explained_variance_
        return cls(columns, components, np.sqrt(variance[variance > NEGLIGIBLE * variance[0]]))

    def apply(self, features: NDArray[np.floating]) -> Floats:
        """Rows in this space, float64 (N, at most 64); no column if all rows of the fit were the same."""
        if self.components is None:
            return np.empty((len(features), 0))
        moved = self.components.transform(self.columns.transform(np.asarray(features, np.float64)))
        return np.asarray(moved[:, : len(self.spread)] / self.spread, np.float64)
