"""A calibration's rule applied to the scores of a judge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from edge.calibration.conformal import prediction_set
from edge.calibration.scales import apply_scale
from edge.records import Scores
from firmware_config.calibration import Decision, Rule


def apply_rule(scores: Scores, rule: Rule, labels: dict[str, Decision]) -> Scores:
    """Replace the probabilities by those of the rule's scale, and set the prediction set.

    `labels` are those of the scores, in their order, each with its decision. The prediction set is of decisions: it holds all labels of
    each decision in it.
    """
    decisions = np.array(list(labels.values()))
    ok = decisions == "ok"
    probabilities = apply_scale(np.array(scores.log_likelihoods) + rule.moved * ok, rule.scale, ok)
    names, decision_of_label = np.unique(decisions, return_inverse=True)
    sums = np.array([probabilities[decision_of_label == number].sum() for number in range(len(names))])
    in_set = prediction_set(sums, rule.conformal.threshold)[decision_of_label]
    return replace(
        scores,
        probabilities=tuple(map(float, probabilities)),
        calibrated=True,
        prediction_set=tuple(label for label, member in zip(scores.labels, in_set, strict=True) if member),
    )
