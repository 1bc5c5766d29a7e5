from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from edge.calibration.conformal import bad_needed, ok_threshold, prediction_set, prediction_set_threshold
from edge.calibration.fit import Sample, cross_fitted, dealt, fit_rule, folds
from edge.calibration.reliability import bin_of, bins_for, calibration_error, error_by_chance
from edge.calibration.scales import Kind, calibrated, chance_not_ok, fit, fit_isotonic, fit_logistic, pool_adjacent, probabilities

OK = np.array([True, False, False])
KINDS: tuple[Kind, ...] = ("temperature", "logistic", "isotonic")
CHANCES = st.lists(st.tuples(st.floats(0, 1).map(lambda chance: round(chance, 9)), st.booleans()), min_size=1, max_size=60)


def drawn(count: int, seed: int, *, lean: float = 0.0, sure: float = 1.0) -> Sample:
    """Pictures whose log-odds of being bad are known; the judge leans to a side and is too sure by a factor."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(0, 2, count)
    bad = rng.random(count) < 1 / (1 + np.exp(-log_odds))
    scored = sure * log_odds + lean
    scores = np.stack([np.zeros(count), scored - np.log(2), scored - np.log(2)], -1)
    return Sample(scores, bad[:, None] ^ OK, np.array(["ok", "ng", "ng"]))


@given(CHANCES)
def test_pooling_adjacent_violators_is_what_scikit_learn_does(pairs: list[tuple[float, bool]]) -> None:
    values = np.array([float(bad) for _, bad in pairs])
    weights = np.array([1.0 + raw for raw, _ in pairs])

    expected = IsotonicRegression().fit_transform(np.arange(len(pairs)), values, sample_weight=weights)

    assert pool_adjacent(values, weights) == pytest.approx(expected, abs=1e-9)


@given(CHANCES)
def test_an_isotonic_fit_rises_and_is_never_sure(pairs: list[tuple[float, bool]]) -> None:
    raw, bad = np.array([raw for raw, _ in pairs]), np.array([bad for _, bad in pairs])

    before, after = np.array(fit_isotonic(raw, bad).points).T

    assert (np.diff(before) > 0).all()
    assert (np.diff(after) >= 0).all()
    assert after[0] > 0
    assert after[-1] < 1


@given(CHANCES)
def test_the_points_of_an_isotonic_fit_lose_nothing(pairs: list[tuple[float, bool]]) -> None:
    raw, bad = np.array([raw for raw, _ in pairs]), np.array([bad for _, bad in pairs])
    before, after = np.array(fit_isotonic(raw, bad).points).T
    expected = IsotonicRegression().fit([*raw, 0.0, 1.0], [*bad, 1.0, 0.0]).predict(raw)

    assert np.interp(raw, before, after) == pytest.approx(0.99 * expected + 0.01 * raw, abs=1e-9)


def test_a_logistic_fit_is_what_scikit_learn_finds() -> None:
    sample = drawn(400, 0, lean=1.5, sure=2.0)
    log_odds, bad = sample.log_likelihoods[:, 1] + np.log(2), sample.bad
    n, m = bad.sum(), (~bad).sum()
    weights = np.r_[np.where(bad, (n + 1) / (n + 2), 1 / (m + 2)), np.where(bad, 1 / (n + 2), (m + 1) / (m + 2))]
    reference = LogisticRegression(C=1e9, tol=1e-10, max_iter=10_000)
    reference.fit(np.r_[log_odds, log_odds][:, None], np.r_[np.ones(400), np.zeros(400)], sample_weight=weights)

    found = fit_logistic(log_odds, bad)

    assert found.slope == pytest.approx(reference.coef_[0, 0], rel=1e-3)
    assert found.shift == pytest.approx(reference.intercept_[0], rel=1e-3, abs=1e-3)


def test_a_judge_that_is_never_wrong_gets_a_finite_curve() -> None:
    found = fit_logistic(np.array([-3.0, -2.0, 2.0, 3.0]), np.array([False, False, True, True]))
    assert 0 < found.slope < 10


def test_a_judge_that_ranks_backwards_gets_a_flat_curve_that_still_rises() -> None:
    found = fit_logistic(np.array([-3.0, -2.0, 2.0, 3.0]), np.array([True, True, False, False]))
    assert found.slope == pytest.approx(0.01)


@pytest.mark.parametrize("kind", KINDS)
@given(scores=st.lists(st.tuples(*[st.floats(-300, 0)] * 3), min_size=1, max_size=20))
def test_calibrated_probabilities_are_some_and_keep_the_shares_within_a_decision(
    kind: Kind, scores: list[tuple[float, float, float]]
) -> None:
    sample = drawn(60, 1, lean=1.0)
    scale = fit(sample.log_likelihoods, sample.allowed, OK, kind)

    found = calibrated(np.array(scores), scale, OK)

    assert found.sum(-1) == pytest.approx(1.0)
    assert ((found >= 0) & (found <= 1)).all()
    if kind != "temperature":
        raw = probabilities(np.array(scores)[:, 1:])
        assert found[:, 1:] == pytest.approx(raw * found[:, 1:].sum(-1, keepdims=True), abs=1e-9)


@pytest.mark.parametrize("kind", ["logistic", "isotonic"])
def test_a_scale_keeps_the_judges_order(kind: Kind) -> None:
    sample = drawn(80, 2)
    order = np.argsort(chance_not_ok(sample.log_likelihoods, OK))
    found = calibrated(sample.log_likelihoods, fit(sample.log_likelihoods, sample.allowed, OK, kind), OK)[:, 0]
    assert (np.diff(found[order]) < 0).all()


@pytest.mark.parametrize("kind", ["logistic", "isotonic"])
def test_probabilities_of_a_leaning_judge_become_honest(kind: Kind) -> None:
    taught, asked = drawn(4_000, 3, lean=2.0, sure=3.0), drawn(4_000, 4, lean=2.0, sure=3.0)

    found = calibrated(asked.log_likelihoods, fit(taught.log_likelihoods, taught.allowed, OK, kind), OK)

    assert calibration_error(chance_not_ok(asked.log_likelihoods, OK), asked.bad) > 0.15
    assert calibration_error(1 - found[:, 0], asked.bad) < 0.03


def test_the_error_of_a_perfect_judge_is_what_chance_alone_shows() -> None:
    rng = np.random.default_rng(5)
    chances = rng.random(300)
    errors = [calibration_error(chances, rng.random(300) < chances) for _ in range(200)]
    assert error_by_chance(chances) == pytest.approx(np.mean(errors), rel=0.1)


def test_an_error_is_the_gap_between_stated_and_true() -> None:
    assert calibration_error(np.full(100, 0.9), np.arange(100) < 60) == pytest.approx(0.3)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=400))
def test_equal_chances_share_a_bin(chances: list[float]) -> None:
    values = np.array(chances)
    bins = bin_of(values)
    assert bins.max() < bins_for(len(chances))
    assert all(len(set(bins[values == value])) == 1 for value in values)


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
    chances, bad = np.array([one for one, _ in pairs]), np.array([bad for _, bad in pairs])

    threshold = ok_threshold(chances, bad, escape=escape)

    if threshold is not None:
        missed = int((chances[bad] >= threshold).sum())
        assert missed == 0 if bad.sum() == 0 else (missed + 1) / (bad.sum() + 1) <= escape + 1e-6 or threshold == 0.0


@pytest.mark.parametrize(("escape", "needed"), [(0.02, 49), (0.05, 19), (0.3, 3), (0.5, 1)])
def test_with_too_few_bad_pictures_nothing_may_pass(escape: float, needed: int) -> None:
    chances = np.linspace(0.1, 0.2, needed)
    every = np.ones(needed, np.bool_)

    assert bad_needed(escape) == needed
    assert ok_threshold(chances, every, escape=escape) == pytest.approx(chances.max(), abs=1e-6)
    assert ok_threshold(chances[1:], every[1:], escape=escape) is None


def test_no_confidence_is_enough_where_a_bad_picture_had_all_of_it() -> None:
    assert ok_threshold(np.ones(60), np.ones(60, np.bool_), escape=0.02) is None


@pytest.mark.parametrize("coverage", [0.8, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_a_set_holds_the_right_decision_as_often_as_it_says(kind: Kind, coverage: float) -> None:
    held = []
    for seed in range(25):
        every = drawn(260, seed, lean=1.0, sure=2.0)
        taught, asked = every.take(np.arange(60)), every.take(np.arange(60, 260))
        rule = fit_rule(taught, kind=kind, escape=0.05, coverage=coverage)
        not_ok = 1 - calibrated(asked.log_likelihoods, rule.scale, OK)[:, 0]
        sets = prediction_set(np.stack([1 - not_ok, not_ok], -1), rule.conformal.threshold)
        held.append(sets[np.arange(200), asked.bad.astype(int)].mean())
    assert np.mean(held) >= coverage - 0.02


@given(st.lists(st.floats(0, 1), min_size=1, max_size=100), st.floats(0.5, 0.99))
def test_the_prediction_set_holds_all_decisions_where_pictures_are_too_few(chances: list[float], coverage: float) -> None:
    threshold = prediction_set_threshold(np.array(chances), coverage=coverage)
    assert (np.array(chances) < threshold).mean() <= 1 - coverage + 1e-6
    if (1 - coverage) * (len(chances) + 1) < 1 - 1e-6:
        assert threshold == 0.0
        assert prediction_set(np.array([1.0, 0.0]), threshold).all()


def test_the_prediction_set_always_holds_the_likeliest_decision() -> None:
    sets: NDArray[np.bool_] = prediction_set(np.array([[0.6, 0.4], [0.99, 0.01]]), 0.7)
    assert sets.tolist() == [[True, False], [True, False]]


def test_folds_are_blocks_of_neighbours_that_never_teach_themselves() -> None:
    parts = list(folds(25))
    assert np.concatenate([block for _, block in parts]).tolist() == list(range(25))
    assert all(not set(others) & set(block) and len(others) + len(block) == 25 for others, block in parts)
    assert all((np.diff(block) == 1).all() for _, block in parts)


@pytest.mark.parametrize("count", [3, 25])
def test_each_picture_is_dealt_once_and_never_teaches_itself(count: int) -> None:
    parts = list(dealt(count))
    assert sorted(np.concatenate([hand for _, hand in parts]).tolist()) == list(range(count))
    assert all(not set(others) & set(hand) and len(others) + len(hand) == count for others, hand in parts)


def test_a_cross_fit_tells_no_picture_by_itself() -> None:
    sample = drawn(100, 8)
    turned = Sample(sample.log_likelihoods, sample.allowed.copy(), sample.decisions)
    turned.allowed[:10] = ~turned.allowed[:10]
    assert cross_fitted(sample, "isotonic")[:10] == pytest.approx(cross_fitted(turned, "isotonic")[:10])
    assert cross_fitted(sample, "isotonic")[10:] != pytest.approx(cross_fitted(turned, "isotonic")[10:])
