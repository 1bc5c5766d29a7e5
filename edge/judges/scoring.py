"""From the log-probabilities of tokens to the log-likelihoods of labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.judges.token_tree import TokenTree

Scoring: TypeAlias = Literal["rank", "contextual", "generate"]
"""`[judge] method` of a station and `Scores.method`; docs/judging.md says when to use which."""


def label_log_likelihoods(tree: TokenTree, log_probabilities: Mapping[int, NDArray[np.float64]], scoring: Scoring) -> NDArray[np.float64]:
    """Sum the log-probabilities along each sequence of a tree: float64 (sequences,) in nats.

    `log_probabilities` holds, for each row of `tree.asked`, float64 (A,) in the order of the tokens asked there. With "generate" they are
    first normalised over those tokens: a grammar that allows only the labels leaves no other token. What "contextual" subtracts is not
    subtracted here.
    """
    if scoring == "generate":
        log_probabilities = {row: values - np.logaddexp.reduce(values) for row, values in log_probabilities.items()}
    return np.array([sum(float(log_probabilities[row][column]) for row, column in path) for path in tree.paths])
