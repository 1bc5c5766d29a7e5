"""Thresholds from source validation. A score above the threshold is a call of a defect."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from export.evaluation.case import Flags, Scores


def auroc(scores: Scores, bad: Flags) -> float | None:
    """Area under the ROC curve over the pictures that have a score, ties counted half; None with one class only."""
    judged = ~np.isnan(scores)
    scores, bad = scores[judged], bad[judged]
    defects = int(bad.sum())
    goods = len(bad) - defects
    if not defects or not goods:
        return None
    return float((rankdata(scores)[bad].sum() - defects * (defects + 1) / 2) / (defects * goods))


def best_threshold(scores: Scores, bad: Flags) -> float | None:
    """The threshold with the highest macro-F1, between two scores; of equal ones the lowest. None with one class only.

    Pictures without a score do not count. Of equal scores alone it is that score: nothing is called a defect.
    """
    judged = ~np.isnan(scores)
    scores, bad = scores[judged], bad[judged]
    defects = int(bad.sum())
    goods = len(bad) - defects
    if not defects or not goods:
        return None
    values, index = np.unique(scores, return_inverse=True)
    if len(values) == 1:
        return float(values[0])
    missed = np.cumsum(np.bincount(index, bad))[:-1]
    passed = np.cumsum(np.bincount(index, ~bad))[:-1]
    of_bad = 2 * (defects - missed) / (2 * (defects - missed) + missed + goods - passed)
    of_good = 2 * passed / (2 * passed + missed + goods - passed)
    best = int((of_bad + of_good).argmax())
    return float((values[best] + values[best + 1]) / 2)


def escape_threshold(scores: Scores, bad: Flags, limit: float) -> float | None:
    """The highest threshold at which at most `limit` (0..1) of the defective pictures are missed; None without a defective picture.

    A defective picture without a score is not missed: it is no OK.
    """
    defects = np.sort(scores[bad & ~np.isnan(scores)])
    if not bad.any() or not len(defects):
        return None
    missed = int(limit * int(bad.sum()) + 1e-9)
    return float(np.nextafter(defects[min(missed, len(defects) - 1)], -np.inf))
