"""One measurement of one scorer: what it learns from, what chooses its settings, and what is measured."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from export.evaluation.corpus import Corpus

Rows = NDArray[np.int64]
"""Positions in a corpus."""
Flags = NDArray[np.bool_]
Scores = NDArray[np.float64]


def no_rows() -> Rows:
    """No position."""
    return np.empty(0, np.int64)


def no_flags() -> Flags:
    """No flag."""
    return np.empty(0, np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Extra:
    """Pictures of the target that teach as well: labelled ones (`known`), or such with pseudo-labels. `bad` is what they are taken for.

    Each weighs as much as `weight` source pictures.
    """

    rows: Rows = field(default_factory=no_rows)
    bad: Flags = field(default_factory=no_flags)
    known: bool = True
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Rows of one corpus: `train` and `validation` are the source, `target` is measured. `seed` made the split and makes the fits."""

    corpus: Corpus
    train: Rows
    validation: Rows
    target: Rows
    seed: int
    extra: Extra = field(default_factory=Extra)

    @property
    def bad(self) -> Flags:
        """Which pictures of the target are defective, bool (N,)."""
        return self.corpus.bad[self.target]

    @property
    def bad_validation(self) -> Flags:
        """Which pictures of the source validation are defective, bool (V,)."""
        return self.corpus.bad[self.validation]


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Scores of a case, higher is more defective, nan where there is none: `validation` float64 (V,), `target` float64 (N,).

    `calls` int8 (N,): 1 defective, 0 good, -1 no answer, where a scorer decides by itself; None: a threshold from validation decides.
    `ranks` is False for one that has decisions alone.
    """

    validation: Scores
    target: Scores
    calls: NDArray[np.int8] | None = None
    ranks: bool = True
