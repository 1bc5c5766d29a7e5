"""Stored verdicts beside those that another instruction, adapter or method gives to the same words."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from edge.records import Decision, Inspection, Scores, Verdict
from edge.rejudge import Rejudge
from edge.stored import words_of

SHOWN = (Decision.OK, Decision.NG, Decision.REVIEW)
"""A FAULT is no judgement of words, so none is compared."""

ID_CHARACTERS = 32


@dataclass(frozen=True, slots=True)
class Again:
    """A stored inspection and what its words are judged to be now."""

    inspection: Inspection
    scores: Scores
    verdict: Verdict

    @property
    def changed(self) -> bool:
        """The line would be told something else."""
        return self.verdict.decision is not self.inspection.verdict.decision

    def as_inspection(self, rejudge: Rejudge) -> Inspection:
        """An inspection of its own, whose id follows from that of the stored one and the judge; its verdict was never given to a line."""
        judge = f"{self.inspection.id} {rejudge.bundle.digest} {rejudge.station.digest} {self.scores.prompt}"
        return replace(
            self.inspection,
            id=hashlib.sha256(judge.encode()).hexdigest()[:ID_CHARACTERS],
            verdict=self.verdict,
            scores=self.scores,
            timings_ms=(),
            bundle=rejudge.bundle.digest,
            station_digest=rejudge.station.digest,
            detail=f"judged again from the words of inspection {self.inspection.id}",
            epoch="",
            seq=0,
            replayed=False,
            evidence_url=None,
        )


def judge_again(rejudge: Rejudge, inspection: Inspection) -> Again:
    """Judge the words of a stored inspection as the station does now.

    Raises:
        StoredError: it has no words.
        JudgeError: the model failed.
    """
    description, _ = words_of(inspection)
    return Again(inspection, *rejudge.judge_stored(inspection, description))


def table(compared: Sequence[Again]) -> str:
    """How many decisions became which: a row for each before, a column for each after."""
    counts = Counter((again.inspection.verdict.decision, again.verdict.decision) for again in compared)
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
    labels = sum(again.verdict.label != again.inspection.verdict.label for again in compared)
    left_out = f", {faults:,} FAULTs of the box were left out" if faults else ""
    share = changed / max(1, len(compared))
    return (
        f"{len(compared):,} stored descriptions judged in {took_s:.1f} s, {len(compared) / took_s:.2f} verdicts a second: "
        f"{changed:,} decisions changed ({share:.1%}), {labels:,} labels{left_out}"
    )


def changes(compared: Sequence[Again], *, limit: int) -> list[str]:
    """The first `limit` changed verdicts, each with its words in a second line."""
    lines = []
    changed = [again for again in compared if again.changed]
    for again in changed[:limit]:
        before, after = again.inspection.verdict, again.verdict
        lines.append(f"{again.inspection.id[:12]}  {again.inspection.source}: {_said(before)} -> {_said(after)}")
        description, _ = words_of(again.inspection)
        words = ", ".join(tag.word for tag in (*description.tags, *description.attributes))
        lines.append("              " + "; ".join([words, *description.captions]))
    if len(changed) > limit:
        lines.append(f"and {len(changed) - limit:,} more")
    return lines


def _said(verdict: Verdict) -> str:
    confidence = "" if verdict.confidence is None else f" {verdict.confidence:.2f}"
    reasons = f" ({', '.join(reason.value for reason in verdict.reasons)})" if verdict.reasons else ""
    return f"{verdict.decision.value} {verdict.label}{confidence}{reasons}"
