"""An explanation as one picture: what the camera saw, how likely each label is, and which words moved the verdict.

OpenCV's fonts have ASCII characters only: a label or word in another script is drawn as its number in the text output.
"""

from __future__ import annotations

import hashlib
import textwrap
from pathlib import Path

import cv2
import numpy as np

from edge.drawing.sheet import DECISION_COLOURS, GREY, INK, MAX_BYTES, MAX_PIXELS, PAPER, Colour, Sheet
from edge.errors import HistoryError
from edge.picture.decode import read_picture
from edge.records import Inspection, Pixels
from edge.review.explain import Effect, Explanation
from edge.review.explain_text import digests_of
from edge.texts.reasons import REASONS
from firmware_config.station import Station

WIDTH_PX = 1120
MARGIN_PX = 24
SIDE_PX = 300
ROW_PX = 24
BAR_PX = 15
FOOT_PX = 70
LABEL_PX = 180
"""Room for the name of a label."""
LABEL_CHARACTERS = 20
WORD_PX = MARGIN_PX + 80
"""x of a word, to the right of its kind."""

AXIS_PX = 710
"""x of the axis of the effects: bars to its right are for the verdict, bars to its left against it."""
REACH_PX = 140
"""Length of the longest bar."""
TURNED_PX = 940
"""x of the decision without a word, which is drawn where it differs."""
WRAP = 52
"""Characters of a caption in one line."""
OVERSAMPLING = 2

FOR, AGAINST, RULE = (40, 105, 205), (170, 110, 40), (215, 215, 215)
"""BGR. Orange and blue are different colours also to people who confuse red and green."""


def evidence_of(inspection: Inspection, path: Path, *, station: Station) -> Pixels:
    """The picture behind an inspection, uint8 (H, W, 3) BGR, read as its station says.

    Raises:
        PictureError: the file is not a picture.
        HistoryError: it is not the picture that was judged.
    """
    pixels = read_picture(path, max_pixels=MAX_PIXELS, max_bytes=MAX_BYTES, picture=station.picture)
    digest = hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()
    if digest != inspection.evidence_sha256:
        digests = f"its pixels have sha256 {digest}, stored is {inspection.evidence_sha256}"
        msg = f"picture {path} is not the one of inspection {inspection.id} ({digests}): give the picture that was judged"
        raise HistoryError(msg)
    return pixels


def write_explanation(path: Path, explanation: Explanation, *, pixels: Pixels | None = None) -> None:
    """Write a PNG; `pixels`, uint8 (H, W, 3) BGR, is the picture that was judged.

    Raises:
        HistoryError: the PNG cannot be written.
    """
    drawing = _Drawing(explanation)
    drawing.head()
    top = drawing.y
    if pixels is not None:
        drawing.picture(pixels)
    drawing.labels(left=MARGIN_PX if pixels is None else MARGIN_PX + SIDE_PX + 30)
    drawing.y = max(drawing.y, top if pixels is None else top + SIDE_PX + 20)
    drawing.words()
    drawing.foot()
    encoded, raw = cv2.imencode(".png", drawing.finished(), [cv2.IMWRITE_PNG_COMPRESSION, 9])
    try:
        path.write_bytes(raw.tobytes() if encoded else b"")
    except OSError as err:
        msg = f"the picture of inspection {explanation.inspection.id} cannot be written to {path} ({err.strerror}): give another path"
        raise HistoryError(msg) from err


def _height(explanation: Explanation) -> int:
    rows = sum(len(_wrapped(effect.word)) for effect in explanation.effects) + len(explanation.description.struck)
    reasons = len(explanation.inspection.verdict.reasons)
    return 100 + reasons * ROW_PX + max(SIDE_PX + 20, len(explanation.scores.labels) * ROW_PX + 60) + (rows + 3) * ROW_PX + FOOT_PX


