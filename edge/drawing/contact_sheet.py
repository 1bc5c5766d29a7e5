"""One picture of several inspections: each cell with its verdict, its words and its right label."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.drawing.sheet import DECISION_COLOURS, GREY, INK, MAX_BYTES, MAX_PIXELS, Sheet
from edge.errors import EdgeError
from edge.picture.decode import read_picture
from edge.records import Inspection, Pixels

COLUMNS = 3
SIDE_PX = 240
MARGIN_PX = 10
WIDTH_PX = 620
HEIGHT_PX = SIDE_PX + 2 * MARGIN_PX
WRAP = 54
"""Characters in one line."""
LINE_PX = 19
SHOWN_WORDS = 4
"""Of the tags, of the attributes, and of what was measured."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture, its inspection, and its right label as text."""

    picture: Path
    inspection: Inspection
    label: str


def write_contact_sheet(path: Path, entries: Sequence[Entry]) -> None:
    """Write a PNG with three inspections in a row.

    Raises:
        PictureError: a picture cannot be read.
        EdgeError: the PNG cannot be written.
    """
    tiles = [_tile(entry) for entry in entries]
    tiles += [Sheet(WIDTH_PX, HEIGHT_PX).finished()] * (-len(tiles) % COLUMNS)
    sheet = np.vstack([np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)])
    _encoded, raw = cv2.imencode(".png", sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw.tobytes())  # not by OpenCV, which crashes on a name that is not UTF-8
    except OSError as err:
        msg = f"contact sheet {path} cannot be written ({err.strerror}): give another folder or make room"
        raise EdgeError(msg) from err


def _tile(entry: Entry) -> Pixels:
    verdict, sheet = entry.inspection.verdict, Sheet(WIDTH_PX, HEIGHT_PX)
    pixels = read_picture(entry.picture, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES)
    shrunk = np.asarray(cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA), np.uint8)
    colour = DECISION_COLOURS[verdict.decision]
    sheet.picture(shrunk, (MARGIN_PX, MARGIN_PX), colour, frame_px=4)
    confidence = "" if verdict.confidence is None else f" {verdict.confidence:.2f}"
    left, y = SIDE_PX + 24, 34
    sheet.write(f"{verdict.decision.value}  {verdict.label or ''}{confidence}", (left, y), colour, scale=0.66, weight=2)
    y += LINE_PX + 5
    sheet.write(f"true: {entry.label}", (left, y), INK, scale=0.5)
    for block in _blocks(entry.inspection):
        y += LINE_PX + 4
        for i, line in enumerate(textwrap.wrap(block, WRAP)):
            y += LINE_PX if i else 0
            sheet.write(line, (left, y), INK, scale=0.44)
    sheet.write(entry.inspection.source, (left, HEIGHT_PX - 14), GREY, scale=0.4)
    return sheet.finished()


def _blocks(inspection: Inspection) -> tuple[str, ...]:
    """The words of an inspection as blocks of text; where there are none, its detail."""
    if inspection.description is None:
        return (inspection.detail or "",)
    words = inspection.description.words
    tags, attributes = (", ".join(tag.word for tag in kind[:SHOWN_WORDS]) for kind in (words.tags, words.attributes))
    measured = ", ".join(one.word for one in words.measured[:SHOWN_WORDS])
    blocks = (f"tags: {tags}", f"attributes: {attributes}", *((f"measured: {measured}",) if measured else ()))
    return *blocks, f"caption: {next(iter(words.captions), '')}"
