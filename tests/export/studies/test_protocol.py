from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple

import numpy as np
import pytest
from numpy.typing import NDArray

from export.studies.protocol import BLOCK_CELLS, Scores, auroc, best_threshold, blocks, bootstrap, difference, quality, share


def test_a_share_has_the_interval_of_the_bootstrap() -> None:
    rng = np.random.default_rng(1)
    of, among = rng.random(200) < 0.3, rng.random(200) < 0.7
    rows = range(200)

    fast = share(of, among, rows)

    slow = bootstrap(lambda index: float((of & among)[index].sum() / among[index].sum()), blocks(rows))
    assert (fast.value, fast.low, fast.high) == pytest.approx((slow.value, slow.low, slow.high))


def test_blocks_end_where_rows_are_no_neighbours() -> None:
    rows = [*range(10, 10 + BLOCK_CELLS + 5), *range(100, 103)]
    assert [len(block) for block in blocks(rows)] == [BLOCK_CELLS, 5, 3]
    assert np.concatenate(blocks(rows)).tolist() == list(range(len(rows)))


def test_auroc_counts_ties_half_and_needs_both_classes() -> None:
    assert auroc(np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, False, True, True])) == pytest.approx(0.875)
    assert np.isnan(auroc(np.zeros(3), np.ones(3, np.bool_)))


def test_the_best_threshold_separates_separable_scores() -> None:
    assert 0.2 < best_threshold(np.array([0.1, 0.2, 0.8, 0.9]), np.array([False, False, True, True])) < 0.8


def test_the_difference_from_oneself_is_zero() -> None:
    rng = np.random.default_rng(2)
    scores, defective = rng.random(90), rng.random(90) < 0.4
    less = difference([scores], [scores], defective, range(90))
    assert (less.value, less.low, less.high) == (0.0, 0.0, 0.0)


def test_an_auroc_and_a_difference_have_the_intervals_of_the_bootstrap() -> None:
    rng = np.random.default_rng(1)
    rows = [*range(100), *range(300, 370)]
    defective, certain = rng.random(len(rows)) < 0.3, rng.random(len(rows)) < 0.8
    seeds, baseline = ([np.round(rng.normal(size=len(rows)) + defective, 1) for _ in range(count)] for count in (2, 3))

    def mean(index: NDArray[np.int64], some: Sequence[Scores]) -> float:
        return float(np.mean([auroc(one[index], defective[index]) for one in some]))

    slow = bootstrap(lambda index: mean(index, seeds), blocks(rows))
    slow_difference = bootstrap(lambda index: mean(index, seeds) - mean(index, baseline), blocks(rows))

    fast = quality(seeds, [0.5, 0.5], defective, certain, rows).auroc
    fast_difference = difference(seeds, baseline, defective, rows)
    assert astuple(fast) == pytest.approx(astuple(slow))
    assert astuple(fast_difference) == pytest.approx(astuple(slow_difference))
