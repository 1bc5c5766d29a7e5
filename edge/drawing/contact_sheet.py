"""One picture of several inspections: each cell with its verdict, its words and the true label."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from edge.errors import EdgeError
from edge.picture.decode import read_picture
from edge.records import Decision, Inspection, Pixels

COLUMNS = 3
SIDE_PX = 240
WIDTH_PX = 620
HEIGHT_PX = SIDE_PX + 20
WRAP = 54
LINE_PX = 19
MAX_PIXELS = 64_000_000
MAX_BYTES = 256_000_000

INK, GREY, PAPER = (30, 30, 30), (120, 120, 120), 255
COLOURS = {Decision.OK: (60, 140, 30), Decision.NG: (40, 40, 200), Decision.REVIEW: (0, 140, 220), Decision.FAULT: (160, 40, 140)}
"""BGR."""


@dataclass(frozen=True, slots=True)
class Pasted:
    """A picture, what was said of it, and the truth in words."""

    picture: Path
    inspection: Inspection
    truth: str


def write_contact_sheet(path: Path, pasted: Sequence[Pasted]) -> None:
    """Write a PNG with three inspections a row.

    Raises:
        EdgeError: it cannot be written.
    """
    tiles = [_tile(one) for one in pasted]
    tiles += [np.full((HEIGHT_PX, WIDTH_PX, 3), PAPER, np.uint8)] * (-len(tiles) % COLUMNS)
    sheet = np.vstack([np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)])
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        msg = f"contact sheet {path} cannot be written: give another folder or make room"
        raise EdgeError(msg)


def _tile(pasted: Pasted) -> Pixels:
    tile = np.full((HEIGHT_PX, WIDTH_PX, 3), PAPER, np.uint8)
    pixels = read_picture(pasted.picture, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES)
    verdict = pasted.inspection.verdict
    tile[10 : 10 + SIDE_PX, 10 : 10 + SIDE_PX] = cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    cv2.rectangle(tile, (10, 10), (10 + SIDE_PX, 10 + SIDE_PX), COLOURS[verdict.decision], 4)
    confidence = "" if verdict.confidence is None else f" {verdict.confidence:.2f}"
    left, y = SIDE_PX + 24, 34
    _write(
        tile,
        f"{verdict.decision.value}  {verdict.label or ''}{confidence}",
        (left, y),
        colour=COLOURS[verdict.decision],
        scale=0.66,
        weight=2,
    )
    y += LINE_PX + 5
    _write(tile, f"true: {pasted.truth}", (left, y), colour=INK, scale=0.5)
    description = pasted.inspection.description
    blocks = [("", pasted.inspection.detail or "")]
    if description is not None:
        said = description.words
        blocks = [
            ("tags", ", ".join(tag.word for tag in said.tags[:4])),
            ("attributes", ", ".join(tag.word for tag in said.attributes[:4])),
        ]
        blocks.append(("caption", next(iter(said.captions), "")))
    for name, text in blocks:
        y += LINE_PX + 4
        for i, line in enumerate(textwrap.wrap(f"{name}: {text}" if name else text, WRAP)):
            y += LINE_PX if i else 0
            _write(tile, line, (left, y), colour=INK, scale=0.44)
    _write(tile, pasted.inspection.source, (left, HEIGHT_PX - 14), colour=GREY, scale=0.4)
    return tile


def _write(tile: Pixels, text: str, place: tuple[int, int], *, colour: tuple[int, int, int], scale: float, weight: int = 1) -> None:
    plain = text.encode("ascii", "replace").decode()
    cv2.putText(tile, plain, place, cv2.FONT_HERSHEY_SIMPLEX, scale, colour, weight, cv2.LINE_AA)
