"""The temperature of an adapter's softmax, fitted on labelled pictures, and the judge's AUROC on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.metrics import roc_auc_score

from edge.calibration.scales import fit_temperature, probabilities
from edge.interfaces import Judge
from export.tuning.examples import Example
from firmware_config.labels import Label


@dataclass(frozen=True, slots=True)
class FittedTemperature:
    """The AUROC of the probability of "not ok" on the examples, and the temperature fitted on them."""

    auroc: float
    temperature: float


def measure_temperature(judge: Judge, labels: Sequence[Label], examples: Sequence[Example]) -> FittedTemperature:
    """Judge good and defective examples as the box does and fit the temperature. The judge must not have been tuned on them."""
    scores = np.array([judge.score(example.words).log_likelihoods for example in examples])
    allowed = np.array([[label.name in example.allowed for label in labels] for example in examples])
    ok = np.array([label.decision == "ok" for label in labels])
    defective = ~(allowed & ok).any(-1)
    return FittedTemperature(
        auroc=float(roc_auc_score(defective, 1 - probabilities(scores)[:, ok].sum(-1))),
        temperature=fit_temperature(scores, allowed, ok),
    )


def without_measured(examples: Iterable[Example]) -> list[Example]:
    """The examples as a station without a memory describes them."""
    return [replace(one, words=replace(one.words, measured=())) for one in examples]
