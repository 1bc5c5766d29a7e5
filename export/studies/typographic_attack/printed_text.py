"""Printed text on pictures, as a sticker, a pen or a laser leaves it on a part, in random fonts, sizes, positions, angles and inks."""

from __future__ import annotations

from collections.abc import Sequence
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

MASK_MARGIN_PX = 4


@dataclass(frozen=True, slots=True)
class PrintStyle:
    """How a text is printed.

    `font` is a file name or the number of a font of OpenCV. Capitals are `height_px` high. The text is turned by `angle` degrees and is at
    `position`, x and y as 0..1 of the free space. Its ink is darker (-) or brighter (+) than the median under it by `contrast` grey levels.
    It is blurred with a deviation of `blur_px`.
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
    mask = _turned(_mask(text, style.font, style.height_px), style.angle)
    shrink = min(1.0, (height - 2) / mask.shape[0], (width - 2) / mask.shape[1])
    if shrink < 1:
        mask = np.asarray(cv2.resize(mask, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
    if style.blur_px:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), style.blur_px))
    left, top = (round(share * (room - size)) for share, room, size in zip(style.position, (width, height), mask.shape[::-1], strict=True))
    window = np.s_[top : top + mask.shape[0], left : left + mask.shape[1]]
    under = pixels[window].astype(np.float32)
    ground = float(np.median(under))
    ink = ground + style.contrast
    if not 0 <= ink <= 255:
        ink = float(np.clip(ground - style.contrast, 0, 255))
    out, covered = pixels.copy(), np.zeros((height, width), bool)
    out[window] = np.round(under + mask[:, :, None] * (ink - under))
    covered[window] = mask > 0.5
    return out, covered


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
    path = Path(font) if Path(font).is_absolute() else FONTS / font
    em = ImageFont.truetype(str(path), 200)
    box = em.getbbox("H")
    chosen = ImageFont.truetype(str(path), max(4, round(200 * height_px / (box[3] - box[1]))))
    left, top, right, bottom = map(int, chosen.getbbox(text))
    image = Image.new("L", (right - left + 2 * MASK_MARGIN_PX, bottom - top + 2 * MASK_MARGIN_PX))
    ImageDraw.Draw(image).text((MASK_MARGIN_PX - left, MASK_MARGIN_PX - top), text, fill=255, font=chosen)
    return np.asarray(image, np.float32) / np.float32(255)


def _turned(mask: NDArray[np.float32], angle: float) -> NDArray[np.float32]:
    if not angle:
        return mask
    height, width = mask.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
    wide, high = np.ceil(np.abs(matrix[:, :2]) @ (width, height)).astype(int) + 1
    matrix[:, 2] += (wide / 2 - width / 2, high / 2 - height / 2)
    return np.asarray(cv2.warpAffine(mask, matrix, (int(wide), int(high)), flags=cv2.INTER_LINEAR))
