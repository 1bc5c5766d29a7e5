"""From log-likelihoods to honest probabilities. Fitted on held-out pictures of the source, never on what is measured.

A temperature (Guo et al. 2017) makes a judge more or less sure. A logistic curve (Platt 1999) also mends one that leans to a side: two
numbers, for few pictures. Isotonic regression (Zadrozny and Elkan 2002) takes any rising shape, and many pictures.
docs/studies/trust.md compares them. numpy alone: a device has no scikit-learn.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_never

from firmware_config.calibration import Isotonic, Logistic, Scale, Temperature

MAX_TEMPERATURE = 20.0
"""A temperature beyond would mean scores that carry no information, or a fit on too few pictures."""

SLOPE = 0.01
"""Share of the raw probability in the isotonic one: where the fit is flat the judge's own order stays, and a threshold can cut there."""

EXACT = 1e-10
NEWTON_STEPS = 100
"""Two parameters of a convex loss: ten or twenty are enough."""

Kind = Literal["temperature", "logistic", "isotonic"]


def probabilities(log_likelihoods: NDArray[np.float64], temperature: float = 1.0) -> NDArray[np.float64]:
    """Softmax over the last axis of log-likelihoods (..., K) in nats, divided by `temperature`."""
    scaled = np.asarray(log_likelihoods, np.float64) / temperature
    scaled = scaled - scaled.max(-1, keepdims=True)
    weights = np.exp(scaled)
    return np.asarray(weights / weights.sum(-1, keepdims=True))


