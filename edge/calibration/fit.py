"""From labelled pictures to a calibration: what `kotoba-edge calibrate` computes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from edge.calibration.conformal import ok_threshold, prediction_set_threshold
from edge.calibration.reliability import bins_for, calibration_error, error_by_chance
from edge.calibration.sample import LabelledScores, Sample, Split, block_folds, interleaved_folds
from edge.calibration.scales import Kind, apply_scale, fit_scale, log_odds_not_ok, probability_not_ok
from edge.errors import EdgeError
from firmware_config.calibration import Calibration, Conformal, Escape, FittedFor, Middles, Rule

MIN_PICTURES = 10
"""Of good and of bad pictures: a fit on fewer is meaningless."""
ONE_SIDED_95 = 1.645
"""Standard deviations of a normal distribution below which 95 % lie."""


def make_calibration(
    pictures: Sequence[LabelledScores], fitted_for: FittedFor, *, kind: Kind, escape: float, coverage: float, made_at: datetime
) -> Calibration:
    """Fit a calibration on all pictures, and measure its error with block-wise cross-fitting.

    `escape` (0..1) is the share of bad pictures that may become OK, `coverage` (0..1) the share of prediction sets that hold the right
    decision.

    Raises:
        EdgeError: too few good or bad pictures.
    """
    sample = Sample.of(pictures, fitted_for.labels)
    good, bad = int((~sample.bad).sum()), int(sample.bad.sum())
    if min(good, bad) < MIN_PICTURES:
        msg = f"calibrating on {good} good and {bad} bad pictures: at least {MIN_PICTURES} of each are needed, label more"
        raise EdgeError(msg)
    calibrated = 1 - cross_fitted(sample, kind)[:, sample.ok].sum(-1)
    errors = {
        "ece_before": calibration_error(probability_not_ok(sample.log_likelihoods, sample.ok), sample.bad),
        "ece_after": calibration_error(calibrated, sample.bad),
        "ece_by_chance": error_by_chance(calibrated),
        "ece_bins": bins_for(len(sample)),
    }
    figures = {key: round(value, 4) for key, value in errors.items()}
    rule = fit_rule(sample, kind=kind, escape=escape, coverage=coverage)
    return Calibration(fitted_for=fitted_for, rule=rule, good=good, bad=bad, middles=middles_of(sample), figures=figures, made_at=made_at)


def middles_of(sample: Sample) -> Middles:
    """The median log-odds of not ok of the good and of the bad pictures; there must be some of each."""
    log_odds = log_odds_not_ok(sample.log_likelihoods, sample.ok)
    return Middles(good=float(np.median(log_odds[~sample.bad])), bad=float(np.median(log_odds[sample.bad])))


def fit_rule(sample: Sample, *, kind: Kind, escape: float, coverage: float) -> Rule:
    """Fit scale, prediction sets and the threshold of an OK on a sample.

    The escape rate is guaranteed where the scale keeps the order of the judge: logistic and isotonic do, a temperature nearly. The
    threshold of the prediction sets comes from probabilities of pictures that were left out of their fit.
    """
    scale = fit_scale(sample.log_likelihoods, sample.allowed, sample.ok, kind)
    ok_probabilities = apply_scale(sample.log_likelihoods, scale, sample.ok)[:, sample.ok].sum(-1)
    return Rule(
        scale=scale,
        conformal=Conformal(coverage=coverage, threshold=prediction_set_threshold(right_probabilities(sample, kind), coverage=coverage)),
        escape=Escape(rate=escape, min_ok_confidence=ok_threshold(ok_probabilities, sample.bad, escape=escape)),
    )


def carried_over(rule: Rule, middles: Middles, log_likelihoods: NDArray[np.float64], ok: NDArray[np.bool_], *, good: float) -> Rule:
    """The rule for pictures of another condition, of which nobody knows the labels: float64 (N, K), `ok` bool (K,).

    A share `good` of them at least is good, so the quantile good / 2 of their log-odds is about the middle of their good ones. All log-odds
    are lowered until it is where the middle of the good pictures of the fit was. Few pictures tell the quantile badly: the lower end of its
    interval is taken, which errs to REVIEW. That bad pictures move as good ones do is assumed.

    Raises:
        EdgeError: the pictures lie nearer to the bad than to the good ones of the fit.
    """
    quantile = good / 2
    low = max(0.0, quantile - ONE_SIDED_95 * (quantile * (1 - quantile) / len(log_likelihoods)) ** 0.5)
    moved = float(np.quantile(log_odds_not_ok(log_likelihoods, ok), low)) - middles.good
    most = (middles.bad - middles.good) / 2
    if moved > most:
        msg = (
            f"carrying the calibration over: the middle of these pictures lies {moved:.2f} nats from the good pictures of the calibration, "
            f"and its bad ones begin to be nearer at {most:.2f}: either most of them are bad, or the judge does not know this condition: "
            "calibrate on labelled pictures of it"
        )
        raise EdgeError(msg)
    return rule.model_copy(update={"moved": moved})


def cross_fitted(sample: Sample, kind: Kind, split: Split = block_folds) -> NDArray[np.float64]:
    """Probabilities float64 (N, K), those of each fold by a scale that was fitted on all other folds."""
    probabilities = np.empty(sample.log_likelihoods.shape)
    for others, fold in split(len(sample)):
        rest = sample.take(others)
        scale = fit_scale(rest.log_likelihoods, rest.allowed, rest.ok, kind)
        probabilities[fold] = apply_scale(sample.log_likelihoods[fold], scale, sample.ok)
    return probabilities


def right_probabilities(sample: Sample, kind: Kind) -> NDArray[np.float64]:
    """The cross-fitted probability of each picture's right decision: float64 (N,).

    With interleaved folds, not blocks: a fit that lacks a whole block of neighbours is worse than the one that will be used, and made the
    prediction sets too large.
    """
    right = sample.decisions[sample.allowed.argmax(-1)]
    return np.asarray((cross_fitted(sample, kind, interleaved_folds) * (sample.decisions[None, :] == right[:, None])).sum(-1))
