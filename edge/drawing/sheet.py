"""A sheet of white paper to draw on, and the colours and limits that all drawings share.

OpenCV's fonts have ASCII characters only: any other character is drawn as "?".
"""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np

from edge.records import Decision, Pixels

MAX_PIXELS = 64_000_000
MAX_BYTES = 256_000_000
"""Limits of a picture that is drawn: more than any camera of a station gives."""

Colour: TypeAlias = tuple[int, int, int]
Place: TypeAlias = tuple[int, int]

INK, GREY, PAPER = (30, 30, 30), (120, 120, 120), 255
"""BGR, as all colours here; PAPER is the grey level of all three channels."""

DECISION_COLOURS: dict[Decision, Colour] = {
    Decision.OK: (60, 140, 30),
    Decision.NG: (40, 40, 200),
    Decision.REVIEW: (0, 140, 220),
    Decision.FAULT: (160, 40, 140),
}


class Sheet:
    """White paper. Places are (x, y) in pixels of the finished picture; that of a text is the left end of its base line.

    Everything is drawn `oversampling` times larger and averaged down at the end: with 2, thin strokes of OpenCV's fonts stay legible.
    """

    def __init__(self, width_px: int, height_px: int, *, oversampling: int = 1) -> None:
        self._width_px = width_px
        self._factor = oversampling
        self._paper = np.full((height_px * oversampling, width_px * oversampling, 3), PAPER, np.uint8)

    def write(self, text: str, place: Place, colour: Colour, *, scale: float, weight: int = 1, align: str = "left") -> int:
        """Write one line; `align` is "left" or "right". Returns the x of its right end."""
        ascii_text = text.encode("ascii", "replace").decode()
        font, size, thickness = cv2.FONT_HERSHEY_SIMPLEX, scale * self._factor, weight * self._factor
        width = cv2.getTextSize(ascii_text, font, size, thickness)[0][0] // self._factor
        left = place[0] - width if align == "right" else place[0]
        cv2.putText(self._paper, ascii_text, self._scaled((left, place[1])), font, size, colour, thickness, cv2.LINE_AA)
        return left + width

    def line(self, start: Place, end: Place, colour: Colour) -> None:
        """Draw a line one pixel thick."""
        cv2.line(self._paper, self._scaled(start), self._scaled(end), colour, self._factor)

    def fill(self, corner: Place, opposite: Place, colour: Colour) -> None:
        """Fill a rectangle between two opposite corners, both included."""
        cv2.rectangle(self._paper, self._scaled(corner), self._scaled(opposite), colour, cv2.FILLED)

    def picture(self, pixels: Pixels, corner: Place, colour: Colour, *, frame_px: int) -> None:
        """Paste a picture, uint8 (H, W, 3) BGR, with a frame; it must have its size on this sheet times the oversampling."""
        left, top = self._scaled(corner)
        height, width = pixels.shape[:2]
        self._paper[top : top + height, left : left + width] = pixels
        cv2.rectangle(self._paper, (left, top), (left + width, top + height), colour, frame_px * self._factor)

    def finished(self, *, height_px: int | None = None) -> Pixels:
        """The sheet at its finished size, uint8 (H, W, 3) BGR, cut at `height_px`."""
        size = (self._width_px, self._paper.shape[0] // self._factor)
        sheet = self._paper if self._factor == 1 else cv2.resize(self._paper, size, interpolation=cv2.INTER_AREA)
        return np.asarray(sheet[:height_px], np.uint8)

    def _scaled(self, place: Place) -> Place:
        return place[0] * self._factor, place[1] * self._factor
