"""How well a judge ranks pictures whose truth is known, and the temperature that makes its probabilities honest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score

from edge.calibration.scales import fit_temperature, probabilities
from edge.interfaces import Judge
from export.tuning.examples import Example
from firmware_config.labels import Label


@dataclass(frozen=True, slots=True)
class Calibrated:
    """`auroc` of "not ok" on the examples, and the temperature fitted on them."""

    auroc: float
    temperature: float


def calibrate(judge: Judge, labels: Sequence[Label], examples: Sequence[Example]) -> Calibrated:
    """Judge held-out source examples, good and bad ones, as the box does. They must not have taught the judge."""
    scores = np.array([judge.score(example.words).log_likelihoods for example in examples])
    allowed = np.array([[label.name in example.allowed for label in labels] for example in examples])
    ok = np.array([label.decision == "ok" for label in labels])
    defective = ~(allowed & ok).any(-1)
    return Calibrated(
        auroc=float(roc_auc_score(defective, 1 - probabilities(scores)[:, ok].sum(-1))),
        temperature=fit_temperature(scores, allowed, ok),
    )
