"""From log-likelihoods to calibrated probabilities.

Three scales. A temperature (Guo et al. 2017) makes a judge more or less sure. A logistic curve (Platt 1999) also corrects a bias towards
one side; its two numbers need few pictures. Isotonic regression (Zadrozny and Elkan 2002) takes any rising shape and needs many pictures.
docs/studies/trust.md compares them. They are fitted on held-out pictures of the source only. numpy alone: a device has no scikit-learn.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_never

from firmware_config.calibration import Isotonic, Logistic, Scale, Temperature

MAX_TEMPERATURE = 20.0
"""A higher temperature would mean that the scores carry no information, or that the fit had too few pictures."""

MIN_SLOPE = 0.01
"""Logistic and isotonic scales rise at least so much: the order of the judge stays, and a threshold can separate any two pictures."""

NEWTON_TOLERANCE = 1e-10
NEWTON_STEPS = 100
"""Upper bound; the convex loss of two parameters takes ten to twenty."""

GOLDEN_STEPS = 60
"""Golden-section steps: each multiplies the interval by 0.618, so that 60 narrow it to 1e-12."""

MIN_PROBABILITY = 1e-12
"""Keeps the logarithm of a probability finite."""

Kind = Literal["temperature", "logistic", "isotonic"]


def probabilities(log_likelihoods: NDArray[np.float64], temperature: float = 1.0) -> NDArray[np.float64]:
    """Softmax float64 (..., K) over the last axis of log-likelihoods float64 (..., K) in nats, divided by `temperature` (> 0)."""
    scaled = np.asarray(log_likelihoods, np.float64) / temperature
    scaled = scaled - scaled.max(-1, keepdims=True)
    weights = np.exp(scaled)
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def apply_scale(log_likelihoods: NDArray[np.float64], scale: Scale, ok: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Calibrated probabilities float64 (..., K) of log-likelihoods float64 (..., K) in nats; `ok` bool (K,): labels whose decision is ok.

    Logistic and isotonic set the probability of ok against not ok; within each of the two the softmax shares it out.
    """
    if isinstance(scale, Temperature):
        return probabilities(log_likelihoods, scale.temperature)
    if isinstance(scale, Logistic):
        not_ok = _sigmoid(scale.slope * log_odds_not_ok(log_likelihoods, ok) + scale.shift)
    elif isinstance(scale, Isotonic):
        before, after = np.array(scale.points).T
        not_ok = np.interp(_sigmoid(log_odds_not_ok(log_likelihoods, ok)), before, after)
    else:
        assert_never(scale)
    calibrated = np.empty(np.shape(log_likelihoods))
    calibrated[..., ok] = (1 - not_ok)[..., None] * probabilities(log_likelihoods[..., ok])
    calibrated[..., ~ok] = not_ok[..., None] * probabilities(log_likelihoods[..., ~ok])
    return calibrated


def log_odds_not_ok(log_likelihoods: NDArray[np.float64], ok: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Log-odds in nats, float64 (...), of all labels that are not ok against those that are."""
    return np.asarray(np.logaddexp.reduce(log_likelihoods[..., ~ok], -1) - np.logaddexp.reduce(log_likelihoods[..., ok], -1))


def probability_not_ok(log_likelihoods: NDArray[np.float64], ok: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The softmax's probability of all labels that are not ok, float64 (...)."""
    return _sigmoid(log_odds_not_ok(log_likelihoods, ok))


def _sigmoid(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-np.logaddexp(0.0, -log_odds)))


def fit_scale(log_likelihoods: NDArray[np.float64], allowed: NDArray[np.bool_], ok: NDArray[np.bool_], kind: Kind) -> Scale:
    """Fit a scale on labelled pictures; arrays as those of `edge.calibration.sample.Sample`."""
    if kind == "temperature":
        return Temperature(temperature=fit_temperature(log_likelihoods, allowed, ok))
    bad = ~np.asarray((allowed & ok).any(-1))
    if kind == "logistic":
        return fit_logistic(log_odds_not_ok(log_likelihoods, ok), bad)
    if kind == "isotonic":
        return fit_isotonic(probability_not_ok(log_likelihoods, ok), bad)
    assert_never(kind)


