"""Distances between Gaussians whose true distance is known, and between halves of one domain."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from export.shift.a_distance import a_distance, mistakes
from export.shift.blocks import Blocks
from export.shift.discrepancy import gaussian_kernel, permutation_p, squared_discrepancy
from export.shift.drop import concordance
from export.shift.pairing import MAX_PICTURES, Pairing, ShiftError, pair_up

PICTURES = 300


def _pairing(bad: NDArray[np.bool_], block_of: list[str]) -> tuple[Pairing, Blocks]:
    half = len(bad) // 2
    blocks = Blocks.of(block_of, ["source"] * half + ["target"] * half)
    return pair_up(np.arange(half), np.arange(half, 2 * half), bad=bad, blocks=blocks, seed=0), blocks


def _distance(features: NDArray[np.float64], pairing: Pairing, blocks: Blocks, shares: NDArray[np.float64]) -> float:
    drawn = features[pairing.rows]
    wrong = mistakes(drawn, pairing, shares, blocks=blocks, seed=0)
    return float(a_distance(wrong, pairing, shares, np.ones((1, len(drawn))))[0])


def _own_blocks(count: int) -> list[str]:
    return [str(number) for number in range(count)]


@pytest.mark.parametrize("apart", [0.0, 1.0, 2.0, 4.0])
def test_a_distance_is_that_of_the_best_line_between_two_gaussians(apart: float) -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(2 * PICTURES, 5))
    features[PICTURES:, 2] += apart
    pairing, blocks = _pairing(rng.random(2 * PICTURES) < 0.5, _own_blocks(2 * PICTURES))
    best = 2 * (1 - 2 * norm.cdf(-apart / 2))
    assert _distance(features, pairing, blocks, pairing.equal) == pytest.approx(best, abs=0.2)


def test_other_shares_of_defects_are_no_shift() -> None:
    rng = np.random.default_rng(2)
    bad = rng.random(2 * PICTURES) < np.repeat([0.2, 0.8], PICTURES)
    features = rng.normal(size=(2 * PICTURES, 3))
    features[bad, 0] += 4
    pairing, blocks = _pairing(bad, _own_blocks(2 * PICTURES))
    assert _distance(features, pairing, blocks, pairing.equal) < 0.2
    assert _distance(features, pairing, blocks, pairing.natural) > 0.9


def test_pictures_of_one_block_are_never_on_both_sides_of_a_fold() -> None:
    rng = np.random.default_rng(3)
    block_of = [str(number // 7) for number in range(2 * PICTURES)]
    pairing, blocks = _pairing(rng.random(2 * PICTURES) < 0.3, block_of)
    folds = blocks.folds(pairing.rows, pairing.cells, seed=0)
    assert all(len(set(folds[blocks.numbers[pairing.rows] == block])) == 1 for block in np.unique(blocks.numbers))
    shares = np.array([np.bincount(pairing.cells[folds == fold], minlength=4) for fold in range(5)]) / np.bincount(pairing.cells)
    assert shares.min() > 0.1
    assert shares.max() < 0.3


def test_mmd_is_the_published_sum_over_pairs() -> None:
    rng = np.random.default_rng(4)
    features = rng.normal(size=(24, 3))
    pairing, blocks = _pairing(np.zeros(24, np.bool_), _own_blocks(24))
    kernel = np.array([[np.exp(-((one - other) ** 2).sum() / 2) for other in features] for one in features])
    within = sum(kernel[i, j] for side in (range(12), range(12, 24)) for i in side for j in side if i != j) / (12 * 11)
    between = sum(kernel[i, j] for i in range(12) for j in range(12, 24)) / 144
    found = squared_discrepancy(gaussian_kernel(features, 1.0), pairing, pairing.equal, blocks=blocks)
    assert found == pytest.approx(within - 2 * between, abs=1e-12)


@pytest.mark.parametrize("apart", [0.0, 1.5])
def test_mmd_of_two_gaussians_is_the_analytic_one(apart: float) -> None:
    rng = np.random.default_rng(5)
    features = rng.normal(size=(2 * MAX_PICTURES, 2))
    features[MAX_PICTURES:, 0] += apart
    pairing, blocks = _pairing(rng.random(2 * MAX_PICTURES) < 0.5, _own_blocks(2 * MAX_PICTURES))
    # The mean of exp(-d^2 / 2) where d is the difference of two normal vectors of 2 numbers.
    analytic = 2 * (1 / 3) * (1 - np.exp(-(apart**2) / 6))
    found = squared_discrepancy(gaussian_kernel(features[pairing.rows], 1.0), pairing, pairing.equal, blocks=blocks)
    assert found == pytest.approx(analytic, abs=0.03)


def test_alike_neighbours_are_no_shift_and_a_moved_domain_is_one() -> None:
    # Blocks of 10 alike pictures from one distribution: single pictures that are exchanged find a difference in nearly all of them.
    by_block, by_picture, moved = [], [], []
    for seed in range(12):
        rng = np.random.default_rng(100 + seed)
        features = np.repeat(rng.normal(size=(24, 2)), 10, axis=0) + 0.1 * rng.normal(size=(240, 2))
        bad = rng.random(240) < 0.5
        pairing, blocks = _pairing(bad, [str(number // 10) for number in range(240)])
        _, single = _pairing(bad, _own_blocks(240))
        kernel = gaussian_kernel(features[pairing.rows])
        by_block.append(permutation_p(kernel, pairing, blocks=blocks, seed=seed))
        by_picture.append(permutation_p(kernel, pairing, blocks=single, seed=seed))
        features[120:] += 2
        moved.append(permutation_p(gaussian_kernel(features[pairing.rows]), pairing, blocks=blocks, seed=seed))
    assert sum(p < 0.05 for p in by_block) <= 3
    assert sum(p < 0.05 for p in by_picture) >= 9
    assert max(moved) < 0.05


def test_a_block_of_both_domains_exchanges_its_halves() -> None:
    rng = np.random.default_rng(6)
    parts = rng.normal(size=(40, 2)) * 10
    features = np.vstack([parts, parts]) + 0.01 * rng.normal(size=(80, 2))
    pairing, blocks = _pairing(np.zeros(80, np.bool_), [f"part {number % 40}" for number in range(80)])
    assert permutation_p(gaussian_kernel(features[pairing.rows]), pairing, blocks=blocks, seed=0) > 0.05
    assert blocks.draws(0, 20).sum(1) == pytest.approx(40)


def test_concordance_of_repeated_pictures_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(7)
    scores, bad, times = rng.integers(0, 9, 50).astype(np.float64), rng.random(50) < 0.4, rng.integers(0, 4, (5, 50)).astype(np.float32)
    in_order, pairs = concordance(scores, bad, times)
    repeated = [np.repeat(np.arange(50), row.astype(np.int64)) for row in times]
    assert in_order / pairs == pytest.approx([roc_auc_score(bad[rows], scores[rows]) for rows in repeated], abs=1e-12)


@pytest.mark.parametrize(
    ("bad", "block_of", "said"),
    [
        ([0] * 20 + [1] * 20, None, "no class has 5 on both sides"),
        ([0] * 40, ["one"] * 20 + [str(number) for number in range(20)], "the source that can be compared are of one block"),
    ],
)
def test_what_cannot_be_compared_is_one_sentence(bad: list[int], block_of: list[str] | None, said: str) -> None:
    with pytest.raises(ShiftError, match=said):
        _pairing(np.array(bad, np.bool_), block_of or _own_blocks(40))
