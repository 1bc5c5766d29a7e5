"""A picture of real cells beside their words, with the struck words crossed out."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from edge.drawing.sheet import INK, PAPER
from edge.picture.decode import read_picture
from edge.records import Pixels
from export.studies.controls import MAX_BYTES, MAX_PIXELS
from export.studies.errors import StudyError
from export.studies.words.page import Example, struck

GREY, RED = (110, 110, 110), (40, 40, 200)
"""BGR, of struck words and of the line through them."""
COLUMNS, SIDE_PX, WIDTH_PX, HEIGHT_PX, WRAP, LINE_PX = 2, 220, 900, 240, 92, 18
FONT, SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.42


def write_sheet(path: Path, examples: Sequence[Example]) -> None:
    """Draw the cells beside their words and write the picture as PNG.

    Raises:
        StudyError: the file cannot be written.
    """
    tiles = [_tile(example) for example in examples]
    tiles += [np.full((HEIGHT_PX, WIDTH_PX, 3), PAPER, np.uint8)] * (-len(tiles) % COLUMNS)
    sheet = np.vstack([np.hstack(tiles[first : first + COLUMNS]) for first in range(0, len(tiles), COLUMNS)])
    if not cv2.imwrite(str(path), sheet, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        msg = f"writing the picture {path} failed: choose another folder or free disk space"
        raise StudyError(msg)


def _tile(example: Example) -> Pixels:
    tile = np.full((HEIGHT_PX, WIDTH_PX, 3), PAPER, np.uint8)
    pixels = read_picture(example.cell.path, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES)
    tile[10 : 10 + SIDE_PX, 10 : 10 + SIDE_PX] = cv2.resize(pixels, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    after, y = example.after.words, 26
    y = _write(tile, f"{example.cell.path.name}   {example.cell.label}", y, crossed_out=False)
    for name, tags in (("tag", after.tags), ("attribute", after.attributes)):
        y = _write(tile, f"{name}s: {', '.join(tag.word for tag in tags)}", y + 4, crossed_out=False)
        y = _write(tile, ", ".join(struck(example.after, name)), y, crossed_out=True)
    y = _write(tile, "before: " + "; ".join(example.before.words.captions), y + 4, crossed_out=False)
    y = _write(tile, "after: " + "; ".join(after.captions), y + 4, crossed_out=False)
    _write(tile, ", ".join(struck(example.after, "caption")), y, crossed_out=True)
    return tile


def _write(tile: Pixels, text: str, y: int, *, crossed_out: bool) -> int:
    """Write a paragraph at height `y` px; returns the height of the next."""
    left, colour = SIDE_PX + 24, GREY if crossed_out else INK
    for line in textwrap.wrap(text.encode("ascii", "replace").decode(), WRAP):
        cv2.putText(tile, line, (left, y), FONT, SCALE, colour, 1, cv2.LINE_AA)
        if crossed_out:
            (width, _), _ = cv2.getTextSize(line, FONT, SCALE, 1)
            cv2.line(tile, (left, y - 4), (left + width, y - 4), RED, 1, cv2.LINE_AA)
        y += LINE_PX
    return y
