"""A calibration's rule applied to the scores of a judge."""

from __future__ import annotations

import math

import pytest

from edge.calibration.apply import apply_rule
from edge.inspection.policy import Limits, decide, limits_of
from edge.records import Decision, Reason, Scores
from firmware_config.calibration import Calibration, labels_of
from firmware_config.digest import digest_of_values
from tests.support.calibrations import FITTED_FOR, calibration, raw_scores
from tests.support.sample_records import description, station

LABELS = labels_of(station().labels)


def applied(made: Calibration, *log_likelihoods: float) -> Scores:
    return apply_rule(raw_scores(*log_likelihoods), made.rule, LABELS)


def test_probabilities_follow_the_scale_and_log_likelihoods_stay() -> None:
    made = calibration(scale={"kind": "logistic", "slope": 1.0, "shift": math.log(4)})

    scores = applied(made, 0.0, 0.0, -50.0)

    assert scores.probabilities == pytest.approx((0.2, 0.8, 0.0))
    assert scores.calibrated
    assert scores.log_likelihoods == (0.0, 0.0, -50.0)


def test_what_was_carried_over_lowers_the_log_odds_and_the_digest_of_others_stays() -> None:
    made = calibration(scale={"kind": "logistic", "slope": 1.0, "shift": 0.0})
    moved = made.model_copy(update={"rule": made.rule.model_copy(update={"moved": math.log(4)})})

    scores = applied(moved, 0.0, 0.0, -50.0)

    assert scores.probabilities == pytest.approx((0.8, 0.2, 0.0))
    assert scores.log_likelihoods == (0.0, 0.0, -50.0)
    assert moved.digest != made.digest
    values = made.model_dump(mode="json", by_alias=True)
    for where, new in ((values, "middles"), (values, "carried_from"), (values["rule"], "moved")):
        del where[new]
    assert digest_of_values(values) == made.digest


@pytest.mark.parametrize(
    ("log_likelihoods", "prediction_set"),
    [((0.0, -9.0, -9.0), ("good",)), ((0.0, -0.4, -9.0), ("good", "crack")), ((-9.0, 0.0, -0.1), ("crack", "unclear"))],
)
def test_the_prediction_set_holds_all_labels_of_each_decision_in_it(
    log_likelihoods: tuple[float, ...], prediction_set: tuple[str, ...]
) -> None:
    assert applied(calibration(), *log_likelihoods).prediction_set == prediction_set


def test_a_prediction_set_of_two_decisions_is_a_review() -> None:
    scores = applied(calibration(), 0.0, -0.4, -9.0)
    verdict = decide(description(), scores, labels=station().labels, limits=Limits())
    assert (verdict.decision, verdict.reasons) == (Decision.REVIEW, (Reason.AMBIGUOUS,))


@pytest.mark.parametrize(("needed", "decision"), [(0.8, Decision.OK), (0.99, Decision.REVIEW), (None, Decision.REVIEW)])
def test_an_ok_needs_the_confidence_of_the_calibration(needed: float | None, decision: Decision) -> None:
    made = calibration(escape={"rate": 0.02, "min_ok_confidence": needed})

    verdict = decide(description(), applied(made, 3.0, 0.0, -9.0), labels=station().labels, limits=limits_of(station(), made.rule.escape))

    assert verdict.decision is decision
    assert verdict.reasons == (() if decision is Decision.OK else (Reason.LOW_CONFIDENCE,))


def test_a_station_without_calibration_needs_no_further_confidence() -> None:
    assert limits_of(station(), None).min_ok_confidence == 0.0


def test_the_sample_calibration_fits_the_sample_station() -> None:
    assert FITTED_FOR["labels"] == LABELS
