"""Proxy A-distance (Ben-David et al. 2006): how well a linear classifier tells two domains apart on blocks that it was not fitted on.

2 (1 - 2 e) with e the mean of the shares of mistakes on the source and on the target: 0 is alike, 2 told apart without a mistake. The
classifier is a ridge regression to -1 and 1; its strength is chosen inside the fitted folds. Below 0, which is worse than chance, is 0.
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import RidgeClassifierCV

from export.shift.blocks import Blocks, Floats
from export.shift.pairing import Pairing

STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
"""Ridge penalties for each fitted picture."""


def mistakes(features: Floats, pairing: Pairing, shares: Floats, *, blocks: Blocks, seed: int) -> Floats:
    """Which pictures of a pairing are taken for the other domain, float64 (n,): 1 is a mistake, 0.5 undecided.

    `features` (n, D) belong to the rows of the pairing, `shares` float64 (4,) are what its cells count. Folds are whole blocks.
    """
    wrong = np.full(len(features), 0.5)
    if not features.shape[1]:
        return wrong
    target, weights = pairing.cells >= 2, pairing.weights(shares)
    folds = blocks.folds(pairing.rows, pairing.cells, seed=seed)
    for fold in np.unique(folds):
        held, fitted = folds == fold, (folds != fold) & (weights > 0)
        if len(np.unique(target[fitted])) < 2:
            continue
        model = RidgeClassifierCV(alphas=np.array(STRENGTHS) * fitted.sum())
        model.fit(features[fitted], target[fitted], sample_weight=weights[fitted] / weights[fitted].mean())
        scores = model.decision_function(features[held])
        wrong[held] = np.where(scores == 0, 0.5, (scores > 0) != target[held])
    return wrong


def a_distance(wrong: Floats, pairing: Pairing, shares: Floats, times: Floats) -> Floats:
    """The distance in each draw, float64 (draws,), 0..2, nan where a cell that counts was not drawn.

    `times` float (draws, n) is how often each picture was drawn.
    """
    error = np.zeros(len(times))
    for cell in np.flatnonzero(shares):
        inside = pairing.cells == cell
        drawn = times[:, inside].sum(1)
        rate = np.divide(times[:, inside] @ wrong[inside], drawn, out=np.full(len(times), np.nan), where=drawn > 0)
        error += shares[cell] / 2 * rate
    return np.clip(2 * (1 - 2 * error), 0, 2)
