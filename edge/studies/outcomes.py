"""What the line would have got: verdicts of judged pictures under a calibration, counted by their truth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from edge.calibration.apply import apply_rule
from edge.calibration.fit import Sample, fit_rule, folds
from edge.inspection.policy import decide, limits_of
from edge.records import Decision, Description, Scores
from firmware_config.calibration import Rule, labels_of
from firmware_config.station import Station

Judged = tuple[Description, Scores]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Counts of pictures: `missed` are bad and OK, `alarms` good and NG, `doubted` REVIEW; a FAULT is none of them."""

    good: int
    bad: int
    missed: int
    alarms: int
    doubted: int

    @property
    def escape(self) -> float:
        """Share of bad pictures that pass."""
        return self.missed / max(1, self.bad)

    @property
    def overkill(self) -> float:
        """Share of good pictures that are called defective."""
        return self.alarms / max(1, self.good)

    @property
    def review(self) -> float:
        """Share of all pictures that a person has to look at."""
        return self.doubted / max(1, self.good + self.bad)


def verdicts(judged: Sequence[Judged], rule: Rule, station: Station) -> list[Decision]:
    """What the station would decide on judged pictures under a rule."""
    limits, labels = limits_of(station, rule.escape), labels_of(station.labels)
    return [decide(words, apply_rule(scores, rule, labels), labels=station.labels, limits=limits).decision for words, scores in judged]


def cross_fitted_verdicts(judged: Sequence[Judged], sample: Sample, rule: Rule, station: Station) -> list[Decision]:
    """The same, each block of neighbours under a rule like `rule` that was fitted on all other blocks."""
    found: list[Decision] = []
    for others, block in folds(len(sample)):
        fitted = fit_rule(sample.take(others), kind=rule.scale.kind, escape=rule.escape.rate, coverage=rule.conformal.coverage)
        found += verdicts([judged[row] for row in block], fitted, station)
    return found


def count(decisions: Sequence[Decision], bad: Sequence[bool]) -> Outcomes:
    """Count verdicts by the truth of their pictures."""
    found = Counter(zip(decisions, map(bool, bad), strict=True))
    total = Counter(map(bool, bad))
    doubted = found[Decision.REVIEW, True] + found[Decision.REVIEW, False]
    return Outcomes(total[False], total[True], found[Decision.OK, True], found[Decision.NG, False], doubted)
