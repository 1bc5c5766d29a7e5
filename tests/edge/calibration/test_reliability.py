from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.calibration.reliability import bin_of, bins_for, calibration_error, error_by_chance


def test_the_error_by_chance_is_that_of_a_perfectly_calibrated_judge() -> None:
    rng = np.random.default_rng(5)
    stated = rng.random(300)
    errors = [calibration_error(stated, rng.random(300) < stated) for _ in range(200)]
    assert error_by_chance(stated) == pytest.approx(np.mean(errors), rel=0.1)


def test_the_error_is_the_gap_between_stated_and_true_shares() -> None:
    assert calibration_error(np.full(100, 0.9), np.arange(100) < 60) == pytest.approx(0.3)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=400))
def test_equal_probabilities_share_a_bin(stated: list[float]) -> None:
    values = np.array(stated)
    bins = bin_of(values)
    assert bins.max() < bins_for(len(stated))
    assert all(len(set(bins[values == value])) == 1 for value in values)
