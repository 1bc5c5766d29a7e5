"""Figures of a judge on checks: how well it tells defective from good, and which labels it gives for which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from edge.calibration.scales import probabilities
from export.tuning.examples import Example
from firmware_config.labels import Label


@dataclass(frozen=True, slots=True)
class Auroc:
    """The AUROC of the probability of "not ok", with the numbers of good and of defective pictures; None without either of them."""

    value: float | None
    good: int
    defective: int


def auroc(labels: Sequence[Label], examples: Sequence[Example], log_likelihoods: NDArray[np.float64]) -> Auroc:
    """How well log-likelihoods of the labels, (N, K), tell defective examples from good ones."""
    ok = np.array([label.decision == "ok" for label in labels])
    fine = {label.name for label in labels if label.decision == "ok"}
    defective = np.array([not fine & set(example.allowed) for example in examples], bool)
    good, bad = int((~defective).sum()), int(defective.sum())
    value = float(roc_auc_score(defective, 1 - probabilities(log_likelihoods)[:, ok].sum(-1))) if good and bad else None
    return Auroc(value, good, bad)


def confusion(
    labels: Sequence[Label], examples: Sequence[Example], log_likelihoods: NDArray[np.float64]
) -> list[tuple[str, list[tuple[int, bool]]]]:
    """For each right label, or group of right labels, how often each label was given, and whether that is right."""
    said = log_likelihoods.argmax(-1)
    rows = []
    for allowed in sorted({example.allowed for example in examples}, key=lambda one: [label.name in one for label in labels], reverse=True):
        inside = np.array([example.allowed == allowed for example in examples])
        counts = [(int((said[inside] == column).sum()), label.name in allowed) for column, label in enumerate(labels)]
        rows.append((" / ".join(allowed), counts))
    return rows
