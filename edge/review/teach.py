"""Teaching a station without training: a corrected verdict becomes an example only if no golden verdict gets worse by it.

Golden are the bundle's golden pictures, put into words anew for each lesson, and every verdict that people corrected or confirmed before.
Compared is the likeliest decision and the likeliest label, not the probability: examples change the instruction, and probabilities are
made honest afterwards, by `kotoba-edge calibrate`. A point for that changes no verdict before.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from edge.bundle.open import Bundle
from edge.errors import LessonError
from edge.interfaces import Describer
from edge.judges.language_model import LanguageModel
from edge.judges.lessons import Correction, Line, append_lesson, examples_of, taught
from edge.judges.prompt import description_text
from edge.message import from_wire, to_wire
from edge.picture.decode import read_picture
from edge.records import Description, Frame, Inspection, Reason, Verdict, Words
from edge.review.rejudge import Rejudge
from edge.spool.history import description_and_scores
from firmware_config.labels import Label
from firmware_config.station import Station

MAX_PIXELS = 64_000_000
MAX_BYTES = 256_000_000
"""Of a golden picture, for which the bundle's signature has vouched already."""

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
        self._known = taught(lines)
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
            PictureError, DescribeError, JudgeError: the golden verdicts cannot be made.
        """
        description, _ = description_and_scores(teaching.inspection)
        self._require_teachable(teaching, description)
        known = examples_of(self._known)
        golden = self._golden() if teaching.kind == "example" else ()
        before = self._judge(known)
        after = self._judge((*known, (description.words, teaching.label))) if golden else before
        were = [before.judge(one.description)[1].label for one in golden]
        become = [after.judge(one.description)[1].label for one in golden]
        worse, better = compare(golden, were, become, self._station.labels)
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
            said=teaching.inspection.verdict.label or "",
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
        for lesson in self._known:
            if description_text(from_wire(lesson.words).words) == description_text(description.words):
                trouble = trouble or f"lesson {lesson.number} says {lesson.label!r} of the very same words: undo that first, or leave it"
        if trouble is not None:
            msg = f"{doing}: {trouble}"
            raise LessonError(msg)

    def _golden(self) -> tuple[Golden, ...]:
        """The bundle's golden pictures whose label the station has, and what people said of the station's verdicts."""
        found = list(golden_of(self._bundle, self._station, self._describer))
        found += [Golden(f"lesson {lesson.number}", from_wire(lesson.words), lesson.label) for lesson in self._known]
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
    """A bundle's golden pictures whose label the station has, in words, with that label.

    Raises:
        PictureError, DescribeError: a picture cannot be read or described.
    """
    names = {label.name for label in station.labels}
    for golden in bundle.manifest.golden:
        if golden.label not in names:
            continue
        pixels = read_picture(bundle.path(golden.picture), max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES)
        frame = Frame(pixels, datetime.now(timezone.utc), 0, station.station.name, 1, golden.picture)
        yield Golden(golden.picture, describer.describe(frame), golden.label)


def compare(
    golden: Sequence[Golden], were: Sequence[str | None], become: Sequence[str | None], labels: Sequence[Label]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The golden verdicts that get worse and those that get better, in words, by the labels that the judge gives before and after."""
    worse: list[str] = []
    better: list[str] = []
    for one, was, becomes in zip(golden, were, become, strict=True):
        change = _grade(becomes, one.label, labels) - _grade(was, one.label, labels)
        if change:
            (worse if change < 0 else better).append(f"{one.name} should be {one.label!r}, was {was!r}, would be {becomes!r}")
    return tuple(worse), tuple(better)


def _grade(said: str | None, right: str, labels: Sequence[Label]) -> int:
    """2 for the right label, 1 for another label of the right decision, else 0."""
    decisions = {label.name: label.decision for label in labels}
    return (said == right) + (decisions.get(said or "") == decisions[right])
