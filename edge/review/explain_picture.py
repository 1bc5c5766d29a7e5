"""An explanation as one picture: what the camera saw, how likely each label is, and which words moved the verdict.

Drawn with OpenCV, whose fonts know ASCII only: a label or word in another script stands there by its number, as in the text beside.
"""

from __future__ import annotations

import hashlib
import textwrap
from pathlib import Path

import cv2
import numpy as np

from edge.drawing.contact_sheet import COLOURS, GREY, INK, MAX_BYTES, MAX_PIXELS, PAPER
from edge.errors import HistoryError
from edge.picture.decode import read_picture
from edge.records import Decision, Inspection, Pixels
from edge.review.explain import Effect, Explanation
from edge.review.explain_text import digests_of
from edge.texts.reasons import REASONS

WIDTH_PX = 1120
MARGIN_PX = 24
SIDE_PX = 300
ROW_PX = 24
BAR_PX = 15
FOOT_PX = 70
LABEL_PX = 180
"""Room for the name of a label."""

AXIS_PX = 710
"""Where the bars of the words begin, to the right for the verdict and to the left against it."""
REACH_PX = 140
TURNED_PX = 940
"""Where it says what would be decided without a word, if that is another decision."""
WRAP = 52
"""Characters of a caption in one line."""
FINE = 2
"""Drawn this many times larger and averaged down: thin strokes of OpenCV's fonts stay legible."""

FOR, AGAINST, RULE = (40, 105, 205), (170, 110, 40), (215, 215, 215)
"""BGR. Orange and blue, which people who confuse red and green tell apart."""

Colour = tuple[int, int, int]


def evidence_of(inspection: Inspection, path: Path) -> Pixels:
    """The picture behind an inspection, uint8 (H, W, 3) BGR.

    Raises:
        PictureError: the file is no picture.
        HistoryError: it is another picture than the one that was judged.
    """
    pixels = read_picture(path, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES)
    found = hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()
    if found != inspection.evidence_sha256:
        digests = f"its pixels have sha256 {found}, stored is {inspection.evidence_sha256}"
        msg = f"picture {path} is not the one of inspection {inspection.id} ({digests}): give the picture that was judged"
        raise HistoryError(msg)
    return pixels