def fit_temperature(log_likelihoods: NDArray[np.float64], allowed: NDArray[np.bool_], ok: NDArray[np.bool_]) -> float:
    """Fit the temperature (1..20) that maximises the likelihood of the right labels; good and bad pictures have the same total weight.

    The defect rate of a run is not a property of the words: fitted on a run with 87 % defects, an unweighted temperature called every cell
    defective. It is never below 1: few pictures may make a judge less sure, not surer.

    Arrays as those of `edge.calibration.sample.Sample`. Golden-section search over the logarithm of the temperature.
    """
    good = (allowed & ok).any(-1)
    weights = np.where(good, 1 / max(1, good.sum()), 1 / max(1, (~good).sum()))

    def loss(log_temperature: float) -> float:
        right = (probabilities(log_likelihoods, float(np.exp(log_temperature))) * allowed).sum(-1)
        return float(-(weights * np.log(np.clip(right, MIN_PROBABILITY, None))).sum())

    low, high = 0.0, np.log(MAX_TEMPERATURE)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(GOLDEN_STEPS):
        lower, upper = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, upper) if loss(lower) < loss(upper) else (lower, high)
    return float(np.exp((low + high) / 2))


def fit_logistic(log_odds: NDArray[np.float64], bad: NDArray[np.bool_]) -> Logistic:
    """Fit the probability that a picture is bad as a logistic curve of its log-odds (N,) in nats; `bad` bool (N,).

    Newton's method on Platt's targets, which count one more picture of each kind: a judge without a mistake gets a finite curve. Unlike a
    temperature it depends on the defect rate. The slope is at least MIN_SLOPE: the curve of a judge that ranks backwards must rise as well.
    """
    bad_count, good_count = int(bad.sum()), int((~bad).sum())
    targets = np.where(bad, (bad_count + 1) / (bad_count + 2), 1 / (good_count + 2))
    design = np.stack([log_odds, np.ones_like(log_odds)], -1)
    slope, shift = _newton(design, targets, np.zeros(2))
    if slope < MIN_SLOPE:
        slope, (shift,) = MIN_SLOPE, _newton(design[:, 1:], targets, np.zeros(1), offset=MIN_SLOPE * log_odds)
    return Logistic(slope=float(slope), shift=float(shift))


def _newton(
    design: NDArray[np.float64], targets: NDArray[np.float64], start: NDArray[np.float64], offset: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """The weights (P,) that minimise the cross-entropy of sigmoid(design @ weights + offset) to `targets` (N,); `design` (N, P)."""

    def loss(weights: NDArray[np.float64]) -> float:
        log_odds = design @ weights + offset
        return float((np.logaddexp(0.0, log_odds) - targets * log_odds).sum())

    weights = start
    for _ in range(NEWTON_STEPS):
        predicted = _sigmoid(design @ weights + offset)
        hessian = (design * (predicted * (1 - predicted))[:, None]).T @ design
        step = np.linalg.lstsq(hessian, design.T @ (targets - predicted), rcond=None)[0]
        while loss(weights + step) > loss(weights) and np.abs(step).max() > NEWTON_TOLERANCE:
            step = step / 2
        weights = weights + step
        if np.abs(step).max() <= NEWTON_TOLERANCE:
            break
    return weights


def fit_isotonic(raw: NDArray[np.float64], bad: NDArray[np.bool_]) -> Isotonic:
    """Fit the probability that a picture is bad as a rising function of its raw probability `raw` (N,); `bad` bool (N,).

    One mistake is added at either end: a bad picture with raw probability 0 and a good one with 1. So the fit never reaches 0 or 1;
    the fewer the pictures, the further it stays away. It depends on the defect rate.
    """
    values, index = np.unique([*raw, 0.0, 1.0], return_inverse=True)
    weights = np.bincount(index).astype(np.float64)
    bad_shares = np.bincount(index, [*bad, 1.0, 0.0]) / weights
    fitted = (1 - MIN_SLOPE) * pool_adjacent(bad_shares, weights) + MIN_SLOPE * values
    # A point between two neighbours of the same pool lies on the line between them: it is left out.
    pooled = np.diff(pool_adjacent(bad_shares, weights)) == 0
    bends = ~np.r_[False, pooled[:-1] & pooled[1:], False]
    return Isotonic(points=tuple(zip(values[bends].tolist(), fitted[bends].tolist(), strict=True)))


def pool_adjacent(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rising sequence (N,) nearest to `values` (N,) in weighted least squares, by pooling adjacent violators."""
    pools: list[tuple[float, float, int]] = []
    for value, weight in zip(values, weights, strict=True):
        mean, total, count = float(value), float(weight), 1
        while pools and pools[-1][0] >= mean:
            last_mean, last_total, last_count = pools.pop()
            mean = (mean * total + last_mean * last_total) / (total + last_total)
            total, count = total + last_total, count + last_count
        pools.append((mean, total, count))
    return np.repeat([mean for mean, _, _ in pools], [count for _, _, count in pools])
