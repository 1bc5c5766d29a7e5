"""What the guards against printed text change: a guard only changes the decision, so all decisions follow from one inspection."""

from __future__ import annotations

from dataclasses import replace

from edge.inspection.policy import decide, limits_of
from edge.records import Decision, Inspection, Reason, Verdict
from firmware_config.calibration import Escape
from firmware_config.station import Station

Decisions = tuple[Decision, Decision, Decision]
"""The decision without a guard, with the guard on captions, and with the guards on picture and captions."""

REMARKS = frozenset({Reason.RULE, Reason.NEW_CONDITION})
"""Reasons that keep no picture from being OK."""


def decisions(inspection: Inspection, station: Station, *, has_text: bool, escape: Escape | None = None) -> Decisions:
    """Decide on an inspection under each combination of guards; `has_text`: the detector found printed text in the picture.

    `escape` is that of the station's calibration, None without one.
    """
    description, scores = inspection.description, inspection.scores
    if description is None or scores is None:
        return (inspection.verdict.decision,) * 3
    limits = limits_of(station, escape)
    on_captions, on_both = (
        decide(replace(description, printed_text=found), scores, labels=station.labels, limits=limits) for found in (False, has_text)
    )
    return _unguarded(on_captions, station), on_captions.decision, on_both.decision


def _unguarded(verdict: Verdict, station: Station) -> Decision:
    """The decision if no guard had spoken: OK where text was the only doubt about it."""
    doubts = set(verdict.reasons) - REMARKS
    if doubts != {Reason.TEXT_INFLUENCE}:
        return verdict.decision
    by_rule = next((rule.decision for rule in station.rules if rule.name == verdict.rule), None)
    by_judge = next((label.decision for label in station.labels if label.name == verdict.label), None)
    return Decision.OK if (by_rule or by_judge) == "ok" else verdict.decision
