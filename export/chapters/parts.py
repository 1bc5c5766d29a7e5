"""Pictures that were decided wrongly, with their words, and a small copy of each: the worst first."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.inspection.policy import likeliest
from edge.records import Decision, Frame, Pixels, Verdict
from export.chapters.errors import ChapterError
from export.chapters.inspected import Inspected, capture_of
from export.chapters.verdicts import Verdicts
from export.findings.box import Part
from firmware_config.write import write_atomic

FOLDER = "parts"
"""Below the folder of the pilot."""
MOST = 200
"""Escaped parts that are shown, and overkilled ones as many."""
COPY_PX, JPEG_QUALITY = 320, 85
"""The longer side of a copy."""
NAME_DIGITS = 16
COPY_NAME = re.compile(rf"[0-9a-f]{{{NAME_DIGITS}}}\.jpg")


@dataclass(frozen=True, slots=True)
class WrongParts:
    """Defective parts that became OK, and good parts that became NG; `left_out` counts those beyond the most that are shown."""

    escaped: tuple[Part, ...]
    overkilled: tuple[Part, ...]
    left_out: tuple[int, int]


def wrong_parts(
    inspected: Inspected, given: Verdicts, *, folder: Path, domains: AbstractSet[str] | None = None, most: int = MOST
) -> WrongParts:
    """The wrong decisions on some domains (None: on all), the surest first, with their copies in `folder`/parts.

    `folder` is that of the pilot. Copies in it that no part names are taken away: nobody would look for them there.

    Raises:
        ChapterError: a copy cannot be written.
    """
    escaped = _rows(inspected, given, bad=True, decision=Decision.OK, domains=domains)
    overkilled = _rows(inspected, given, bad=False, decision=Decision.NG, domains=domains)
    parts = [tuple(_part(inspected, row, given.verdicts[row], folder) for row in rows[:most]) for rows in (escaped, overkilled)]
    named = {part.picture for some in parts for part in some}
    for copy in (folder / FOLDER).glob("*.jpg"):
        if COPY_NAME.fullmatch(copy.name) and f"{FOLDER}/{copy.name}" not in named:
            copy.unlink()
    return WrongParts(parts[0], parts[1], (max(0, len(escaped) - most), max(0, len(overkilled) - most)))


def write_copy(pixels: Pixels, path: Path, *, side_px: int = COPY_PX) -> None:
    """Write a small JPEG of a picture, uint8 (H, W, 3) BGR, whose longer side has `side_px` at most.

    Raises:
        ChapterError: it cannot be written.
    """
    shrink = min(1.0, side_px / max(pixels.shape[:2]))
    size = tuple(max(1, round(shrink * side)) for side in pixels.shape[1::-1])
    small = pixels if shrink == 1 else cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, jpeg.tobytes())
    except OSError as err:
        msg = f"writing the copy {path} of a picture: {err.strerror}: make room, or give another folder"
        raise ChapterError(msg) from err


def _rows(inspected: Inspected, given: Verdicts, *, bad: bool, decision: Decision, domains: AbstractSet[str] | None) -> list[int]:
    found = [
        row
        for row, verdict in enumerate(given.verdicts)
        if verdict.decision is decision
        and bool(inspected.bad[row]) is bad
        and (domains is None or inspected.pictures[row].domain in domains)
    ]
    return sorted(found, key=lambda row: (-_sureness(inspected, row, given.verdicts[row]), inspected.pictures[row].source))


def _sureness(inspected: Inspected, row: int, verdict: Verdict) -> float:
    """The confidence; where none is known, the judge's probability of its likeliest decision."""
    if verdict.confidence is not None:
        return verdict.confidence
    scores = inspected.inspections[row].scores
    return 0.0 if scores is None else likeliest(scores, inspected.station.labels)[1]


def _part(inspected: Inspected, row: int, verdict: Verdict, folder: Path) -> Part:
    picture, inspection = inspected.pictures[row], inspected.inspections[row]
    words = None if inspection.description is None else inspection.description.words
    return Part(
        source=picture.source,
        domain=picture.domain,
        label=picture.label or "",
        decision=verdict.decision.value,
        confidence=verdict.confidence,
        picture=_copied(inspected, row, folder),
        tags=() if words is None else tuple(tag.word for tag in words.tags),
        attributes=() if words is None else tuple(tag.word for tag in words.attributes),
        captions=() if words is None else words.captions,
        measures=() if words is None else tuple(one.word for one in words.measured),
        reasons=tuple(reason.value for reason in verdict.reasons),
    )


def _copied(inspected: Inspected, row: int, folder: Path) -> str | None:
    """The copy of a picture, made if it is not there; its name is that of the pixels, which tell no file name of the plant."""
    digest = inspected.inspections[row].evidence_sha256
    if digest is None:
        return None
    name = f"{FOLDER}/{digest[:NAME_DIGITS]}.jpg"
    if not (folder / name).exists():
        capture = capture_of(inspected.pictures[row], inspected.station)
        if not isinstance(capture, Frame):
            return None
        write_copy(np.ascontiguousarray(capture.pixels), folder / name)
    return name
