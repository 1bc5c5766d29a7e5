"""Stored verdicts beside the verdicts that another instruction, adapter or method gives to the same words.

A new judge is not calibrated yet, so each OK by it would be a REVIEW. To show what it would decide once it is calibrated, decisions are
compared as if the probabilities of both judges were calibrated.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from edge.errors import HistoryError
from edge.records import Decision, Inspection, Reason, Scores, Verdict
from edge.review.rejudge import Rejudger
from edge.spool.history import description_and_scores
from edge.studies.labelled import allowed_labels
from edge.studies.outcomes import count
from firmware_config.station import Station

COMPARED = (Decision.OK, Decision.NG, Decision.REVIEW)
"""A FAULT is not judged from words, so it is not compared."""

ID_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Rejudged:
    """A stored inspection, and how its words are judged now.

    `before` and `after` are compared; `verdict` is what the line would get.
    """

    inspection: Inspection
    scores: Scores
    verdict: Verdict
    before: Verdict
    after: Verdict

    @property
    def changed(self) -> bool:
        """Whether the decision changed."""
        return self.after.decision is not self.before.decision

    def as_inspection(self, rejudger: Rejudger) -> Inspection:
        """The new verdict as an inspection. Its id is a digest of the stored id and the judge. No line ever got this verdict."""
        judge = f"{self.inspection.id} {rejudger.bundle.manifest.models_digest} {rejudger.station.settings_digest} {self.scores.prompt}"
        return replace(
            self.inspection,
            id=hashlib.sha256(judge.encode()).hexdigest()[:ID_CHARACTERS],
            verdict=self.verdict,
            scores=self.scores,
            timings_ms=(),
            bundle=rejudger.bundle.digest,
            models_digest=rejudger.bundle.manifest.models_digest,
            station_digest=rejudger.station.digest,
            settings_digest=rejudger.station.settings_digest,
            detail=f"judged again from the words of inspection {self.inspection.id}",
            epoch="",
            seq=0,
            replayed=False,
        )


def judge_again(rejudger: Rejudger, inspection: Inspection) -> Rejudged:
    """Judge the words of a stored inspection.

    Raises:
        HistoryError: it is a FAULT.
        JudgeError: the model failed.
    """
    description, stored = description_and_scores(inspection)
    scores, verdict = rejudger.judge_stored(inspection, description)
    late, before = Reason.LATE in inspection.verdict.reasons, inspection.verdict
    if not stored.calibrated and stored.labels == scores.labels:
        before = rejudger.decide(description, replace(stored, calibrated=True), late=late)
    return Rejudged(inspection, scores, verdict, before, rejudger.decide(description, replace(scores, calibrated=True), late=late))


def table(compared: Sequence[Rejudged]) -> str:
    """How many decisions became which: a row for each decision before, a column for each after."""
    counts = Counter((pair.before.decision, pair.after.decision) for pair in compared)
    rows = [["before \\ after", *(after.value for after in COMPARED), "all"]]
    for before in COMPARED:
        row = [counts[before, after] for after in COMPARED]
        rows.append([before.value, *(f"{count:,}" for count in row), f"{sum(row):,}"])
    sums = [sum(counts[before, after] for before in COMPARED) for after in COMPARED]
    rows.append(["all", *(f"{count:,}" for count in sums), f"{len(compared):,}"])
    return "\n".join(f"{row[0]:14}" + "".join(f"{cell:>9}" for cell in row[1:]) for row in rows)


def summary(compared: Sequence[Rejudged], *, faults: int, duration_s: float) -> str:
    """How many decisions and labels changed, and how fast they were judged; a second line where the judge is not calibrated."""
    changed = sum(pair.changed for pair in compared)
    labels = sum(pair.after.label != pair.before.label for pair in compared)
    left_out = f", {faults:,} FAULTs left out" if faults else ""
    share = changed / max(1, len(compared))
    uncalibrated = not all(pair.scores.calibrated for pair in compared)
    note = "\nthis judge is not calibrated: the station would give REVIEW for each OK above until `kotoba-edge calibrate` has run"
    return (
        f"{len(compared):,} stored descriptions judged in {duration_s:.1f} s, {len(compared) / duration_s:.2f} verdicts a second: "
        f"{changed:,} decisions changed ({share:.1%}), {labels:,} labels changed{left_out}" + (note if uncalibrated else "")
    )


def outcomes(compared: Sequence[Rejudged], labels: Mapping[str, str], station: Station) -> str:
    """Escapes and overkills before and after, of the pictures whose right label is known (source to label or decision).

    Raises:
        LabelsError: the station does not know a label.
        HistoryError: the table has a label for none of the pictures.
    """
    labelled = [pair for pair in compared if pair.inspection.source in labels]
    if not labelled:
        advice = "its column `source` must be equal to `source` in the stored lines"
        msg = f"the table of labels has none of the {len(compared)} pictures: {advice}"
        raise HistoryError(msg)
    decisions = {label.name: label.decision for label in station.labels}
    bad = []
    for pair in labelled:
        label = labels[pair.inspection.source]
        allowed_labels(label, pair.inspection.source, station)
        bad.append(decisions.get(label, label) != "ok")
    rows = []
    for when, verdicts in (("before", [pair.before for pair in labelled]), ("after", [pair.after for pair in labelled])):
        counts = count([verdict.decision for verdict in verdicts], bad)
        rejected = counts.good - sum(v.decision is Decision.OK and not b for v, b in zip(verdicts, bad, strict=True))
        rows.append(
            f"{when:8}escape {counts.escapes} of {counts.bad} bad are OK ({counts.escape:.1%}), "
            f"overkill {rejected} of {counts.good} good are not OK ({rejected / max(1, counts.good):.1%}), "
            f"{counts.reviews} of {len(labelled)} are REVIEW"
        )
    return "\n".join(rows)


def changes(compared: Sequence[Rejudged], *, limit: int) -> list[str]:
    """The first `limit` changed verdicts, each followed by a line with its words."""
    lines = []
    changed = [pair for pair in compared if pair.changed]
    for pair in changed[:limit]:
        lines.append(f"{pair.inspection.id}  {pair.inspection.source}: {_as_text(pair.before)} -> {_as_text(pair.after)}")
        words = description_and_scores(pair.inspection)[0].words
        tags = ", ".join(tag.word for tag in (*words.tags, *words.attributes))
        measured = ", ".join(one.word for one in words.measured)
        lines.append("              " + "; ".join([tags, *([measured] if measured else []), *words.captions]))
    if len(changed) > limit:
        lines.append(f"and {len(changed) - limit:,} more")
    return lines


def _as_text(verdict: Verdict) -> str:
    confidence = "" if verdict.confidence is None else f" {verdict.confidence:.2f}"
    reasons = f" ({', '.join(reason.value for reason in verdict.reasons)})" if verdict.reasons else ""
    return f"{verdict.decision.value} {verdict.label}{confidence}{reasons}"
