"""From judged pictures of known truth to a calibration: what `kotoba-edge calibrate` does, and what a corrected verdict adds to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from edge.calibration.conformal import ok_threshold, prediction_set_threshold
from edge.calibration.reliability import bins_for, calibration_error, error_by_chance
from edge.calibration.scales import Kind, calibrated, chance_not_ok, fit
from edge.errors import EdgeError
from firmware_config.calibration import Calibration, Conformal, Decision, Escape, FittedFor, Rule

FEWEST = 10
"""Good or bad pictures, below which a fit says nothing."""

FOLDS = 10
"""Blocks of neighbours for cross-fitting: nine tenths of the pictures fit what the last tenth is told by."""

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows to fit on, and rows to tell by that fit."""

Point = tuple[Sequence[float], AbstractSet[str]]
"""Log-likelihoods of a judged picture in the order of the labels, and the labels that may be its truth, all of one decision."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Judged pictures of known truth, in the order in which they were taken, so that neighbours stay together.

    `log_likelihoods` float64 (N, K); `allowed` bool (N, K): the labels that may be right; `decisions` str (K,).
    """

    log_likelihoods: NDArray[np.float64]
    allowed: NDArray[np.bool_]
    decisions: NDArray[np.str_]

    @classmethod
    def of(cls, points: Sequence[Point], labels: dict[str, Decision]) -> Sample:
        """Put points into arrays."""
        return cls(
            np.array([scores for scores, _ in points], np.float64).reshape(len(points), len(labels)),
            np.array([[label in truth for label in labels] for _, truth in points], np.bool_).reshape(len(points), len(labels)),
            np.array(list(labels.values())),
        )

    @property
    def ok(self) -> NDArray[np.bool_]:
        """The labels that pass, bool (K,)."""
        return np.asarray(self.decisions == "ok")

    @property
    def bad(self) -> NDArray[np.bool_]:
        """The pictures whose truth is not ok, bool (N,)."""
        return ~np.asarray((self.allowed & self.ok).any(-1))

    def take(self, rows: NDArray[np.int64]) -> Sample:
        """Some of the pictures."""
        return Sample(self.log_likelihoods[rows], self.allowed[rows], self.decisions)

    def __len__(self) -> int:
        return len(self.log_likelihoods)


def make_calibration(
    points: Sequence[Point], fitted_for: FittedFor, *, kind: Kind, escape: float, coverage: float, made_at: datetime
) -> Calibration:
    """Fit a calibration on all points, and measure its error by fits on the other blocks of neighbours.

    Raises:
        EdgeError: too few good or bad points.
    """
    sample = Sample.of(points, fitted_for.labels)
    good, bad = int((~sample.bad).sum()), int(sample.bad.sum())
    if min(good, bad) < FEWEST:
        msg = f"calibrating on {good} good and {bad} bad pictures: at least {FEWEST} of each are needed, label more"
        raise EdgeError(msg)
    after = 1 - cross_fitted(sample, kind)[:, sample.ok].sum(-1)
    errors = {
        "ece_before": calibration_error(chance_not_ok(sample.log_likelihoods, sample.ok), sample.bad),
        "ece_after": calibration_error(after, sample.bad),
        "ece_by_chance": error_by_chance(after),
        "ece_bins": bins_for(len(sample)),
    }
    figures = {key: round(value, 4) for key, value in errors.items()}
    rule = fit_rule(sample, kind=kind, escape=escape, coverage=coverage)
    return Calibration(fitted_for=fitted_for, rule=rule, good=good, bad=bad, figures=figures, made_at=made_at)


def fit_rule(sample: Sample, *, kind: Kind, escape: float, coverage: float) -> Rule:
    """Fit everything on these pictures.

    The escape threshold is exact where the scale keeps the judge's order: logistic and isotonic do, a temperature nearly. The set's
    threshold rests on probabilities of pictures that did not fit them.
    """
    scale = fit(sample.log_likelihoods, sample.allowed, sample.ok, kind)
    chances_ok = calibrated(sample.log_likelihoods, scale, sample.ok)[:, sample.ok].sum(-1)
    return Rule(
        scale=scale,
        conformal=Conformal(coverage=coverage, threshold=prediction_set_threshold(chances_right(sample, kind), coverage=coverage)),
        escape=Escape(rate=escape, min_ok_confidence=ok_threshold(chances_ok, sample.bad, escape=escape)),
    )


def folds(count: int, parts: int = FOLDS) -> Iterator[Fold]:
    """Blocks of neighbours, each with the rows of all others: (others, block)."""
    rows = np.arange(count)
    for block in np.array_split(rows, min(parts, count)):
        yield np.setdiff1d(rows, block), block


def dealt(count: int, parts: int = FOLDS) -> Iterator[Fold]:
    """Every tenth picture, each such hand with the rows of all others."""
    rows = np.arange(count)
    for first in range(min(parts, count)):
        yield np.setdiff1d(rows, rows[first::parts]), rows[first::parts]


def cross_fitted(sample: Sample, kind: Kind, cut: Callable[[int], Iterator[Fold]] = folds) -> NDArray[np.float64]:
    """Probabilities (N, K), those of each part by a scale that was fitted on all others."""
    found = np.empty(sample.log_likelihoods.shape)
    for others, block in cut(len(sample)):
        taught = sample.take(others)
        found[block] = calibrated(sample.log_likelihoods[block], fit(taught.log_likelihoods, taught.allowed, taught.ok, kind), sample.ok)
    return found


def chances_right(sample: Sample, kind: Kind) -> NDArray[np.float64]:
    """The probability that each picture's right decision got, by a fit without it: float64 (N,).

    The pictures are dealt, not cut into blocks: the sets' promise is for pictures that come as these did, and a fit that lacks a whole
    stretch of neighbours is worse than the one that will be used, which made sets too large.
    """
    right = sample.decisions[sample.allowed.argmax(-1)]
    return np.asarray((cross_fitted(sample, kind, dealt) * (sample.decisions[None, :] == right[:, None])).sum(-1))
