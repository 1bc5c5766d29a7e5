"""Labelled pictures whose true probabilities are known, for tests of calibrating."""

from __future__ import annotations

import numpy as np

from edge.calibration.sample import Sample

OK = np.array([True, False, False])
"""Which of the three labels mean ok."""


def drawn(count: int, seed: int, *, bias: float = 0.0, factor: float = 1.0) -> Sample:
    """Pictures whose log-odds of being bad are known; the judge sees them multiplied by `factor` and moved by `bias` nats."""
    rng = np.random.default_rng(seed)
    log_odds = rng.normal(0, 2, count)
    bad = rng.random(count) < 1 / (1 + np.exp(-log_odds))
    seen = factor * log_odds + bias
    scores = np.stack([np.zeros(count), seen - np.log(2), seen - np.log(2)], -1)
    return Sample(scores, bad[:, None] ^ OK, np.array(["ok", "ng", "ng"]))
