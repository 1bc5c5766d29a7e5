"""Teaching a station without training: a corrected verdict becomes an example only if no golden verdict gets worse by it.

Golden are the bundle's golden pictures, described again for each lesson, and every verdict that people corrected or confirmed before.
Decision and label of the policy are compared, not the probability, and as if the station were calibrated: examples change the instruction,
and `kotoba-edge calibrate` fits the probabilities again afterwards. A point for that changes no verdict before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from edge.bundle.open import Bundle
from edge.errors import LessonError
from edge.inspection.golden import describe_golden_picture, read_golden_station
from edge.interfaces import Describer
from edge.judges.language_model import LanguageModel
from edge.judges.lessons import Correction, Line, active_lessons, append_lesson, examples_of
from edge.judges.prompt import description_text
from edge.message import from_wire, to_wire
from edge.records import Decision, Description, Inspection, Reason, Verdict, Words
from edge.review.rejudge import Rejudge
from edge.spool.history import description_and_scores
from firmware_config.labels import Label
from firmware_config.station import Station

NAMED = 3
"""How many of the golden verdicts that would get worse are named in the refusal."""


@dataclass(frozen=True, slots=True)
class Teaching:
    """What people want to teach: that `label` is right for the words of `inspection`; who says so and why."""

    inspection: Inspection
    label: str
    kind: Literal["example", "calibration"]
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Golden:
    """Words whose right label is known."""

    name: str
    description: Description
    label: str


@dataclass(frozen=True, slots=True)
class Learned:
    """A lesson as it was written down, what the judge said of its words before and after, and the golden verdicts that got better."""

    lesson: Correction
    before: Verdict
    after: Verdict
    better: tuple[str, ...]


class Teacher:
    """Teaches one station; `lines` are what its lessons file holds."""

    def __init__(
        self, path: Path, lines: Sequence[Line], *, station: Station, bundle: Bundle, model: LanguageModel, describer: Describer
    ) -> None:
        self._path = path
        self._number = len(lines) + 1
        self._lessons = active_lessons(lines)
        self._station = station
        self._bundle = bundle
        self._model = model
        self._describer = describer

    def teach(self, teaching: Teaching, *, now: datetime) -> Learned:
        """Try a lesson on everything golden and write it down.

        Raises:
            LessonError: it cannot be a lesson, golden verdicts would get worse, or it cannot be written.
            HistoryError: there are no words.
            BundleError: the instruction has no slot for examples, or gets too long with one more.
            PictureError, DescribeError, JudgeError, StationError: the golden verdicts cannot be made.
        """
        description, _ = description_and_scores(teaching.inspection)
        self._require_teachable(teaching, description)
        known = examples_of(self._lessons)
        golden = self._golden() if teaching.kind == "example" else ()
        before = self._judge(known)
        after = self._judge((*known, (description.words, teaching.label))) if golden else before
        verdicts_before, verdicts_after = ([_calibrated_verdict(judge, entry.description) for entry in golden] for judge in (before, after))
        worse, better = compare(golden, verdicts_before, verdicts_after, self._station.labels)
        if worse:
            doing = f"teaching that inspection {teaching.inspection.id} is {teaching.label!r}"
            named = "; ".join(worse[:NAMED]) + (f"; and {len(worse) - NAMED} more" if len(worse) > NAMED else "")
            harm = f"{len(worse)} of {len(golden)} golden verdicts would get worse, {named}"
            msg = f"{doing}: {harm}: teach it as a point, or leave it"
            raise LessonError(msg)
        (_, verdict_before), (scores, verdict_after) = before.judge(description), after.judge(description)
        lesson = Correction(
            number=self._number,
            kind=teaching.kind,
            by=teaching.by,
            at=now,
            why=teaching.why,
            station=self._station.station.name,
            inspection=teaching.inspection.id,
            source=teaching.inspection.source,
            verdict_label=teaching.inspection.verdict.label or "",
            label=teaching.label,
            words=to_wire(description),
            bundle=self._bundle.digest,
            station_digest=self._station.digest,
            prompt=scores.prompt or "",
            golden=len(golden),
        )
        append_lesson(self._path, lesson)
        return Learned(lesson, verdict_before, verdict_after, better)

    def _require_teachable(self, teaching: Teaching, description: Description) -> None:
        inspection, station = teaching.inspection, self._station
        doing = f"teaching station {station.station.name} that inspection {inspection.id} is {teaching.label!r}"
        names = [label.name for label in station.labels]
        trouble = None
        if inspection.station != station.station.name:
            trouble = f"it was made by station {inspection.station}: give the file of that station"
        elif teaching.label not in names:
            trouble = f"the station has no such label: use one of {', '.join(names)}"
        elif description.printed_text or Reason.TEXT_INFLUENCE in inspection.verdict.reasons:
            trouble = (
                "print in its picture may give orders (text_influence), and lessons are read with every picture: choose another verdict"
            )
        for lesson in self._lessons:
            if description_text(from_wire(lesson.words).words) == description_text(description.words):
                trouble = trouble or f"lesson {lesson.number} says {lesson.label!r} of the very same words: undo that first, or leave it"
        if trouble is not None:
            msg = f"{doing}: {trouble}"
            raise LessonError(msg)

    def _golden(self) -> tuple[Golden, ...]:
        """The bundle's golden pictures whose label the station has, and what people said of the station's verdicts."""
        found = list(golden_of(self._bundle, self._station, self._describer))
        found += [Golden(f"lesson {lesson.number}", from_wire(lesson.words), lesson.label) for lesson in self._lessons]
        if not found:
            doing = f"teaching station {self._station.station.name}"
            trouble = "neither the bundle nor an earlier lesson has a golden verdict with one of its labels, so no harm could be seen"
            msg = f"{doing}: {trouble}: confirm right verdicts with `kotoba-edge learn correct ID --as calibration` first"
            raise LessonError(msg)
        return tuple(found)

    def _judge(self, examples: Sequence[tuple[Words, str]]) -> Rejudge:
        plain = self._station.judging({"calibration": None})
        return Rejudge(self._model, bundle=self._bundle, station=plain, examples=examples)


def golden_of(bundle: Bundle, station: Station, describer: Describer) -> Iterator[Golden]:
    """Describe a bundle's golden pictures as this station does, each with its right label; a label that the station lacks is left out.

    The right label is the one that the picture's maker expects, or the certified one if nothing is expected.

    Raises:
        PictureError, DescribeError: a picture cannot be read or described.
        BundleError, StationError: the bundle has no golden station, or it is not understood.
    """
    names, golden_station = {label.name for label in station.labels}, read_golden_station(bundle)
    for golden in bundle.manifest.golden:
        label = golden.expected or golden.label
        if label in names:
            description = describe_golden_picture(bundle, golden.picture, golden_station=golden_station, describer=describer)
            yield Golden(golden.picture, description, label)


def _calibrated_verdict(rejudge: Rejudge, description: Description) -> Verdict:
    """The verdict as if the station were calibrated: an example always makes it uncalibrated, which is no harm to a golden verdict."""
    scores, _ = rejudge.judge(description)
    return rejudge.decide(description, replace(scores, calibrated=True))


def compare(
    golden: Sequence[Golden], before: Sequence[Verdict], after: Sequence[Verdict], labels: Sequence[Label]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The golden verdicts that get worse and those that get better, each as a phrase."""
    worse: list[str] = []
    better: list[str] = []
    for entry, old, new in zip(golden, before, after, strict=True):
        change = _grade(new, entry.label, labels) - _grade(old, entry.label, labels)
        if change:
            phrase = f"{entry.name} should be {entry.label!r}, was {_named(old)}, would be {_named(new)}"
            (worse if change < 0 else better).append(phrase)
    return tuple(worse), tuple(better)


def _grade(verdict: Verdict, right: str, labels: Sequence[Label]) -> int:
    """3 for the right decision and label, 2 for the right decision with another label, 1 for another REVIEW, 0 for a wrong decision."""
    decision = next(label.decision.upper() for label in labels if label.name == right)
    if verdict.decision.value == decision:
        return 3 if verdict.label == right else 2
    return 1 if verdict.decision is Decision.REVIEW else 0


def _named(verdict: Verdict) -> str:
    return f"{verdict.decision.value} {verdict.label!r}"
