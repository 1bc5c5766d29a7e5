"""Adaptation to a new condition: unlabelled pictures get the labels on which both judges agree, and the judge is tuned again with them.

Only sure pictures count, and as many good as bad ones: a judge that calls everything defective in new light must not teach itself that.
The gate is the checks: an adapted judge that is worse on them is dropped.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.calibration.scales import probability_not_ok
from export.progress import Report
from export.spec import read_temperatures
from export.teach.checks import LANGUAGE_MODEL, LINEAR
from export.tuning.examples import Example
from firmware_config.bundle import AdapterTemperature, LinearTemperature
from firmware_config.labels import Label

CONFIDENT = 0.8
"""The probability that each judge must give to the decision on which both agree."""
GROUP = "unlabelled"
"""The words of the pictures, and what the judges say of them in checks.json."""


def adapted(
    judges: Callable[[Sequence[Example]], Path], unlabelled: Sequence[Example], *, rounds: int, labels: Sequence[Label], report: Report
) -> Path:
    """The folder of the last judges that are not worse on the checks than the ones before; `judges` makes them with more examples."""
    best = judges(())
    for number in range(1, rounds + 1):
        chosen = pseudo_labelled(unlabelled, *_said(best), labels)
        if not chosen:
            report(f"adapting, round {number}: no good and bad pictures of which both judges are sure: the judge stays as it is\n")
            break
        candidate = judges(chosen)
        before, after = _auroc(best), _auroc(candidate)
        keeps = "kept" if after >= before else "dropped, the judge before it stays"
        report(
            f"adapting, round {number}: {len(chosen)} of {len(unlabelled)} unlabelled pictures got a label, half of them good; "
            f"AUROC on the checks {before:.3f} before, {after:.3f} adapted: {keeps}\n"
        )
        if after < before:
            break
        best = candidate
    return best


def pseudo_labelled(
    unlabelled: Sequence[Example], language_model: NDArray[np.float64], linear: NDArray[np.float64], labels: Sequence[Label]
) -> list[Example]:
    """The pictures of which both judges are sure and agree, as many good as bad ones, the surest first.

    `language_model` and `linear` are log-likelihoods float64 (N, K) in nats, each divided by its temperature. A bad picture gets the label
    that both find likeliest, and any label that is not ok where they name different ones.
    """
    ok = np.array([label.decision == "ok" for label in labels])
    bad = np.stack([probability_not_ok(scores.reshape(-1, len(labels)), ok) for scores in (language_model, linear)])
    sure_good, sure_bad = (1 - bad).min(0), bad.min(0)
    count = min(int((sure >= CONFIDENT).sum()) for sure in (sure_good, sure_bad))
    chosen = []
    for sure, inside in ((sure_good, ok), (sure_bad, ~ok)):
        for row in np.argsort(-sure, kind="stable")[:count]:
            likeliest = {int(np.where(inside, scores[row], -np.inf).argmax()) for scores in (language_model, linear)}
            columns = likeliest if len(likeliest) == 1 else np.flatnonzero(inside)
            chosen.append(replace(unlabelled[row], allowed=tuple(labels[int(column)].name for column in columns)))
    return chosen


def _said(judges: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What the language model and the linear judge say of the unlabelled pictures, each divided by its temperature."""
    said = json.loads((judges / "checks.json").read_text(encoding="utf-8"))["log_likelihoods"][GROUP]
    temperatures = read_temperatures(judges)
    adapter = next(one.temperature for one in temperatures if isinstance(one, AdapterTemperature))
    linear = next(one.temperature for one in temperatures if isinstance(one, LinearTemperature))
    return np.array(said[LANGUAGE_MODEL], np.float64) / adapter, np.array(said[LINEAR], np.float64) / linear


def _auroc(judges: Path) -> float:
    return float(json.loads((judges / "figures.json").read_text(encoding="utf-8"))["judge_auroc"])
