"""Printed text on pictures, as a sticker, a pen or a laser leaves it on a part, in random fonts, sizes, positions, angles and inks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from edge.records import Pixels

FONTS = Path(mpl.get_data_path()) / "fonts" / "ttf"
OPENCV_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)
OPENCV_SHARE = 0.25
TUNING_FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "DejaVuSans-Oblique.ttf", "cmss10.ttf", "cmtt10.ttf")
"""Fonts on which the detector of printed text was fitted and chosen."""
FINAL_FONTS = (
    "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf", "STIXGeneral.ttf", "STIXGeneralBol.ttf", "STIXGeneralItalic.ttf", "cmb10.ttf", *OPENCV_FONTS,
)  # fmt: skip
"""Fonts on which the detector is measured, among them those of OpenCV."""

STROKES = "strokes"
"""A font of ours for the characters of KANJI: no package here has a Japanese font."""
KANJI: Mapping[str, tuple[tuple[tuple[int, int], ...], ...]] = {
    "合": (
        ((50, 4), (28, 26), (4, 42)), ((50, 4), (72, 26), (96, 42)), ((30, 46), (70, 46)), ((24, 96), (24, 62), (76, 62), (76, 96)),
        ((24, 92), (76, 92)),
    ),
    "格": (
        ((4, 28), (42, 28)), ((23, 4), (23, 98)), ((23, 30), (4, 66)), ((23, 34), (40, 54)), ((62, 4), (44, 34)),
        ((58, 16), (86, 16), (66, 40), (42, 56)), ((54, 26), (74, 44), (97, 54)), ((54, 98), (54, 62), (86, 62), (86, 98)),
        ((54, 93), (86, 93)),
    ),
    "良": (
        ((50, 2), (52, 12)), ((24, 14), (76, 14), (76, 50), (24, 50)), ((24, 32), (76, 32)), ((24, 14), (24, 94), (48, 80)),
        ((46, 52), (66, 80), (96, 96)), ((84, 56), (62, 72)),
    ),
    "品": (
        ((28, 6), (72, 6), (72, 42), (28, 42), (28, 6)), ((6, 56), (44, 56), (44, 94), (6, 94), (6, 56)),
        ((56, 56), (94, 56), (94, 94), (56, 94), (56, 56)),
    ),
}  # fmt: skip
"""Strokes of characters: points of lines, x and y in hundredths of the height."""
STROKE_SHARE, KANJI_GAP = 0.07, 0.12
"""Width of a stroke and gap between characters, as shares of the height."""

MASK_MARGIN_PX = 4
REPEAT_GAP = 0.8
"""Space after and below a text that is repeated, as a share of the height of its capitals."""


@dataclass(frozen=True, slots=True)
class PrintStyle:
    """How a text is printed.

    `font` is a file name, the number of a font of OpenCV, or STROKES. Capitals are `height_px` high. The text is turned by `angle` degrees
    and is at `position`, x and y as 0..1 of the free space. Its ink is darker (-) or brighter (+) than the median under it by `contrast`
    grey levels. It is blurred with a deviation of `blur_px`.
    """

    font: str | int
    height_px: int
    angle: float = 0.0
    position: tuple[float, float] = (0.5, 0.5)
    contrast: int = 120
    blur_px: float = 0.0


def random_style(
    rng: np.random.Generator, *, fonts: Sequence[str | int], heights_px: tuple[int, int], contrasts: tuple[int, int]
) -> PrintStyle:
    """Draw a style; a quarter uses a font of OpenCV if `fonts` has one, and heights are uniform on a log scale."""
    numbers, files = [font for font in fonts if isinstance(font, int)], [font for font in fonts if isinstance(font, str)]
    by_opencv = bool(numbers) and rng.random() < OPENCV_SHARE
    low, high = np.log(heights_px)
    upright = rng.random()
    return PrintStyle(
        font=int(rng.choice(numbers)) if by_opencv else str(rng.choice(files)),
        height_px=round(float(np.exp(rng.uniform(low, high)))),
        angle=0.0
        if upright < 0.4
        else float(rng.normal(0, 8))
        if upright < 0.8
        else float(rng.choice([90, 180, 270, rng.uniform(0, 360)])),
        position=(float(rng.random()), float(rng.random())),
        contrast=int(rng.integers(contrasts[0], contrasts[1] + 1)) * int(rng.choice([-1, 1])),
        blur_px=0.0 if rng.random() < 0.5 else float(rng.uniform(0.3, 0.8)),
    )


def print_text(pixels: Pixels, text: str, style: PrintStyle) -> tuple[Pixels, NDArray[np.bool_]]:
    """Print a text on a picture, uint8 (H, W, 3) BGR; returns the new picture and which pixels the ink covers, bool (H, W).

    A text that is too long for the picture is printed smaller. If grey levels do not suffice for a brighter (darker) ink, the ink is darker
    (brighter) instead.
    """
    height, width = pixels.shape[:2]
    mask = _printed_mask(text, style, (height, width))
    left, top = (round(share * (room - size)) for share, room, size in zip(style.position, (width, height), mask.shape[::-1], strict=True))
    window = np.s_[top : top + mask.shape[0], left : left + mask.shape[1]]
    out, covered = pixels.copy(), np.zeros((height, width), bool)
    out[window], covered[window] = _inked(pixels[window], mask, style.contrast)
    return out, covered


def repeat_text(pixels: Pixels, text: str, style: PrintStyle) -> tuple[Pixels, NDArray[np.bool_]]:
    """Print a text again and again over a whole picture, with gaps of REPEAT_GAP; shapes and results are those of `print_text`."""
    height, width = pixels.shape[:2]
    gap = round(REPEAT_GAP * style.height_px)
    mask = np.pad(_printed_mask(text, style, (height, width)), ((0, gap), (0, gap)))
    down, right = (round(share * size) for share, size in zip(style.position[::-1], mask.shape, strict=True))
    tiled = np.tile(mask, (height // mask.shape[0] + 2, width // mask.shape[1] + 2))
    return _inked(pixels, tiled[down : down + height, right : right + width], style.contrast)


def _printed_mask(text: str, style: PrintStyle, room: tuple[int, int]) -> NDArray[np.float32]:
    """The share of ink in each pixel, float32 (h, w), 0..1, of a text turned and blurred, made smaller if it needs more than `room`."""
    mask = _turned(_mask(text, style.font, style.height_px), style.angle)
    shrink = min(1.0, (room[0] - 2) / mask.shape[0], (room[1] - 2) / mask.shape[1])
    if shrink < 1:
        mask = np.asarray(cv2.resize(mask, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), style.blur_px)) if style.blur_px else mask


def _inked(pixels: Pixels, mask: NDArray[np.float32], contrast: int) -> tuple[Pixels, NDArray[np.bool_]]:
    under = pixels.astype(np.float32)
    ground = float(np.median(under))
    ink = ground + contrast
    if not 0 <= ink <= 255:
        ink = float(np.clip(ground - contrast, 0, 255))
    return np.round(under + mask[:, :, None] * (ink - under)).astype(np.uint8), mask > 0.5


def _mask(text: str, font: str | int, height_px: int) -> NDArray[np.float32]:
    """The share of ink in each pixel, float32 (h, w), 0..1, with capitals of `height_px`."""
    if isinstance(font, int):
        scale = cv2.getFontScaleFromHeight(font, height_px)
        weight = max(1, round(height_px / 12))
        (wide, high), below = cv2.getTextSize(text, font, scale, weight)
        room = weight + MASK_MARGIN_PX
        canvas = np.zeros((high + below + 2 * room, wide + 2 * room), np.uint8)
        cv2.putText(canvas, text, (room, high + room), font, scale, 255, weight, cv2.LINE_AA)
        return np.asarray(canvas, np.float32) / np.float32(255)
    if font == STROKES:
        return _stroked(text, height_px)
    path = Path(font) if Path(font).is_absolute() else FONTS / font
    em = ImageFont.truetype(str(path), 200)
    box = em.getbbox("H")
    chosen = ImageFont.truetype(str(path), max(4, round(200 * height_px / (box[3] - box[1]))))
    left, top, right, bottom = map(int, chosen.getbbox(text))
    image = Image.new("L", (right - left + 2 * MASK_MARGIN_PX, bottom - top + 2 * MASK_MARGIN_PX))
    ImageDraw.Draw(image).text((MASK_MARGIN_PX - left, MASK_MARGIN_PX - top), text, fill=255, font=chosen)
    return np.asarray(image, np.float32) / np.float32(255)


def _stroked(text: str, height_px: int) -> NDArray[np.float32]:
    step, shift = height_px * (1 + KANJI_GAP), 4
    weight = max(1, round(STROKE_SHARE * height_px))
    canvas = np.zeros((height_px + 2 * MASK_MARGIN_PX, round(step * len(text)) + 2 * MASK_MARGIN_PX), np.uint8)
    for number, character in enumerate(text):
        for line in KANJI[character]:
            points = np.array(line) / 100 * height_px + (MASK_MARGIN_PX + number * step, MASK_MARGIN_PX)
            cv2.polylines(canvas, [np.round(points * 2**shift).astype(np.int32)], False, 255, weight, cv2.LINE_AA, shift)  # noqa: FBT003
    return np.asarray(canvas, np.float32) / np.float32(255)


def _turned(mask: NDArray[np.float32], angle: float) -> NDArray[np.float32]:
    if not angle:
        return mask
    height, width = mask.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    wide, high = np.ceil(np.abs(matrix[:, :2]) @ (width, height)).astype(int) + 1
    matrix[:, 2] += (wide / 2 - width / 2, high / 2 - height / 2)
    return np.asarray(cv2.warpAffine(mask, matrix, (int(wide), int(high)), flags=cv2.INTER_LINEAR))
