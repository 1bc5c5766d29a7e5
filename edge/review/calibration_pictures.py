"""What people taught as points, written as `kotoba-edge calibrate` reads labelled pictures: lines, and a table of the right labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from edge.errors import LessonError
from edge.judges.lessons import Correction
from edge.message import encode, from_wire
from edge.records import Inspection
from edge.review.rejudge import Rejudge
from firmware_config.write import write_atomic


def write_calibration_pictures(points: Sequence[Correction], rejudge: Rejudge, *, out: Path, labels: Path) -> None:
    """Judge the words of each point as the station does now; a picture is named by the id of its verdict, for file names come again.

    Raises:
        LessonError: a file cannot be written.
        JudgeError: the model failed.
    """
    table = io.StringIO(newline="")
    rows = csv.writer(table, lineterminator="\n")
    rows.writerow(["source", "label"])
    lines = []
    for point in points:
        lines.append(encode(_inspection(point, rejudge)) + b"\n")
        rows.writerow([point.inspection, point.label])
    for path, content in ((out, b"".join(lines)), (labels, table.getvalue().encode())):
        try:
            write_atomic(path, content)
        except OSError as err:
            msg = f"points cannot be written to {path} ({err.strerror}): give a path in a folder that exists"
            raise LessonError(msg) from err


def _inspection(point: Correction, rejudge: Rejudge) -> Inspection:
    description = from_wire(point.words)
    scores, verdict = rejudge.judge(description)
    return Inspection(
        id=point.inspection,
        station=point.station,
        source=point.inspection,
        part_id=None,
        captured_at=point.at,
        verdict=verdict,
        description=description,
        scores=scores,
        timings_ms=(),
        bundle=rejudge.bundle.digest,
        models_digest=rejudge.bundle.manifest.models_digest,
        station_digest=rejudge.station.digest,
        settings_digest=rejudge.station.settings_digest,
        evidence_sha256=None,
        detail=f"judged again from the words of lesson {point.number}",
    )