def write_explanation(path: Path, explanation: Explanation, *, pixels: Pixels | None = None) -> None:
    """Write a PNG.

    Raises:
        HistoryError: it cannot be written.
    """
    sheet = _Sheet(_height(explanation))
    _head(sheet, explanation)
    top = sheet.y
    if pixels is not None:
        sheet.picture(pixels, (MARGIN_PX, top), COLOURS[explanation.inspection.verdict.decision])
    _labels(sheet, explanation, left=MARGIN_PX if pixels is None else MARGIN_PX + SIDE_PX + 30)
    sheet.y = max(sheet.y, top if pixels is None else top + SIDE_PX + 20)
    _words(sheet, explanation)
    _foot(sheet, explanation)
    encoded, raw = cv2.imencode(".png", sheet.finished(), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    try:
        path.write_bytes(raw.tobytes() if encoded else b"")
    except OSError as err:
        msg = f"the picture of inspection {explanation.inspection.id} cannot be written to {path} ({err.strerror}): give another path"
        raise HistoryError(msg) from err


def _height(explanation: Explanation) -> int:
    rows = sum(len(_wrapped(effect.word)) for effect in explanation.effects) + len(explanation.description.struck)
    reasons = len(explanation.inspection.verdict.reasons)
    return 100 + reasons * ROW_PX + max(SIDE_PX + 20, len(explanation.scores.labels) * ROW_PX + 60) + (rows + 3) * ROW_PX + FOOT_PX


def _head(sheet: _Sheet, explanation: Explanation) -> None:
    inspection, verdict = explanation.inspection, explanation.inspection.verdict
    confidence = "" if verdict.confidence is None else f"  {verdict.confidence:.2f}"
    label = _plain(verdict.label or "", explanation.scores.labels.index(verdict.label or "") + 1, "label")
    sheet.write(f"{verdict.decision.value}  {label}{confidence}", (MARGIN_PX, 46), COLOURS[verdict.decision], scale=1.0, weight=2)
    captured = inspection.captured_at.isoformat(" ", timespec="seconds").replace("+00:00", " UTC")
    sheet.write(f"{inspection.station}   {inspection.source}   {captured}", (MARGIN_PX, 74), GREY, scale=0.5)
    sheet.y = 90
    for reason in verdict.reasons:
        sheet.y += ROW_PX
        sheet.write(f"{reason.value}: {REASONS[reason]['en']}", (MARGIN_PX, sheet.y - 8), COLOURS[verdict.decision], scale=0.5)
    sheet.y += 6


def _labels(sheet: _Sheet, explanation: Explanation, *, left: int) -> None:
    """Bars of the labels' probabilities, the likeliest first."""
    scores, verdict = explanation.scores, explanation.inspection.verdict
    calibrated = "calibrated" if scores.calibrated else "not calibrated"
    sheet.y += 20
    sheet.write(f"probability of each label ({calibrated})", (left, sheet.y), INK, scale=0.52)
    sheet.y += 8
    faint = _mixed(COLOURS[verdict.decision], (PAPER, PAPER, PAPER), 0.45)
    reach = WIDTH_PX - MARGIN_PX - 60 - left - LABEL_PX
    for chance, number, name in sorted(
        zip(scores.probabilities, range(1, 65), scores.labels, strict=False), key=lambda row: (-row[0], row[1])
    ):
        sheet.y += ROW_PX
        chosen = name == verdict.label
        colour = COLOURS[verdict.decision] if chosen else faint if name in explanation.labels else GREY
        sheet.write(_plain(name, number, "label")[:20], (left, sheet.y), INK if chosen else GREY, scale=0.5, weight=1)
        sheet.bar((left + LABEL_PX, sheet.y), max(1, round(chance * reach)), colour)
        sheet.write(f"{chance:.3f}", (left + LABEL_PX + round(chance * reach) + 8, sheet.y), INK, scale=0.46)
    sheet.y += ROW_PX + 8
    together = f"{explanation.side.upper()}, all its labels together"
    sheet.write(f"{together}: {explanation.probability:.3f}", (left, sheet.y), COLOURS[verdict.decision], scale=0.52)


def _words(sheet: _Sheet, explanation: Explanation) -> None:
    """A row for each word with a bar of its effect, then what was struck out."""
    side = explanation.side.upper()
    sheet.y += 26
    sheet.write("words", (MARGIN_PX, sheet.y), INK, scale=0.52)
    sheet.write("against " + side, (AXIS_PX - 14, sheet.y), AGAINST, scale=0.5, align="right")
    sheet.write("for " + side, (AXIS_PX + 14, sheet.y), FOR, scale=0.5)
    sheet.write("decision without it", (TURNED_PX, sheet.y), INK, scale=0.5)
    sheet.rule(sheet.y + 9)
    sheet.y += 9
    top, most = sheet.y, max((abs(effect.log_odds) for effect in explanation.effects), default=1.0) or 1.0
    for number, effect in enumerate(explanation.effects, 1):
        _word(sheet, effect, number, most, decided=explanation.inspection.verdict.decision)
    sheet.axis(AXIS_PX, top, sheet.y + 8)
    for number, struck in enumerate(explanation.description.struck, 1):
        sheet.y += ROW_PX
        sheet.write("struck", (MARGIN_PX, sheet.y), GREY, scale=0.42)
        end = sheet.write(f"{struck.where}: {_plain(struck.text, number, 'phrase')}"[:WRAP], (MARGIN_PX + 80, sheet.y), GREY, scale=0.5)
        sheet.line((MARGIN_PX + 78, sheet.y - 5), (end + 2, sheet.y - 5), GREY)


def _word(sheet: _Sheet, effect: Effect, number: int, most: float, *, decided: Decision) -> None:
    share = effect.log_odds / most
    tone = GREY if effect.is_noise else FOR if share > 0 else AGAINST
    colour = _mixed(tone, INK, abs(share) ** 0.5)
    sheet.y += ROW_PX
    middle = sheet.y + (len(_wrapped(effect.word)) - 1) * ROW_PX // 2
    sheet.write("  of it" if effect.kind == "phrase" else effect.kind, (MARGIN_PX, sheet.y), GREY, scale=0.42)
    if effect.decision_without is not decided:
        sheet.write(effect.decision_without.value, (TURNED_PX, middle), COLOURS[effect.decision_without], scale=0.5)
    length = round(abs(share) * REACH_PX)
    if length:
        sheet.bar((AXIS_PX if share > 0 else AXIS_PX - length, middle), length, tone)
    note = f"{effect.log_odds:+.2f}".replace("-0.00", "0.00").replace("+0.00", "0.00")
    if share > 0:
        sheet.write(note, (AXIS_PX + length + 8, middle), INK, scale=0.46)
    else:
        sheet.write(note, (AXIS_PX - length - 8, middle), INK, scale=0.46, align="right")
    for i, line in enumerate(_wrapped(_plain(effect.word, number, "word"))):
        sheet.y += ROW_PX if i else 0
        sheet.write(line, (MARGIN_PX + 80, sheet.y), colour, scale=0.5)


def _foot(sheet: _Sheet, explanation: Explanation) -> None:
    digests = digests_of(explanation)
    said = "   ".join(f"{what} {(digest or 'none').removeprefix('sha256:')[:12]}" for what, digest in digests.items())
    numbers = f"numbers beside the words: what saying them adds to the log-odds of {explanation.side.upper()}; grey: no more than rounding"
    method = f"judged by {explanation.scores.method}; {numbers}"
    sheet.y += 30
    sheet.rule(sheet.y - 14)
    for line in (method, f"id {explanation.inspection.id}   {said}"):
        sheet.y += 18
        sheet.write(line, (MARGIN_PX, sheet.y - 12), GREY, scale=0.4)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WRAP) or [""]


