from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from edge.calibration.reliability import calibration_error
from edge.calibration.scales import (
    Kind,
    apply_scale,
    fit_isotonic,
    fit_logistic,
    fit_scale,
    pool_adjacent,
    probabilities,
    probability_not_ok,
)
from tests.support.drawn_samples import OK, drawn

KINDS: tuple[Kind, ...] = ("temperature", "logistic", "isotonic")
LABELLED = st.lists(st.tuples(st.floats(0, 1).map(lambda raw: round(raw, 9)), st.booleans()), min_size=1, max_size=60)
"""Raw probability of being bad, and whether the picture is bad."""


@given(LABELLED)
def test_pooling_adjacent_violators_equals_scikit_learn(pairs: list[tuple[float, bool]]) -> None:
    values = np.array([float(bad) for _, bad in pairs])
    weights = np.array([1.0 + raw for raw, _ in pairs])

    expected = IsotonicRegression().fit_transform(np.arange(len(pairs)), values, sample_weight=weights)

    assert pool_adjacent(values, weights) == pytest.approx(expected, abs=1e-9)


@given(LABELLED)
def test_an_isotonic_fit_rises_and_never_reaches_0_or_1(pairs: list[tuple[float, bool]]) -> None:
    raw, bad = np.array([raw for raw, _ in pairs]), np.array([bad for _, bad in pairs])

    before, after = np.array(fit_isotonic(raw, bad).points).T

    assert (np.diff(before) > 0).all()
    assert (np.diff(after) >= 0).all()
    assert after[0] > 0
    assert after[-1] < 1


@given(LABELLED)
def test_the_points_of_an_isotonic_fit_give_the_whole_curve(pairs: list[tuple[float, bool]]) -> None:
    raw, bad = np.array([raw for raw, _ in pairs]), np.array([bad for _, bad in pairs])
    before, after = np.array(fit_isotonic(raw, bad).points).T
    expected = IsotonicRegression().fit([*raw, 0.0, 1.0], [*bad, 1.0, 0.0]).predict(raw)

    assert np.interp(raw, before, after) == pytest.approx(0.99 * expected + 0.01 * raw, abs=1e-9)


def test_a_logistic_fit_equals_scikit_learn() -> None:
    sample = drawn(400, 0, bias=1.5, factor=2.0)
    log_odds, bad = sample.log_likelihoods[:, 1] + np.log(2), sample.bad
    n, m = bad.sum(), (~bad).sum()
    weights = np.r_[np.where(bad, (n + 1) / (n + 2), 1 / (m + 2)), np.where(bad, 1 / (n + 2), (m + 1) / (m + 2))]
    reference = LogisticRegression(C=1e9, tol=1e-10, max_iter=10_000)
    reference.fit(np.r_[log_odds, log_odds][:, None], np.r_[np.ones(400), np.zeros(400)], sample_weight=weights)

    found = fit_logistic(log_odds, bad)

    assert found.slope == pytest.approx(reference.coef_[0, 0], rel=1e-3)
    assert found.shift == pytest.approx(reference.intercept_[0], rel=1e-3, abs=1e-3)


def test_a_judge_without_a_mistake_gets_a_finite_curve() -> None:
    found = fit_logistic(np.array([-3.0, -2.0, 2.0, 3.0]), np.array([False, False, True, True]))
    assert 0 < found.slope < 10


def test_a_judge_that_ranks_backwards_gets_a_flat_curve_that_still_rises() -> None:
    found = fit_logistic(np.array([-3.0, -2.0, 2.0, 3.0]), np.array([True, True, False, False]))
    assert found.slope == pytest.approx(0.01)


@pytest.mark.parametrize("kind", KINDS)
@given(scores=st.lists(st.tuples(*[st.floats(-300, 0)] * 3), min_size=1, max_size=20))
def test_calibrated_probabilities_sum_to_one_and_keep_the_shares_within_a_decision(
    kind: Kind, scores: list[tuple[float, float, float]]
) -> None:
    sample = drawn(60, 1, bias=1.0)
    scale = fit_scale(sample.log_likelihoods, sample.allowed, OK, kind)

    found = apply_scale(np.array(scores), scale, OK)

    assert found.sum(-1) == pytest.approx(1.0)
    assert ((found >= 0) & (found <= 1)).all()
    if kind != "temperature":
        raw = probabilities(np.array(scores)[:, 1:])
        assert found[:, 1:] == pytest.approx(raw * found[:, 1:].sum(-1, keepdims=True), abs=1e-9)


@pytest.mark.parametrize("kind", ["logistic", "isotonic"])
def test_a_scale_keeps_the_order_of_the_judge(kind: Kind) -> None:
    sample = drawn(80, 2)
    order = np.argsort(probability_not_ok(sample.log_likelihoods, OK))
    found = apply_scale(sample.log_likelihoods, fit_scale(sample.log_likelihoods, sample.allowed, OK, kind), OK)[:, 0]
    assert (np.diff(found[order]) < 0).all()


@pytest.mark.parametrize("kind", ["logistic", "isotonic"])
def test_a_biased_judge_becomes_calibrated(kind: Kind) -> None:
    taught, asked = drawn(4_000, 3, bias=2.0, factor=3.0), drawn(4_000, 4, bias=2.0, factor=3.0)

    found = apply_scale(asked.log_likelihoods, fit_scale(taught.log_likelihoods, taught.allowed, OK, kind), OK)

    assert calibration_error(probability_not_ok(asked.log_likelihoods, OK), asked.bad) > 0.15
    assert calibration_error(1 - found[:, 0], asked.bad) < 0.03
