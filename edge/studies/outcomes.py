"""What the line would have got: the verdicts that a calibration gives to labelled pictures, counted by the pictures' right label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from edge.calibration.apply import apply_rule
from edge.calibration.fit import fit_rule
from edge.calibration.sample import Sample, block_folds
from edge.inspection.policy import decide, limits_of
from edge.records import Decision, Description, Scores
from firmware_config.calibration import Rule, labels_of
from firmware_config.station import Station

Judged: TypeAlias = tuple[Description, Scores]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Counts of pictures.

    `escapes` are bad and OK, `passes` are good and OK, `overkills` are good and NG, `reviews` are REVIEW. A FAULT is none of them.
    """

    good: int
    bad: int
    escapes: int
    passes: int
    overkills: int
    reviews: int

    @property
    def escape(self) -> float:
        """Share of the bad pictures that are OK (0..1)."""
        return self.escapes / max(1, self.bad)

    @property
    def passed(self) -> float:
        """Share of the good pictures that are OK (0..1)."""
        return self.passes / max(1, self.good)

    @property
    def overkill(self) -> float:
        """Share of the good pictures that are NG (0..1)."""
        return self.overkills / max(1, self.good)

    @property
    def review(self) -> float:
        """Share of all pictures that are REVIEW (0..1)."""
        return self.reviews / max(1, self.good + self.bad)


def verdicts(judged: Sequence[Judged], rule: Rule, station: Station) -> list[Decision]:
    """Decide on judged pictures as the station would with a calibration's rule."""
    limits, labels = limits_of(station, rule.escape), labels_of(station.labels)
    return [
        decide(description, apply_rule(scores, rule, labels), labels=station.labels, limits=limits).decision
        for description, scores in judged
    ]


def cross_fitted_verdicts(judged: Sequence[Judged], sample: Sample, rule: Rule, station: Station) -> list[Decision]:
    """Decide on each block of neighbouring pictures with a rule of the same kind as `rule`, fitted on all other blocks."""
    decisions: list[Decision] = []
    for others, block in block_folds(len(sample)):
        fitted = fit_rule(sample.take(others), kind=rule.scale.kind, escape=rule.escape.rate, coverage=rule.conformal.coverage)
        decisions += verdicts([judged[row] for row in block], fitted, station)
    return decisions


def count(decisions: Sequence[Decision], bad: Sequence[bool]) -> Outcomes:
    """Count decisions; `bad` says which pictures are bad, in the same order."""
    pairs = Counter(zip(decisions, map(bool, bad), strict=True))
    pictures = Counter(map(bool, bad))
    return Outcomes(
        good=pictures[False],
        bad=pictures[True],
        escapes=pairs[Decision.OK, True],
        passes=pairs[Decision.OK, False],
        overkills=pairs[Decision.NG, False],
        reviews=pairs[Decision.REVIEW, True] + pairs[Decision.REVIEW, False],
    )