def _plain(text: str, number: int, what: str) -> str:
    return text if text.isascii() else f"{what} {number}"


def _mixed(colour: Colour, other: Colour, share: float) -> Colour:
    first, second, third = (round(share * a + (1 - share) * b) for a, b in zip(colour, other, strict=True))
    return first, second, third


class _Sheet:
    """White paper; places are (x, y) in pixels of the finished picture, of a text its left end on the base line."""

    def __init__(self, height_px: int) -> None:
        self.y = 0
        self._paper = np.full((height_px * FINE, WIDTH_PX * FINE, 3), PAPER, np.uint8)

    def write(self, text: str, place: tuple[int, int], colour: Colour, *, scale: float, weight: int = 1, align: str = "left") -> int:
        """Write one line; returns where it ends (x)."""
        plain = text.encode("ascii", "replace").decode()
        font, size, thick = cv2.FONT_HERSHEY_SIMPLEX, scale * FINE, weight * FINE
        width = cv2.getTextSize(plain, font, size, thick)[0][0] // FINE
        left = place[0] - width if align == "right" else place[0]
        cv2.putText(self._paper, plain, (left * FINE, place[1] * FINE), font, size, colour, thick, cv2.LINE_AA)
        return left + width

    def bar(self, place: tuple[int, int], length: int, colour: Colour) -> None:
        """A bar that begins at `place`, as high as the capitals of a line."""
        corner = (place[0] * FINE, (place[1] - BAR_PX + 3) * FINE)
        cv2.rectangle(self._paper, corner, ((place[0] + length) * FINE, (place[1] + 3) * FINE), colour, cv2.FILLED)

    def rule(self, y: int) -> None:
        """A thin line over the whole width."""
        self.line((MARGIN_PX, y), (WIDTH_PX - MARGIN_PX, y), RULE)

    def axis(self, x: int, top: int, bottom: int) -> None:
        """The line from which bars go to both sides."""
        self.line((x, top), (x, bottom), GREY)

    def line(self, start: tuple[int, int], end: tuple[int, int], colour: Colour) -> None:
        """A line one pixel thick."""
        cv2.line(self._paper, (start[0] * FINE, start[1] * FINE), (end[0] * FINE, end[1] * FINE), colour, FINE)

    def picture(self, pixels: Pixels, corner: tuple[int, int], colour: Colour) -> None:
        """A picture with a frame, as large as fits into a square."""
        scale = SIDE_PX * FINE / max(pixels.shape[:2])
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        shrunk = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        left, top = corner[0] * FINE, corner[1] * FINE
        self._paper[top : top + size[1], left : left + size[0]] = shrunk
        cv2.rectangle(self._paper, (left, top), (left + size[0], top + size[1]), colour, 3 * FINE)

    def finished(self) -> Pixels:
        """The sheet, uint8 (H, W, 3) BGR, cut below what was written."""
        whole = cv2.resize(self._paper, (WIDTH_PX, self._paper.shape[0] // FINE), interpolation=cv2.INTER_AREA)
        return np.asarray(whole[: self.y + 10], np.uint8)
