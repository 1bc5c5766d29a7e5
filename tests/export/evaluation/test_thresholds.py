from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from export.evaluation.thresholds import auroc, best_threshold, escape_threshold


def drawn(seed: int, count: int = 80) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    bad = rng.random(count) < 0.3
    return np.round(rng.standard_normal(count) + bad, 1), bad


@pytest.mark.parametrize("seed", range(5))
def test_auroc_is_that_of_scikit_learn_ties_included(seed: int) -> None:
    scores, bad = drawn(seed)

    assert auroc(scores, bad) == pytest.approx(roc_auc_score(bad, scores))


@pytest.mark.parametrize("seed", range(5))
def test_the_best_threshold_has_the_highest_macro_f1_of_all(seed: int) -> None:
    scores, bad = drawn(seed)
    threshold = best_threshold(scores, bad)

    best = max(f1_score(bad, scores > one, average="macro") for one in np.unique(scores)[:-1])
    assert threshold is not None
    assert f1_score(bad, scores > threshold, average="macro") == pytest.approx(best)


@pytest.mark.parametrize("limit", [0.01, 0.05, 0.2, 0.5])
def test_the_escape_threshold_keeps_its_limit_and_the_next_one_would_not(limit: float) -> None:
    scores, bad = drawn(0, 400)
    threshold = escape_threshold(scores, bad, limit)

    assert threshold is not None
    assert (scores[bad] <= threshold).mean() <= limit
    higher = np.min(scores[bad & (scores > threshold)])
    assert (scores[bad] <= higher).mean() > limit


def test_a_defect_without_a_score_is_not_missed() -> None:
    scores, bad = np.array([np.nan, 1.0, 2.0, 0.0]), np.array([True, True, True, False])

    threshold = escape_threshold(scores, bad, 1 / 3)

    assert threshold is not None
    assert 1.0 < threshold < 2.0


@pytest.mark.parametrize("flag", [True, False])
def test_one_class_has_no_threshold_and_no_auroc(flag: bool) -> None:  # noqa: FBT001
    scores, bad = np.array([0.0, 1.0, 2.0]), np.full(3, flag)

    assert (auroc(scores, bad), best_threshold(scores, bad)) == (None, None)
