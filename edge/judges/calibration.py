"""Temperature: how sure the judge may be (Guo et al. 2017). Fitted on held-out source data, never on what is measured."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MAX_TEMPERATURE = 20.0
"""A temperature beyond would mean scores that carry no information, or a fit on too few pictures."""


def probabilities(log_likelihoods: NDArray[np.float64], temperature: float = 1.0) -> NDArray[np.float64]:
    """Softmax over the last axis of log-likelihoods (..., K) in nats, divided by `temperature`."""
    scaled = np.asarray(log_likelihoods, np.float64) / temperature
    scaled = scaled - scaled.max(-1, keepdims=True)
    weights = np.exp(scaled)
    return np.asarray(weights / weights.sum(-1, keepdims=True))


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
