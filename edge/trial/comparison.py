"""Live pictures judged by both bundles: how often they disagree, and whether the new one lets pass what the running one rejects."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge.errors import TrialError
from edge.records import Decision, Inspection, Reason
from edge.trial.limits import TrialLimits

LATE_SHARE = 0.05
"""Of the live pictures of a station, so many may become late by a slower bundle."""

FAILURES = (Reason.DESCRIBE_FAILED, Reason.JUDGE_FAILED, Reason.NO_WORDS)
"""The models failed: these are no verdicts on the part."""


def is_comparable(inspection: Inspection) -> bool:
    """Whether the running bundle has judged this picture: neither too late, nor a FAULT of camera, models or disk."""
    verdict = inspection.verdict
    return inspection.scores is not None and verdict.decision is not Decision.FAULT and Reason.LATE not in verdict.reasons


@dataclass(slots=True)
class Comparison:
    """Counts pictures by (station, decision of the running bundle, decision of the one in trial).

    `slower` is how many times the time of the running bundle the one in trial takes; `deadlines_ms` are those of stations that have one.
    """

    slower: float = 1.0
    deadlines_ms: Mapping[str, int] = field(default_factory=dict)
    counts: Counter[tuple[str, Decision, Decision]] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)

    def add(self, running: Inspection, tried: Inspection, *, called: str) -> bool:
        """Count a picture; returns whether both decide the same.

        Raises:
            TrialError: the models of the bundle in trial failed on it.
        """
        if _has_failed(tried):
            why = tried.detail or tried.verdict.reasons[0].value
            msg = f"{called}: its models fail on picture {running.source} of {running.station} ({why}): build the bundle again"
            raise TrialError(msg)
        self.counts[running.station, running.verdict.decision, tried.verdict.decision] += 1
        took_ms = sum(spent_ms for _, spent_ms in running.timings_ms)
        self.late[running.station] += took_ms * max(1.0, self.slower) > self.deadlines_ms.get(running.station, math.inf)
        return running.verdict.decision is tried.verdict.decision

    @property
    def pictures(self) -> int:
        """How many pictures both have judged."""
        return self.counts.total()

    @property
    def disagreed(self) -> int:
        """On how many their decisions differ."""
        return sum(count for (_, running, tried), count in self.counts.items() if running is not tried)

    @property
    def rejected(self) -> int:
        """How many the running bundle rejects."""
        return sum(count for (_, running, _tried), count in self.counts.items() if running is Decision.NG)

    @property
    def passed(self) -> int:
        """How many of these are OK for the bundle in trial."""
        return sum(count for (_, running, tried), count in self.counts.items() if (running, tried) == (Decision.NG, Decision.OK))

    def require(self, limits: TrialLimits, *, called: str) -> None:
        """Refuse a bundle that lets too much pass, differs too much, or is too slow for a station's deadline.

        Raises:
            TrialError: it does.
        """
        if self.passed > limits.max_passed * self.rejected:
            msg = (
                f"{called}: it says OK to {self.passed} of {self.rejected} pictures that the running bundle rejects, at most "
                f"{limits.max_passed:.0%} are allowed: look at them in trial.jsonl, and raise KOTOBA_TRIAL_MAX_PASSED if it is right"
            )
            raise TrialError(msg)
        if self.disagreed > limits.max_disagreed * self.pictures:
            msg = (
                f"{called}: it decides otherwise on {self.disagreed} of {self.pictures} pictures, at most {limits.max_disagreed:.0%} are "
                "allowed: look at them in trial.jsonl, and raise KOTOBA_TRIAL_MAX_DISAGREED if it is right"
            )
            raise TrialError(msg)

        for station, late in self.late.items():
            pictures = sum(count for (name, _, _), count in self.counts.items() if name == station)
            if self.slower > 1.0 and late > LATE_SHARE * pictures:
                msg = (
                    f"{called}: it takes {self.slower:.1f} times as long as the running bundle, so about {late} of {pictures} live "
                    f"pictures of {station} would miss its deadline_ms of {self.deadlines_ms[station]}: give the station more time, or "
                    "take a faster bundle"
                )
                raise TrialError(msg)

    def __str__(self) -> str:
        share = self.disagreed / self.pictures if self.pictures else 0.0
        passed = f", OK to {self.passed} of {self.rejected} rejected ones" if self.rejected else ""
        return f"otherwise on {self.disagreed} of {self.pictures} live pictures ({share:.1%}){passed}"


def _has_failed(inspection: Inspection) -> bool:
    return inspection.verdict.decision is Decision.FAULT and any(reason in FAILURES for reason in inspection.verdict.reasons)