class _Drawing:
    """The parts of the picture, drawn from top to bottom; `y` is how far down it is drawn."""

    def __init__(self, explanation: Explanation) -> None:
        self.y = 0
        self._explanation = explanation
        self._verdict = explanation.inspection.verdict
        self._colour = DECISION_COLOURS[self._verdict.decision]
        self._sheet = Sheet(WIDTH_PX, _height(explanation), oversampling=OVERSAMPLING)

    def head(self) -> None:
        """Decision, label and confidence; station, source and time; reasons."""
        inspection, verdict = self._explanation.inspection, self._verdict
        confidence = "" if verdict.confidence is None else f"  {verdict.confidence:.2f}"
        number = self._explanation.scores.labels.index(verdict.label or "") + 1
        label = _ascii(verdict.label or "", number, "label")
        self._sheet.write(f"{verdict.decision.value}  {label}{confidence}", (MARGIN_PX, 46), self._colour, scale=1.0, weight=2)
        captured = inspection.captured_at.isoformat(" ", timespec="seconds").replace("+00:00", " UTC")
        self._sheet.write(f"{inspection.station}   {inspection.source}   {captured}", (MARGIN_PX, 74), GREY, scale=0.5)
        self.y = 90
        for reason in verdict.reasons:
            self.y += ROW_PX
            self._sheet.write(f"{reason.value}: {REASONS[reason]['en']}", (MARGIN_PX, self.y - 8), self._colour, scale=0.5)
        self.y += 6

    def picture(self, pixels: Pixels) -> None:
        """The judged picture in a square; `y` stays, for the labels are drawn beside it."""
        scale = SIDE_PX * OVERSAMPLING / max(pixels.shape[:2])
        size = (max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale)))
        resized = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        self._sheet.picture(np.asarray(resized, np.uint8), (MARGIN_PX, self.y), self._colour, frame_px=3)

    def labels(self, *, left: int) -> None:
        """Bars of the labels' probabilities, the likeliest first."""
        scores, sheet = self._explanation.scores, self._sheet
        calibrated = "calibrated" if scores.calibrated else "not calibrated"
        self.y += 20
        sheet.write(f"probability of each label ({calibrated})", (left, self.y), INK, scale=0.52)
        self.y += 8
        faint = _mixed(self._colour, (PAPER, PAPER, PAPER), 0.45)
        reach = WIDTH_PX - MARGIN_PX - 60 - left - LABEL_PX
        rows = sorted(enumerate(zip(scores.probabilities, scores.labels, strict=True), 1), key=lambda row: -row[1][0])
        for number, (probability, name) in rows:
            self.y += ROW_PX
            chosen = name == self._verdict.label
            colour = self._colour if chosen else faint if name in self._explanation.labels else GREY
            sheet.write(_ascii(name, number, "label")[:LABEL_CHARACTERS], (left, self.y), INK if chosen else GREY, scale=0.5)
            self._bar(left + LABEL_PX, self.y, max(1, round(probability * reach)), colour)
            sheet.write(f"{probability:.3f}", (left + LABEL_PX + round(probability * reach) + 8, self.y), INK, scale=0.46)
        self.y += ROW_PX + 8
        together = f"{self._explanation.side.upper()}, all its labels together"
        sheet.write(f"{together}: {self._explanation.probability:.3f}", (left, self.y), self._colour, scale=0.52)

    def words(self) -> None:
        """A row for each word with a bar of its effect, then what was struck."""
        side, effects, sheet = self._explanation.side.upper(), self._explanation.effects, self._sheet
        self.y += 26
        sheet.write("words", (MARGIN_PX, self.y), INK, scale=0.52)
        sheet.write("against " + side, (AXIS_PX - 14, self.y), AGAINST, scale=0.5, align="right")
        sheet.write("for " + side, (AXIS_PX + 14, self.y), FOR, scale=0.5)
        sheet.write("decision without it", (TURNED_PX, self.y), INK, scale=0.5)
        self.y += 9
        self._rule(self.y)
        top, largest = self.y, max((abs(effect.log_odds) for effect in effects), default=1.0) or 1.0
        for number, effect in enumerate(effects, 1):
            self._word(effect, number, largest)
        sheet.line((AXIS_PX, top), (AXIS_PX, self.y + 8), GREY)
        for number, struck in enumerate(self._explanation.description.struck, 1):
            self.y += ROW_PX
            sheet.write("struck", (MARGIN_PX, self.y), GREY, scale=0.42)
            text = f"{struck.where}: {_ascii(struck.text, number, 'phrase')}"[:WRAP]
            end = sheet.write(text, (WORD_PX, self.y), GREY, scale=0.5)
            sheet.line((WORD_PX - 2, self.y - 5), (end + 2, self.y - 5), GREY)

    def foot(self) -> None:
        """The method, what the numbers mean, and the digests of what made the verdict."""
        names = digests_of(self._explanation)
        digests = "   ".join(f"{name} {(digest or 'none').removeprefix('sha256:')[:12]}" for name, digest in names.items())
        side = self._explanation.side.upper()
        numbers = f"numbers beside the words: what saying them adds to the log-odds of {side}; grey: no more than rounding"
        self.y += 30
        self._rule(self.y - 14)
        for line in (f"judged by {self._explanation.scores.method}; {numbers}", f"id {self._explanation.inspection.id}   {digests}"):
            self.y += 18
            self._sheet.write(line, (MARGIN_PX, self.y - 12), GREY, scale=0.4)

    def finished(self) -> Pixels:
        """The picture, uint8 (H, W, 3) BGR."""
        return self._sheet.finished(height_px=self.y + 10)

    def _word(self, effect: Effect, number: int, largest: float) -> None:
        share, sheet = effect.log_odds / largest, self._sheet
        tone = GREY if effect.is_noise else FOR if share > 0 else AGAINST
        self.y += ROW_PX
        middle = self.y + (len(_wrapped(effect.word)) - 1) * ROW_PX // 2
        sheet.write("  of it" if effect.kind == "phrase" else effect.kind, (MARGIN_PX, self.y), GREY, scale=0.42)
        if effect.decision_without is not self._verdict.decision:
            sheet.write(effect.decision_without.value, (TURNED_PX, middle), DECISION_COLOURS[effect.decision_without], scale=0.5)
        length = round(abs(share) * REACH_PX)
        if length:
            self._bar(AXIS_PX if share > 0 else AXIS_PX - length, middle, length, tone)
        number_text = f"{effect.log_odds:+.2f}".replace("-0.00", "0.00").replace("+0.00", "0.00")
        if share > 0:
            sheet.write(number_text, (AXIS_PX + length + 8, middle), INK, scale=0.46)
        else:
            sheet.write(number_text, (AXIS_PX - length - 8, middle), INK, scale=0.46, align="right")
        colour = _mixed(tone, INK, abs(share) ** 0.5)
        for i, line in enumerate(_wrapped(_ascii(effect.word, number, "word"))):
            self.y += ROW_PX if i else 0
            sheet.write(line, (WORD_PX, self.y), colour, scale=0.5)

    def _bar(self, x: int, y: int, length: int, colour: Colour) -> None:
        """A bar from `x` to the right, as high as the capitals of the line at `y`."""
        self._sheet.fill((x, y + 3 - BAR_PX), (x + length, y + 3), colour)

    def _rule(self, y: int) -> None:
        self._sheet.line((MARGIN_PX, y), (WIDTH_PX - MARGIN_PX, y), RULE)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WRAP) or [""]


def _ascii(text: str, number: int, what: str) -> str:
    """The text, or its number where it has other characters."""
    return text if text.isascii() else f"{what} {number}"


def _mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """`share` (0..1) of the first colour, the rest of the other."""
    first, second, third = (round(share * a + (1 - share) * b) for a, b in zip(colour, other, strict=True))
    return first, second, third
