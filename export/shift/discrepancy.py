"""Squared maximum mean discrepancy (Gretton et al. 2012), without bias, with a Gaussian kernel of the median distance.

0 is alike; it can be a little below 0. p comes from exchanging whole blocks between the domains: neighbours are alike, and exchanging
single pictures would find a shift between two halves of one domain. A block that lies in both domains exchanges its halves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import pdist, squareform

from export.shift.blocks import Blocks, Flags, Floats, Rows
from export.shift.pairing import Pairing

PERMUTATIONS = 999


@dataclass(frozen=True, slots=True, eq=False)
class _Sums:
    """Kernel sums between groups (block and cell), which is all that an exchange of blocks needs; a picture and itself do not count."""

    kernel: Floats
    sizes: Floats
    bad: Flags
    target: Flags
    blocks: Rows


def gaussian_kernel(features: Floats, bandwidth: float | None = None) -> Floats:
    """exp(-d^2 / (2 h^2)) of all pairs, float64 (n, n); h is `bandwidth`, or the median of the distances that are not 0."""
    distances = pdist(features) if features.shape[1] else np.zeros(len(features) * (len(features) - 1) // 2)
    apart = distances[distances > 0]
    width = bandwidth or (float(np.median(apart)) if len(apart) else 1.0)
    return np.asarray(squareform(np.exp(-(distances**2) / (2 * width**2))), np.float64)


def squared_discrepancy(kernel: Floats, pairing: Pairing, shares: Floats, *, blocks: Blocks) -> float:
    """MMD^2 between the sides of a pairing whose cells have the shares `shares`, float64 (4,). `kernel` is that of its pictures."""
    sums = _sums(kernel, pairing, blocks)
    return float(_discrepancies(sums, sums.target[None, :], shares)[0])


def permutation_p(kernel: Floats, pairing: Pairing, *, blocks: Blocks, seed: int) -> float:
    """The share of exchanges of blocks after which MMD^2 with equal shares is as large, 0..1; never below 1 / (PERMUTATIONS + 1)."""
    sums = _sums(kernel, pairing, blocks)
    values = _discrepancies(sums, np.vstack([sums.target, _exchanged(sums, seed)]), pairing.equal)
    others = values[1:][~np.isnan(values[1:])]
    return float((1 + (others >= values[0]).sum()) / (1 + len(others)))


def _sums(kernel: Floats, pairing: Pairing, blocks: Blocks) -> _Sums:
    numbers = blocks.numbers[pairing.rows]
    groups, group_of = np.unique(numbers * 4 + pairing.cells, return_inverse=True)
    inside = np.zeros((len(groups), len(numbers)))
    inside[group_of, np.arange(len(numbers))] = 1
    own = np.diag(inside @ np.diag(kernel))
    return _Sums(inside @ kernel @ inside.T - own, inside.sum(1), groups % 2 == 1, groups % 4 >= 2, groups // 4)


def _exchanged(sums: _Sums, seed: int) -> Flags:
    """The side of each group in each exchange, bool (PERMUTATIONS, groups)."""
    names, unit = np.unique(sums.blocks, return_inverse=True)
    targets = np.bincount(unit, weights=sums.target, minlength=len(names))
    groups = np.bincount(unit, minlength=len(names))
    both, is_target = (targets > 0) & (targets < groups), targets > 0
    rng, sides = np.random.default_rng(seed), np.empty((PERMUTATIONS, len(unit)), np.bool_)
    for number in range(PERMUTATIONS):
        drawn = np.zeros(len(names), np.bool_)
        drawn[~both] = rng.permutation(is_target[~both])
        turned = rng.random(len(names)) < 0.5
        sides[number] = np.where(both[unit], sums.target ^ turned[unit], drawn[unit])
    return sides


def _discrepancies(sums: _Sums, sides: Flags, shares: Floats) -> Floats:
    """MMD^2 for each row of `sides` bool (P, groups), float64 (P,); nan where a cell that counts has fewer than two pictures."""
    cells = np.flatnonzero(shares)
    inside = {cell: ((sides == (cell >= 2)) & (sums.bad == (cell % 2 == 1))).astype(np.float64) for cell in cells}
    counts = {cell: inside[cell] @ sums.sizes for cell in cells}
    found = np.zeros(len(sides))
    for one in cells:
        along = inside[one] @ sums.kernel
        for other in cells:
            pairs = counts[one] * (counts[other] - (one == other))
            total = (along * inside[other]).sum(1)
            mean = np.divide(total, pairs, out=np.full(len(sides), np.nan), where=pairs > 0)
            found += (1 if (one >= 2) == (other >= 2) else -1) * shares[one] * shares[other] * mean
    return found
