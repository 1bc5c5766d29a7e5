"""Lines of judged pictures whose right label is known, and calibrations, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from edge.records import Decision, Inspection, Scores, Verdict
from firmware_config.calibration import Calibration
from tests.support.inspections import LOST
from tests.support.sample_records import LABELS, MODELS, MOMENT, description

PROMPT, ADAPTER, DESCRIBING = "sha256:" + "1" * 64, "sha256:" + "2" * 64, "sha256:" + "4" * 64
FITTED_FOR = {
    "models": MODELS,
    "prompt": PROMPT,
    "adapter": ADAPTER,
    "method": "rank",
    "describing": DESCRIBING,
    "labels": dict(zip(LABELS, ("ok", "ng", "review"), strict=True)),
}
RULE = {
    "moved": 0.0,
    "scale": {"kind": "logistic", "slope": 1.0, "shift": 0.0},
    "conformal": {"coverage": 0.9, "threshold": 0.3},
    "escape": {"rate": 0.02, "min_ok_confidence": 0.8},
}


def calibration(fitted_for: Mapping[str, Any] | None = None, **rule: Mapping[str, Any]) -> Calibration:
    """A logistic one that changes nothing, for the judge of `raw_scores`."""
    return Calibration.model_validate(
        {"fitted_for": {**FITTED_FOR, **(fitted_for or {})}, "rule": {**RULE, **rule}, "good": 60, "bad": 60, "made_at": MOMENT}
    )


def raw_scores(*log_likelihoods: float, method: str = "rank", prompt: str | None = PROMPT) -> Scores:
    """Scores as a judge gives them that nobody calibrated."""
    chances = np.exp(log_likelihoods) / np.exp(log_likelihoods).sum()
    return Scores(LABELS, log_likelihoods, tuple(map(float, chances)), method, 100, prompt=prompt, adapter=ADAPTER)


def inspection(source: str, scores: Scores | None, *, station: str = "cell-01", models: str = MODELS) -> Inspection:
    """A line of `kotoba-edge inspect`; without scores a FAULT."""
    return replace(
        LOST,
        id=source,
        station=station,
        source=source,
        captured_at=MOMENT,
        verdict=Verdict(Decision.REVIEW if scores else Decision.FAULT, None, None),
        description=description() if scores else None,
        scores=scores,
        models_digest=models,
    )


def lines(count: int, *, seed: int = 0) -> tuple[list[Inspection], dict[str, str]]:
    """Lines of a judge that is right nine times in ten, and the right labels; half of the pictures are good."""
    rng = np.random.default_rng(seed)
    inspected, labels = [], {}
    for number in range(count):
        bad, right = number % 2 == 1, rng.random() < 0.9
        log_odds = (2.0 if bad == right else -2.0) + rng.normal()
        inspected.append(inspection(f"part-{number:03}.png", raw_scores(0.0, float(log_odds), -6.0)))
        labels[inspected[-1].source] = ("crack" if number % 4 == 1 else "ng") if bad else "good"
    return inspected, labels
