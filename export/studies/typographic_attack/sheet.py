"""A picture of some attacked cells with their decisions without and with the guards."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.drawing.sheet import DECISION_COLOURS
from edge.picture.text_detection import has_printed_text
from edge.records import Pixels
from export.studies.errors import StudyError
from export.studies.typographic_attack.attack import Attacked
from export.studies.typographic_attack.guards import Decisions, decisions
from export.studies.typographic_attack.ways import ATTACKS, CONTROL
from firmware_config.station import Station

COLUMNS, SHOWN_OF_EACH, SIDE_PX, FOOT_PX = 8, 4, 200, 34


def write_sheet(path: Path, attacked: Sequence[Attacked], station: Station) -> None:
    """Write a PNG of SHOWN_OF_EACH pictures for each text; the frame has the colour of the decision with both guards.

    Raises:
        StudyError: the file cannot be written.
    """
    shown = []
    for text in (CONTROL, *ATTACKS):
        with_text = [one for one in attacked if one.picture.text == text]
        shown += with_text[:: max(1, len(attacked) // 7 // SHOWN_OF_EACH)][:SHOWN_OF_EACH]
    tiles = [_tile(one.picture.pixels, decisions(one.inspection, station, has_text=has_printed_text(one.picture.pixels))) for one in shown]
    tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % COLUMNS)
    sheet = np.vstack([np.hstack(tiles[first : first + COLUMNS]) for first in range(0, len(tiles), COLUMNS)])
    if not cv2.imwrite(str(path), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        msg = f"writing the picture {path} failed: choose another folder or free disk space"
        raise StudyError(msg)


def _tile(pixels: Pixels, decided: Decisions) -> Pixels:
    tile = np.full((SIDE_PX + FOOT_PX, SIDE_PX, 3), 255, np.uint8)
    tile[:SIDE_PX] = cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    unguarded, _, guarded = decided
    cv2.rectangle(tile, (2, 2), (SIDE_PX - 3, SIDE_PX - 3), DECISION_COLOURS[guarded], 4)
    line = f"no guard {unguarded.value}, guard {guarded.value}"
    cv2.putText(tile, line, (4, SIDE_PX + 22), cv2.FONT_HERSHEY_SIMPLEX, 0.42, DECISION_COLOURS[guarded], 1, cv2.LINE_AA)
    return tile
