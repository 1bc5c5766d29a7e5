from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.calibration.conformal import ok_threshold, prediction_set, prediction_set_threshold
from firmware_config.calibration import bad_pictures_needed


def test_a_threshold_keeps_the_guaranteed_escape_rate_on_new_pictures() -> None:
    rng = np.random.default_rng(6)
    missed = []
    for _ in range(1_500):
        known, new = rng.beta(2, 5, 80), rng.beta(2, 5)
        threshold = ok_threshold(known, np.ones(80, np.bool_), escape=0.05)
        assert threshold is not None
        missed.append(new >= threshold)
    # 4 of 81: (3 missed + 1) / (80 + 1) is the most that is not over 5 %.
    assert np.mean(missed) == pytest.approx(4 / 81, abs=0.015)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200), st.floats(0.005, 0.5))
def test_a_threshold_counts_the_picture_that_comes_next_as_missed(pairs: list[tuple[float, bool]], escape: float) -> None:
    confidences, bad = np.array([confidence for confidence, _ in pairs]), np.array([bad for _, bad in pairs])

    threshold = ok_threshold(confidences, bad, escape=escape)

    if threshold is not None:
        missed = int((confidences[bad] >= threshold).sum())
        assert missed == 0 if bad.sum() == 0 else (missed + 1) / (bad.sum() + 1) <= escape + 1e-6 or threshold == 0.0


@pytest.mark.parametrize(("escape", "needed"), [(0.02, 49), (0.05, 19), (0.3, 3), (0.5, 1)])
def test_with_too_few_bad_pictures_no_confidence_is_enough(escape: float, needed: int) -> None:
    confidences = np.linspace(0.1, 0.2, needed)
    every = np.ones(needed, np.bool_)

    assert bad_pictures_needed(escape) == needed
    assert ok_threshold(confidences, every, escape=escape) == pytest.approx(confidences.max(), abs=1e-6)
    assert ok_threshold(confidences[1:], every[1:], escape=escape) is None


def test_no_confidence_is_enough_where_bad_pictures_reach_1() -> None:
    assert ok_threshold(np.ones(60), np.ones(60, np.bool_), escape=0.02) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=100), st.floats(0.5, 0.99))
def test_the_prediction_set_holds_all_decisions_where_pictures_are_too_few(confidences: list[float], coverage: float) -> None:
    threshold = prediction_set_threshold(np.array(confidences), coverage=coverage)
    assert (np.array(confidences) < threshold).mean() <= 1 - coverage + 1e-6
    if (1 - coverage) * (len(confidences) + 1) < 1 - 1e-6:
        assert threshold == 0.0
        assert prediction_set(np.array([1.0, 0.0]), threshold).all()


def test_the_prediction_set_always_holds_the_likeliest_decision() -> None:
    sets = prediction_set(np.array([[0.6, 0.4], [0.99, 0.01]]), 0.7)
    assert sets.tolist() == [[True, False], [True, False]]
