"""A judge whose probabilities are those of a calibration file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.calibration.conformal import possible
from edge.calibration.scales import calibrated
from edge.interfaces import Judge
from edge.records import Scores, Tag, Words
from firmware_config.calibration import Calibration, Decision, Escape, FittedFor, Rule
from firmware_config.errors import CalibrationError

ANYTHING = Words((Tag("part", 0.0),), (Tag("plain", 0.0),), ("a part",))
"""Judged once at start: what a judge is, its scores say."""


class CalibratedJudge:
    """Asks another judge and makes its scores honest."""

    def __init__(
        self, judge: Judge, calibration: Calibration, *, path: Path, models: str, describing: str, labels: dict[str, Decision]
    ) -> None:
        """Take the judge of a station; `path` is for messages, `models` the digest of those that run; `describing`, `labels`: its own.

        Raises:
            CalibrationError: the calibration was fitted for another judge.
            JudgeError: the judge does not work.
        """
        require_fit(calibration.fitted_for, judge.score(ANYTHING), models=models, describing=describing, labels=labels, path=path)
        self._judge = judge
        self._calibration = calibration
        self._digest = calibration.digest

    @property
    def escape(self) -> Escape:
        """What may pass."""
        return self._calibration.rule.escape

    def score(self, words: Words) -> Scores:
        """Score every label; see `edge.interfaces.Judge`."""
        return self.apply(self._judge.score(words))

    def apply(self, scores: Scores) -> Scores:
        """The same scores with honest probabilities and the labels that are possible."""
        return replace(rescored(scores, self._calibration.rule, self._calibration.fitted_for.labels), calibration=self._digest)


def rescored(scores: Scores, rule: Rule, labels: dict[str, Decision]) -> Scores:
    """Scores by a rule: probabilities of their log-likelihoods, and all labels of every decision that is possible."""
    decisions = np.array(list(labels.values()))
    chances = calibrated(np.array(scores.log_likelihoods), rule.scale, decisions == "ok")
    names, of = np.unique(decisions, return_inverse=True)
    sums = np.array([chances[of == number].sum() for number in range(len(names))])
    passes = possible(sums, rule.conformal.threshold)[of]
    return replace(
        scores,
        probabilities=tuple(map(float, chances)),
        calibrated=True,
        possible=tuple(label for label, one in zip(scores.labels, passes, strict=True) if one),
    )


def require_fit(wanted: FittedFor, scores: Scores, *, models: str, describing: str, labels: dict[str, Decision], path: Path) -> None:
    """Refuse a calibration of another judge than the one that gave these scores.

    Raises:
        CalibrationError: names the first thing that differs.
    """
    facts: tuple[tuple[str, object, object], ...] = (
        ("models", wanted.models, models),
        ("labels", list(wanted.labels.items()), list(labels.items())),
        ("words by [describe] and roi", wanted.describing, describing),
        ("method", wanted.method, scores.method),
        ("adapter", wanted.adapter, scores.adapter),
        ("instruction", wanted.prompt, scores.prompt),
    )
    for what, fitted, now in facts:
        if fitted != now:
            msg = (
                f"calibration {path} was fitted for {what} {_said(fitted)}, but the station judges with {_said(now)}: "
                "make it again with `kotoba-edge calibrate` from pictures judged as now"
            )
            raise CalibrationError(msg)


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(f"{name} ({decision})" for name, decision in value)
    return "none" if value is None else str(value)
