from __future__ import annotations

import numpy as np
import pytest

from edge.calibration.conformal import prediction_set
from edge.calibration.fit import cross_fitted, fit_rule
from edge.calibration.sample import Sample, block_folds, interleaved_folds
from edge.calibration.scales import Kind, apply_scale
from tests.support.drawn_samples import OK, drawn

KINDS: tuple[Kind, ...] = ("temperature", "logistic", "isotonic")


@pytest.mark.parametrize("coverage", [0.8, 0.9])
@pytest.mark.parametrize("kind", KINDS)
def test_prediction_sets_hold_the_right_decision_in_the_stated_share(kind: Kind, coverage: float) -> None:
    held = []
    for seed in range(25):
        pictures = drawn(260, seed, bias=1.0, factor=2.0)
        known, new = pictures.take(np.arange(60)), pictures.take(np.arange(60, 260))
        rule = fit_rule(known, kind=kind, escape=0.05, coverage=coverage)
        not_ok = 1 - apply_scale(new.log_likelihoods, rule.scale, OK)[:, 0]
        sets = prediction_set(np.stack([1 - not_ok, not_ok], -1), rule.conformal.threshold)
        held.append(sets[np.arange(200), new.bad.astype(int)].mean())
    assert np.mean(held) >= coverage - 0.02


def test_block_folds_are_blocks_of_neighbours_apart_from_their_own_fit() -> None:
    parts = list(block_folds(25))
    assert np.concatenate([block for _, block in parts]).tolist() == list(range(25))
    assert all(not set(others) & set(block) and len(others) + len(block) == 25 for others, block in parts)
    assert all((np.diff(block) == 1).all() for _, block in parts)


@pytest.mark.parametrize("count", [3, 25])
def test_interleaved_folds_hold_each_picture_once_and_apart_from_its_own_fit(count: int) -> None:
    parts = list(interleaved_folds(count))
    assert sorted(np.concatenate([fold for _, fold in parts]).tolist()) == list(range(count))
    assert all(not set(others) & set(fold) and len(others) + len(fold) == count for others, fold in parts)


def test_a_cross_fit_does_not_use_the_label_of_the_picture_itself() -> None:
    sample = drawn(100, 8)
    flipped = Sample(sample.log_likelihoods, sample.allowed.copy(), sample.decisions)
    flipped.allowed[:10] = ~flipped.allowed[:10]
    assert cross_fitted(sample, "isotonic")[:10] == pytest.approx(cross_fitted(flipped, "isotonic")[:10])
    assert cross_fitted(sample, "isotonic")[10:] != pytest.approx(cross_fitted(flipped, "isotonic")[10:])
