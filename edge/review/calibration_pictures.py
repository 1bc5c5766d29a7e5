"""Calibration pictures that people taught, written as `kotoba-edge calibrate` reads them: lines, and a table of the right labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from edge.errors import LessonError
from edge.judges.lessons import Correction
from edge.message import encode, from_wire
from edge.records import Inspection
from edge.review.rejudge import Rejudger
from edge.studies.labelled import COLUMNS
from firmware_config.write import write_atomic


def write_calibration_pictures(lessons: Sequence[Correction], rejudger: Rejudger, *, out: Path, labels: Path) -> None:
    """Judge the words of each lesson as the station does now, and write the lines to `out`, the right labels to `labels`.

    The source of each line is the id of its inspection: cameras use a file name more than once.

    Raises:
        LessonError: a file cannot be written.
        JudgeError: the model failed.
    """
    table = io.StringIO(newline="")
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(COLUMNS)
    lines = []
    for lesson in lessons:
        lines.append(encode(_inspection(lesson, rejudger)) + b"\n")
        rows.writerow([lesson.inspection, lesson.label])
    for path, content in ((out, b"".join(lines)), (labels, table.getvalue().encode())):
        try:
            write_atomic(path, content)
        except OSError as err:
            msg = f"calibration pictures cannot be written to {path} ({err.strerror}): give a path in a folder that exists"
            raise LessonError(msg) from err


def _inspection(lesson: Correction, rejudger: Rejudger) -> Inspection:
    description = from_wire(lesson.words)
    scores, verdict = rejudger.judge(description)
    return Inspection(
        id=lesson.inspection,
        station=lesson.station,
        source=lesson.inspection,
        part_id=None,
        captured_at=lesson.at,
        verdict=verdict,
        description=description,
        scores=scores,
        timings_ms=(),
        bundle=rejudger.bundle.digest,
        models_digest=rejudger.bundle.manifest.models_digest,
        station_digest=rejudger.station.digest,
        settings_digest=rejudger.station.settings_digest,
        evidence_sha256=None,
        detail=f"judged again from the words of lesson {lesson.number}",
    )
