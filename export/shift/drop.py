"""The drop: AUROC of one logistic regression on source validation minus that on the target.

Folds of whole source blocks: each model is fitted on the others, with C chosen on one of them, and reads its own fold and the target. A
block that lies in both, such as a part that two cameras took, is read by the model that was not fitted on it alone. No
label of the target is read but for its AUROC. Both AUROCs count pairs of a bad and a good picture inside the scores of one model. A
representation that separates nothing cannot drop: read a drop beside the AUROC on the source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from export.shift.blocks import FOLDS, Blocks, Flags, Floats, Rows
from export.shift.space import Space
from export.studies.protocol import auroc

STRENGTHS = (0.001, 0.01, 0.1, 1.0)
CHUNK = 4_000_000
"""Numbers in memory at a time while draws are counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """The scores that one model gave to some rows, with what is true of them."""

    rows: Rows
    scores: Floats
    bad: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Transferred:
    """Scores of each fold's model on its own fold of the source, and on the target."""

    source: tuple[Scored, ...]
    target: tuple[Scored, ...]


def transfer(features: NDArray[np.floating], source: Rows, target: Rows, *, bad: Flags, blocks: Blocks, seed: int) -> Transferred:
    """Fit on the source, read both. `features` (N, D) and `bad` (N,) belong to all rows; no model where the source has one class."""
    if len(np.unique(bad[source])) < 2 or len(source) < 3:
        return Transferred((), ())
    space = Space.of(features[source])
    on_source, on_target = space.apply(features[source]), space.apply(features[target])
    if not on_source.shape[1]:
        return Transferred((), ())
    truth, folds = bad[source], blocks.folds(source, bad[source].astype(np.int64), seed=seed)
    own, others = [], []
    for fold in range(FOLDS):
        held, check = folds == fold, folds == (fold + 1) % FOLDS
        model = _fit(on_source[~held], truth[~held], check[~held])
        if model is None:
            continue
        apart = ~np.isin(blocks.numbers[target], blocks.numbers[source[~held]])
        if apart.any():
            others.append(Scored(target[apart], model.decision_function(on_target[apart]), bad[target[apart]]))
        if held.any():
            own.append(Scored(source[held], model.decision_function(on_source[held]), truth[held]))
    return Transferred(tuple(own), tuple(others))


def _fit(features: Floats, bad: Flags, check: Flags) -> LogisticRegression | None:
    """Fitted on all rows, with the C that is best on those of `check` when fitted on the others; None for a single class."""
    if len(np.unique(bad)) < 2:
        return None
    found = []
    for strength in STRENGTHS:
        tried = _regression(strength)
        usable = len(np.unique(bad[~check])) == 2 and len(np.unique(bad[check])) == 2
        score = auroc(tried.fit(features[~check], bad[~check]).decision_function(features[check]), bad[check]) if usable else 0.0
        found.append((score, -strength))
    return _regression(-max(found)[1]).fit(features, bad)


def _regression(strength: float) -> LogisticRegression:
    return LogisticRegression(C=strength, class_weight="balanced", max_iter=3_000)


def pooled_auroc(scored: Sequence[Scored], times: NDArray[np.float32], blocks: Blocks) -> Floats:
    """AUROC in each draw, float64 (draws,): pairs in order among all pairs that one model scored; nan with no pair.

    `times` float32 (draws, blocks) is how often each block was drawn.
    """
    in_order, pairs = np.zeros(len(times)), np.zeros(len(times))
    for one in scored:
        step = max(1, CHUNK // max(1, len(one.rows)))
        for begin in range(0, len(times), step):
            part = slice(begin, begin + step)
            ordered, of = concordance(one.scores, one.bad, times[part][:, blocks.numbers[one.rows]])
            in_order[part] += ordered
            pairs[part] += of
    return np.divide(in_order, pairs, out=np.full(len(times), np.nan), where=pairs > 0)


def concordance(scores: Floats, bad: Flags, times: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Pairs of a bad and a good picture of which the bad one scores higher (ties count half), and all pairs; float64 (draws,) each.

    `times` (draws, n) is how often each picture counts.
    """
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])
    weights = times[:, order].astype(np.float64)
    good_at = np.add.reduceat(weights * ~bad[order], starts, axis=1)
    bad_at = np.add.reduceat(weights * bad[order], starts, axis=1)
    below = np.cumsum(good_at, axis=1) - good_at / 2
    return (bad_at * below).sum(1), bad_at.sum(1) * good_at.sum(1)