def calibrated(log_likelihoods: NDArray[np.float64], scale: Scale, ok: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Probabilities (..., K) of log-likelihoods (..., K) by a scale; `ok` bool (K,): the labels that pass."""
    if isinstance(scale, Temperature):
        return probabilities(log_likelihoods, scale.temperature)
    if isinstance(scale, Logistic):
        not_ok = _sigmoid(scale.slope * log_odds_not_ok(log_likelihoods, ok) + scale.shift)
    elif isinstance(scale, Isotonic):
        before, after = np.array(scale.points).T
        not_ok = np.interp(_sigmoid(log_odds_not_ok(log_likelihoods, ok)), before, after)
    else:
        assert_never(scale)
    found = np.empty(np.shape(log_likelihoods))
    found[..., ok] = (1 - not_ok)[..., None] * probabilities(log_likelihoods[..., ok])
    found[..., ~ok] = not_ok[..., None] * probabilities(log_likelihoods[..., ~ok])
    return found


def log_odds_not_ok(log_likelihoods: NDArray[np.float64], ok: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How much likelier all labels that are not ok are than those that are, in nats, (...)."""
    return np.asarray(np.logaddexp.reduce(log_likelihoods[..., ~ok], -1) - np.logaddexp.reduce(log_likelihoods[..., ok], -1))


def chance_not_ok(log_likelihoods: NDArray[np.float64], ok: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The softmax's probability of all labels that are not ok, (...)."""
    return _sigmoid(log_odds_not_ok(log_likelihoods, ok))


def _sigmoid(log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.exp(-np.logaddexp(0.0, -log_odds)))


def fit(log_likelihoods: NDArray[np.float64], allowed: NDArray[np.bool_], ok: NDArray[np.bool_], kind: Kind) -> Scale:
    """Fit a scale: `log_likelihoods` float64 (N, K); `allowed` bool (N, K): the labels that are right for each; `ok` bool (K,)."""
    if kind == "temperature":
        return Temperature(temperature=fit_temperature(log_likelihoods, allowed, ok))
    bad = ~np.asarray((allowed & ok).any(-1))
    if kind == "logistic":
        return fit_logistic(log_odds_not_ok(log_likelihoods, ok), bad)
    if kind == "isotonic":
        return fit_isotonic(chance_not_ok(log_likelihoods, ok), bad)
    assert_never(kind)


def fit_temperature(log_likelihoods: NDArray[np.float64], allowed: NDArray[np.bool_], ok: NDArray[np.bool_]) -> float:
    """The temperature that makes the right answers likeliest, pictures that are ok and not ok counting the same in sum.

    A run's defect rate is no property of the words: fitted on a run with 87 % defects, an unweighted temperature called every cell
    defective. Never below 1: so few pictures may make a judge less sure, not surer.

    `log_likelihoods` float64 (N, K); `allowed` bool (N, K): the labels that are right for each (of a picture known only to be defective:
    all defects); `ok` bool (K,): the labels that pass. Golden-section search over the logarithm of the temperature.
    """
    good = (allowed & ok).any(-1)
    weights = np.where(good, 1 / max(1, good.sum()), 1 / max(1, (~good).sum()))

    def surprise(log_temperature: float) -> float:
        right = (probabilities(log_likelihoods, float(np.exp(log_temperature))) * allowed).sum(-1)
        return float(-(weights * np.log(np.clip(right, 1e-12, None))).sum())

    low, high = 0.0, np.log(MAX_TEMPERATURE)
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(60):
        one, two = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, two) if surprise(one) < surprise(two) else (one, high)
    return float(np.exp((low + high) / 2))


def fit_logistic(log_odds: NDArray[np.float64], bad: NDArray[np.bool_]) -> Logistic:
    """Fit how often a picture is bad as a logistic curve of its raw log-odds (N,) of being bad; here the defect rate counts.

    By Newton's method on Platt's targets, as if one more of each kind had been seen, so that judges without a mistake get a finite curve.
    A judge whose order is no better than none keeps the slope SLOPE: the curve must rise, for a threshold to cut in the judge's order.
    """
    many, few = int(bad.sum()), int((~bad).sum())
    targets = np.where(bad, (many + 1) / (many + 2), 1 / (few + 2))
    design = np.stack([log_odds, np.ones_like(log_odds)], -1)
    slope, shift = _newton(design, targets, np.zeros(2))
    if slope < SLOPE:
        slope, (shift,) = SLOPE, _newton(design[:, 1:], targets, np.zeros(1), offset=SLOPE * log_odds)
    return Logistic(slope=float(slope), shift=float(shift))


def _newton(
    design: NDArray[np.float64], targets: NDArray[np.float64], start: NDArray[np.float64], offset: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """The weights (P,) of least cross-entropy of sigmoid(design @ weights + offset) to `targets`; design (N, P)."""

    def loss(weights: NDArray[np.float64]) -> float:
        log_odds = design @ weights + offset
        return float((np.logaddexp(0.0, log_odds) - targets * log_odds).sum())

    weights = start
    for _ in range(NEWTON_STEPS):
        chances = _sigmoid(design @ weights + offset)
        curvature = (design * (chances * (1 - chances))[:, None]).T @ design
        step = np.linalg.lstsq(curvature, design.T @ (targets - chances), rcond=None)[0]
        while loss(weights + step) > loss(weights) and np.abs(step).max() > EXACT:
            step = step / 2
        weights = weights + step
        if np.abs(step).max() <= EXACT:
            break
    return weights


def fit_isotonic(raw: NDArray[np.float64], bad: NDArray[np.bool_]) -> Isotonic:
    """Fit how often a picture is bad, as a rising function of its raw probability (N,) of being bad; here the defect rate counts.

    As if the judge had been wrong once more at either end, a bad picture that it was sure is good and a good one that it was sure is bad:
    the fit never says 0 or 1, and the fewer the pictures the further it stays away.
    """
    values, place = np.unique([*raw, 0.0, 1.0], return_inverse=True)
    weights = np.bincount(place).astype(np.float64)
    shares = np.bincount(place, [*bad, 1.0, 0.0]) / weights
    fitted = (1 - SLOPE) * pool_adjacent(shares, weights) + SLOPE * values
    # A point between two neighbours of the same pool lies on their line.
    pooled = np.diff(pool_adjacent(shares, weights)) == 0
    bends = ~np.r_[False, pooled[:-1] & pooled[1:], False]
    return Isotonic(points=tuple(zip(values[bends].tolist(), fitted[bends].tolist(), strict=True)))


def pool_adjacent(values: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rising sequence nearest to `values` in weighted least squares, by pooling adjacent violators."""
    pools: list[tuple[float, float, int]] = []
    for one, weight in zip(values, weights, strict=True):
        mean, total, count = float(one), float(weight), 1
        while pools and pools[-1][0] >= mean:
            before, heavy, many = pools.pop()
            mean, total, count = (mean * total + before * heavy) / (total + heavy), total + heavy, count + many
        pools.append((mean, total, count))
    return np.repeat([mean for mean, _, _ in pools], [count for _, _, count in pools])
