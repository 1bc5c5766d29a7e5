"""Teach a station without training: a corrected verdict becomes an example only if no golden verdict gets worse by it.

Golden verdicts are those on the bundle's golden pictures, described again for each lesson, and those that people corrected or confirmed
before. Their decisions and labels are compared, not their probabilities, and as if the station were calibrated: an example changes the
instruction, and `kotoba-edge calibrate` fits the probabilities again afterwards. A calibration picture changes no verdict before that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Literal

from edge.bundle.open import Bundle
from edge.errors import LessonError
from edge.inspection.golden import describe_golden_picture, read_golden_station
from edge.interfaces import Describer
from edge.judges.lessons import Correction, Line, active_lessons, append_lesson, examples_of
from edge.judges.prompt import Example, description_text
from edge.message import from_wire, to_wire
from edge.records import Decision, Description, Inspection, Reason, Verdict
from edge.review.rejudge import Rejudger
from edge.spool.history import description_and_scores
from firmware_config.labels import Label
from firmware_config.station import Station

NAMED = 3
"""How many golden verdicts that would get worse are named in the refusal."""


@dataclass(frozen=True, slots=True)
class Teaching:
    """What somebody wants to teach: `label` is right for the words of `inspection`. `by` is who, `why` the reason."""

    inspection: Inspection
    label: str
    kind: Literal["example", "calibration"]
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Golden:
    """A description whose right label is known; `name` is for messages."""

    name: str
    description: Description
    label: str


@dataclass(frozen=True, slots=True)
class Learned:
    """A lesson as it was written, the verdict on its own words before and after, and the golden verdicts that got better, as phrases."""

    lesson: Correction
    before: Verdict
    after: Verdict
    better: tuple[str, ...]


class Teacher:
    """Teaches one station. `lines` are those of its lessons file at `path`.

    `judge` gives the station's judge with some examples and without its calibration; `describer` is asked for when pictures are described.
    """

    def __init__(
        self,
        path: Path,
        lines: Sequence[Line],
        *,
        station: Station,
        bundle: Bundle,
        judge: Callable[[Sequence[Example]], Rejudger],
        describer: Callable[[], Describer],
    ) -> None:
        self._path = path
        self._number = len(lines) + 1
        self._lessons = active_lessons(lines)
        self._station = station
        self._bundle = bundle
        self._judge = judge
        self._describer = describer

    def teach(self, teaching: Teaching, *, now: datetime) -> Learned:
        """Try a lesson on all golden verdicts and write it to the lessons file.

        Raises:
            LessonError: it is not allowed as a lesson, golden verdicts would get worse, or it cannot be written.
            HistoryError: the inspection is a FAULT.
            BundleError: the instruction has no slot for examples, or is too long with one more.
            PictureError, DescribeError, JudgeError, StationError: the golden verdicts cannot be made.
        """
        description, _ = description_and_scores(teaching.inspection)
        self._require_teachable(teaching, description)
        examples = examples_of(self._lessons)
        golden = self._golden() if teaching.kind == "example" else ()
        before = self._judge(examples)
        after = self._judge((*examples, (description.words, teaching.label))) if golden else before
        better = self._require_no_harm(teaching, golden, before, after)
        scores, verdict_after = after.judge(description)
        _, verdict_before = (scores, verdict_after) if after is before else before.judge(description)
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
            prompt=scores.prompt,
            golden=len(golden),
        )
        append_lesson(self._path, lesson)
        return Learned(lesson, verdict_before, verdict_after, better)

    def _require_no_harm(self, teaching: Teaching, golden: Sequence[Golden], before: Rejudger, after: Rejudger) -> tuple[str, ...]:
        """The golden verdicts that get better.

        Raises:
            LessonError: one gets worse.
        """
        verdicts_before, verdicts_after = ([_calibrated_verdict(judge, entry.description) for entry in golden] for judge in (before, after))
        worse, better = compare(golden, verdicts_before, verdicts_after, self._station.labels)
        if worse:
            doing = f"teaching that inspection {teaching.inspection.id} is {teaching.label!r}"
            named = "; ".join(worse[:NAMED]) + (f"; and {len(worse) - NAMED} more" if len(worse) > NAMED else "")
            harm = f"{len(worse)} of {len(golden)} golden verdicts would get worse, {named}"
            msg = f"{doing}: {harm}: teach it with `--as calibration`, or leave it"
            raise LessonError(msg)
        return better

    def _require_teachable(self, teaching: Teaching, description: Description) -> None:
        """Refuse what would harm the judgement of every later picture.

        Raises:
            LessonError: another station, an unknown label, words under the influence of printed text or of no known part, or words taught
                before.
        """
        inspection, station = teaching.inspection, self._station
        names = [label.name for label in station.labels]
        text = description_text(description.words)
        same = next((lesson for lesson in self._lessons if description_text(from_wire(lesson.words).words) == text), None)
        if inspection.station != station.station.name:
            fault = f"it was made by station {inspection.station}: give the file of that station"
        elif teaching.label not in names:
            fault = f"the station has no such label: use one of {', '.join(names)}"
        elif teaching.kind == "example" and station.judge.method == "linear":
            fault = (
                "a linear judge reads no examples: teach it with `--as calibration`, and fit the judge again on its bundle's workstation"
            )
        elif description.printed_text or Reason.TEXT_INFLUENCE in inspection.verdict.reasons:
            fault = "printed text in its picture may hold commands (text_influence), and every later picture would be judged with them"
            fault += ": choose another verdict"
        elif Reason.UNFAMILIAR in inspection.verdict.reasons:
            fault = "its picture is like none that the station knows (unfamiliar), so its words say nothing of a part"
            fault += ": choose another verdict, or give the picture to `kotoba-edge measure`"
        elif same is not None:
            fault = f"lesson {same.number} teaches {same.label!r} for the same words: undo it first, or leave it"
        else:
            return
        msg = f"teaching station {station.station.name} that inspection {inspection.id} is {teaching.label!r}: {fault}"
        raise LessonError(msg)

    def _golden(self) -> tuple[Golden, ...]:
        """The bundle's golden pictures whose label the station has, and the station's earlier lessons.

        Raises:
            LessonError: there is none.
            PictureError, DescribeError, BundleError, StationError: as `golden_of`.
        """
        golden = list(golden_of(self._bundle, self._station, self._describer()))
        golden += [Golden(f"lesson {lesson.number}", from_wire(lesson.words), lesson.label) for lesson in self._lessons]
        if not golden:
            fault = "neither the bundle nor an earlier lesson has a golden verdict with one of its labels, so harm could not be seen"
            advice = "confirm right verdicts with `kotoba-edge learn correct ID --as calibration` first"
            msg = f"teaching station {self._station.station.name}: {fault}: {advice}"
            raise LessonError(msg)
        return tuple(golden)


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


def _calibrated_verdict(rejudger: Rejudger, description: Description) -> Verdict:
    """The verdict as if the station were calibrated: an example always makes it uncalibrated, which is no harm to a golden verdict."""
    scores, _ = rejudger.judge(description)
    return rejudger.decide(description, replace(scores, calibrated=True))


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
