"""Stored verdicts beside those that another instruction, adapter or method gives to the same words.

A new instruction is not calibrated yet, so each OK by it would be a REVIEW. To show what it would do once it is, decisions are compared
as if the probabilities of both could be trusted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge.errors import HistoryError
from edge.records import Decision, Inspection, Reason, Scores, Verdict
from edge.review.rejudge import Rejudge
from edge.spool.history import description_and_scores
from edge.studies.labelled import allowed_labels
from edge.studies.outcomes import count
from firmware_config.station import Station

SHOWN = (Decision.OK, Decision.NG, Decision.REVIEW)
"""A FAULT is no judgement of words, so none is compared."""

ID_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Again:
    """A stored inspection and what its words are judged to be now.

    `before` and `after` are what is compared, `verdict` is what the line would get.
    """

    inspection: Inspection
    scores: Scores
    verdict: Verdict
    before: Verdict
    after: Verdict

    @property
    def changed(self) -> bool:
        """The line would be told something else."""
        return self.after.decision is not self.before.decision

    def as_inspection(self, rejudge: Rejudge) -> Inspection:
        """An inspection of its own, whose id follows from that of the stored one and the judge; its verdict was never given to a line."""
        judge = f"{self.inspection.id} {rejudge.bundle.manifest.models_digest} {rejudge.station.settings_digest} {self.scores.prompt}"
        return replace(
            self.inspection,
            id=hashlib.sha256(judge.encode()).hexdigest()[:ID_CHARACTERS],
            verdict=self.verdict,
            scores=self.scores,
            timings_ms=(),
            bundle=rejudge.bundle.digest,
            models_digest=rejudge.bundle.manifest.models_digest,
            station_digest=rejudge.station.digest,
            settings_digest=rejudge.station.settings_digest,
            detail=f"judged again from the words of inspection {self.inspection.id}",
            epoch="",
            seq=0,
            replayed=False,
        )


def judge_again(rejudge: Rejudge, inspection: Inspection) -> Again:
    """Judge the words of a stored inspection as the station does now.

    Raises:
        HistoryError: it has no words.
        JudgeError: the model failed.
    """
    description, stored = description_and_scores(inspection)
    scores, verdict = rejudge.judge_stored(inspection, description)
    late, before = Reason.LATE in inspection.verdict.reasons, inspection.verdict
    if not stored.calibrated and stored.labels == scores.labels:
        before = rejudge.decide(description, replace(stored, calibrated=True), late=late)
    return Again(inspection, scores, verdict, before, rejudge.decide(description, replace(scores, calibrated=True), late=late))


def table(compared: Sequence[Again]) -> str:
    """How many decisions became which: a row for each before, a column for each after."""
    counts = Counter((again.before.decision, again.after.decision) for again in compared)
    rows = [["before \\ after", *(after.value for after in SHOWN), "all"]]
    for before in SHOWN:
        of_it = [counts[before, after] for after in SHOWN]
        rows.append([before.value, *(f"{count:,}" for count in of_it), f"{sum(of_it):,}"])
    after = [sum(counts[before, after] for before in SHOWN) for after in SHOWN]
    rows.append(["all", *(f"{count:,}" for count in after), f"{len(compared):,}"])
    return "\n".join(f"{row[0]:14}" + "".join(f"{cell:>9}" for cell in row[1:]) for row in rows)


def summary(compared: Sequence[Again], *, faults: int, took_s: float) -> str:
    """One line: how many changed, and how fast they were judged."""
    changed = sum(again.changed for again in compared)
    labels = sum(again.after.label != again.before.label for again in compared)
    left_out = f", {faults:,} FAULTs of the box were left out" if faults else ""
    share = changed / max(1, len(compared))
    uncalibrated = not all(again.scores.calibrated for again in compared)
    note = "\nthis judge is not calibrated: the station would give REVIEW for each OK above, until `kotoba-edge calibrate`"
    return (
        f"{len(compared):,} stored descriptions judged in {took_s:.1f} s, {len(compared) / took_s:.2f} verdicts a second: "
        f"{changed:,} decisions changed ({share:.1%}), {labels:,} labels{left_out}" + (note if uncalibrated else "")
    )


def outcomes(compared: Sequence[Again], truth: Mapping[str, str], station: Station) -> str:
    """Escape and overkill before and after, of the pictures whose truth is known (source to label or decision).

    Raises:
        LabelsError: a label that the station does not know.
        HistoryError: none of the pictures has a truth.
    """
    known = [again for again in compared if again.inspection.source in truth]
    if not known:
        msg = f"none of the {len(compared)} pictures is in the table of truths: its column `source` must say the same as the stored lines"
        raise HistoryError(msg)
    decisions = {label.name: label.decision for label in station.labels}
    bad = []
    for again in known:
        said = truth[again.inspection.source]
        allowed_labels(said, again.inspection.source, station)
        bad.append(decisions.get(said, said) != "ok")
    rows = []
    for when, found in (("before", [again.before for again in known]), ("after", [again.after for again in known])):
        counts = count([verdict.decision for verdict in found], bad)
        not_passed = counts.good - sum(v.decision is Decision.OK and not b for v, b in zip(found, bad, strict=True))
        rows.append(
            f"{when:8}escape {counts.missed} of {counts.bad} bad passed ({counts.escape:.1%}), "
            f"overkill {not_passed} of {counts.good} good not passed ({not_passed / max(1, counts.good):.1%}), "
            f"{counts.doubted} of {len(known)} to review"
        )
    return "\n".join(rows)


def changes(compared: Sequence[Again], *, limit: int) -> list[str]:
    """The first `limit` changed verdicts, each with its words in a second line."""
    lines = []
    changed = [again for again in compared if again.changed]
    for again in changed[:limit]:
        lines.append(f"{again.inspection.id[:12]}  {again.inspection.source}: {_said(again.before)} -> {_said(again.after)}")
        description, _ = description_and_scores(again.inspection)
        words = description.words
        tags = ", ".join(tag.word for tag in (*words.tags, *words.attributes))
        lines.append("              " + "; ".join([tags, *words.captions]))
    if len(changed) > limit:
        lines.append(f"and {len(changed) - limit:,} more")
    return lines


def _said(verdict: Verdict) -> str:
    confidence = "" if verdict.confidence is None else f" {verdict.confidence:.2f}"
    reasons = f" ({', '.join(reason.value for reason in verdict.reasons)})" if verdict.reasons else ""
    return f"{verdict.decision.value} {verdict.label}{confidence}{reasons}"
