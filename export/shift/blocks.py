"""Blocks of neighbours (cells of a module, parts of a lot): they are drawn whole and held out whole.

Pictures of one block are alike, so an interval or a split over single pictures would say too much. A block that lies in two domains, such
as a part that two cameras took, is one block.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

FOLDS = 5
DRAWS = 1_000
"""Bootstrap draws: 25 of them lie below the 2.5 % quantile."""


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """The block of each row, `numbers` int64 (N,), and the set of domains that each block lies in, `strata` int64 (blocks,)."""

    numbers: Rows
    strata: Rows

    @classmethod
    def of(cls, blocks: Sequence[str], domains: Sequence[str]) -> Blocks:
        """Number the blocks of N rows with their names and domains."""
        _, numbers = np.unique(np.asarray(blocks, dtype=np.str_), return_inverse=True)
        inside: dict[int, set[str]] = {}
        for number, domain in zip(numbers.tolist(), domains, strict=True):
            inside.setdefault(number, set()).add(domain)
        kinds = sorted({tuple(sorted(names)) for names in inside.values()})
        strata = [kinds.index(tuple(sorted(inside[number]))) for number in range(len(inside))]
        return cls(numbers.astype(np.int64), np.array(strata, np.int64))

    def draws(self, seed: int, count: int = DRAWS) -> NDArray[np.float32]:
        """How often each block is drawn, float32 (count, blocks): with replacement, as many of each stratum as there are."""
        rng = np.random.default_rng(seed)
        drawn = np.zeros((count, len(self.strata)), np.float32)
        for stratum in np.unique(self.strata):
            members = np.flatnonzero(self.strata == stratum)
            drawn[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=count)
        return drawn

    def folds(self, rows: Rows, kinds: Rows, *, seed: int, count: int = FOLDS) -> Rows:
        """The fold, 0..count-1, of each of `rows`, int64 (n,): whole blocks, as even as they allow in each of `kinds`, int64 (n,)."""
        _, block = np.unique(self.numbers[rows], return_inverse=True)
        held = np.zeros((block.max() + 1, kinds.max() + 1))
        np.add.at(held, (block, kinds), 1.0)
        held /= np.maximum(held.sum(0), 1)
        shuffled = np.random.default_rng(seed).permutation(len(held))
        largest_first = shuffled[np.argsort(-held[shuffled].max(1), kind="stable")]
        filled, fold_of = np.zeros((count, held.shape[1])), np.zeros(len(held), np.int64)
        for number in largest_first:
            grown = ((filled + held[number]) ** 2 - filled**2).sum(1)
            fold_of[number] = int(grown.argmin())
            filled[fold_of[number]] += held[number]
        return np.asarray(fold_of[block], np.int64)
