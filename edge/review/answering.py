"""Answer inspections: keep what a person says, then teach it to the station as a picture for its calibration.

The answer is on disk before it is taught. Whether it was taught is read from the lessons file, so that a kill between the two leaves
nothing to mend: the same answer, given again, goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from edge.errors import AnswerError, EdgeError
from edge.judges.lessons import Correction, Line, Undo, active_lessons, append_lesson, read_lessons
from edge.records import Decision, Inspection
from edge.review.answers import Answer, AnswersFile
from edge.review.teach import Teacher, Teaching
from firmware_config.errors import ConfigError
from firmware_config.station import Station

OpenTeacher = Callable[[Station, Path, tuple[Line, ...]], Teacher]
"""Makes the teacher of a station from its lessons file and the lines in it."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What became of an answer. `is_new`: it was not there before. `lesson` is the number of its lesson; None: `why_not`."""

    answer: Answer
    is_new: bool
    lesson: int | None
    why_not: str | None


class Answering:
    """Answers the inspections of a box's stations, which `stations` has by name. Without `open_teacher` nothing is taught."""

    def __init__(self, answers: AnswersFile, stations: Mapping[str, Station], *, open_teacher: OpenTeacher | None) -> None:
        self._answers = answers
        self._stations = dict(stations)
        self._open_teacher = open_teacher

    def answer(self, inspection: Inspection, label: str, *, by: str, note: str, now: datetime) -> Answered:
        """Keep an answer, and teach it.

        Raises:
            AnswerError: the station or its label is unknown, or the answer cannot be written.
        """
        station = self._station(inspection, label)
        answer = Answer(
            inspection=inspection.id,
            station=inspection.station,
            epoch=inspection.epoch,
            seq=inspection.seq,
            source=inspection.source,
            decision=inspection.verdict.decision,
            verdict_label=inspection.verdict.label,
            label=label,
            by=by,
            at=now,
            note=note,
        )
        is_new = self._answers.keep(answer)
        try:
            lesson, why_not = self._taught(station, inspection, answer), None
        except (EdgeError, ConfigError) as err:  # the answer is safe; that it cannot teach is said
            lesson, why_not = None, str(err)
        return Answered(answer, is_new, lesson, why_not if lesson is None else None)

    def _station(self, inspection: Inspection, label: str) -> Station:
        doing = f"answering that inspection {inspection.id} is {label!r}"
        station = self._stations.get(inspection.station)
        if station is None:
            known = ", ".join(self._stations) or "none"
            msg = f"{doing}: there is no file of its station {inspection.station}, the stations are {known}: give their folder (--stations)"
            raise AnswerError(msg)
        names = [one.name for one in station.labels]
        if label not in names:
            msg = f"{doing}: station {inspection.station} has no such label: use one of {', '.join(names)}"
            raise AnswerError(msg)
        return station

    def _taught(self, station: Station, inspection: Inspection, answer: Answer) -> int | None:
        """Teach an answer, unless it was taught before; the number of its lesson. Another label's lesson is undone.

        Raises:
            LessonError: it is not allowed as a lesson, or cannot be written.
            EdgeError, ConfigError: the models cannot be opened.
        """
        if self._open_teacher is None:
            msg = "lessons were left out (--no-lesson)"
            raise AnswerError(msg)
        if inspection.verdict.decision is Decision.FAULT or inspection.description is None:
            msg = "no words were judged, so there is nothing to learn from"
            raise AnswerError(msg)
        path = station.judge.lessons
        if path is None:
            line = f'lessons = "/var/lib/kotoba/lessons/{station.station.name}.jsonl"'
            msg = f"station {station.station.name} has no file for lessons: add {line} to its [judge] section"
            raise AnswerError(msg)
        lines = _lines(path, station)
        for lesson in _lessons_of(lines, answer.inspection):
            if lesson.label == answer.label:
                return lesson.number
            undo = Undo(number=len(lines) + 1, by=answer.by, at=answer.at, why=f"answered again: {answer.label}", undoes=lesson.number)
            append_lesson(path, undo)
            lines = _lines(path, station)
        teacher = self._open_teacher(station, path, lines)
        teaching = Teaching(inspection, answer.label, "calibration", by=answer.by, why=answer.note)
        return teacher.teach(teaching, now=answer.at).lesson.number


def _lines(path: Path, station: Station) -> tuple[Line, ...]:
    return read_lessons(path, station=station.station.name) if path.exists() else ()


def _lessons_of(lines: tuple[Line, ...], inspection: str) -> list[Correction]:
    return [lesson for lesson in active_lessons(lines) if lesson.inspection == inspection]
