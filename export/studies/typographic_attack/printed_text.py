"""Print on pictures, drawn by seed: fonts, sizes, places, angles, inks. What a sticker, a pen or a laser leaves on a part."""

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
OPENCV = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)
OPENCV_SHARE = 0.25
TUNING_FONTS = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf", "DejaVuSans-Oblique.ttf", "cmss10.ttf", "cmtt10.ttf")
"""Families on which the detector was made."""
FINAL_FONTS = (
    "DejaVuSerif.ttf", "DejaVuSerif-Bold.ttf", "STIXGeneral.ttf", "STIXGeneralBol.ttf", "STIXGeneralItalic.ttf", "cmb10.ttf", *OPENCV,
)  # fmt: skip
"""Families on which it is measured, the letters of OpenCV among them."""

MASK_MARGIN_PX = 4


@dataclass(frozen=True, slots=True)
class Lettering:
    """How a text is printed.

    `font` is a file or the number of a font of OpenCV; capitals are `height_px` high, turned by `angle` degrees, centred on `at` (x, y of
    0..1 of what room there is), darker (-) or brighter (+) than what lies under them by `contrast` grey levels, blurred by `blur_px`.
    """

    font: str | int
    height_px: int
    angle: float = 0.0
    at: tuple[float, float] = (0.5, 0.5)
    contrast: int = 120
    blur_px: float = 0.0


def draw_lettering(
    rng: np.random.Generator, *, fonts: Sequence[str | int], heights_px: tuple[int, int], contrasts: tuple[int, int]
) -> Lettering:
    """One lettering of the fonts, a quarter in letters of OpenCV if there are some; heights are drawn evenly on a log scale."""
    numbers, files = [font for font in fonts if isinstance(font, int)], [font for font in fonts if isinstance(font, str)]
    by_opencv = bool(numbers) and rng.random() < OPENCV_SHARE
    low, high = np.log(heights_px)
    upright = rng.random()
    return Lettering(
        font=int(rng.choice(numbers)) if by_opencv else str(rng.choice(files)),
        height_px=round(float(np.exp(rng.uniform(low, high)))),
        angle=0.0
        if upright < 0.4
        else float(rng.normal(0, 8))
        if upright < 0.8
        else float(rng.choice([90, 180, 270, rng.uniform(0, 360)])),
        at=(float(rng.random()), float(rng.random())),
        contrast=int(rng.integers(contrasts[0], contrasts[1] + 1)) * int(rng.choice([-1, 1])),
        blur_px=0.0 if rng.random() < 0.5 else float(rng.uniform(0.3, 0.8)),
    )


def print_text(pixels: Pixels, text: str, lettering: Lettering) -> tuple[Pixels, NDArray[np.bool_]]:
    """Print on a picture, uint8 (H, W, 3) BGR; returns the new picture and what the ink covers, bool (H, W).

    A text that is too long for the picture is printed smaller. An ink that cannot be brighter (darker) than what lies under it by its
    contrast is darker (brighter) instead.
    """
    height, width = pixels.shape[:2]
    mask = _turned(_mask(text, lettering.font, lettering.height_px), lettering.angle)
    shrink = min(1.0, (height - 2) / mask.shape[0], (width - 2) / mask.shape[1])
    if shrink < 1:
        mask = np.asarray(cv2.resize(mask, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA))
    if lettering.blur_px:
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), lettering.blur_px))
    left, top = (round(share * (room - size)) for share, room, size in zip(lettering.at, (width, height), mask.shape[::-1], strict=True))
    window = np.s_[top : top + mask.shape[0], left : left + mask.shape[1]]
    under = pixels[window].astype(np.float32)
    ground = float(np.median(under))
    ink = ground + lettering.contrast
    if not 0 <= ink <= 255:
        ink = float(np.clip(ground - lettering.contrast, 0, 255))
    out, covered = pixels.copy(), np.zeros((height, width), bool)
    out[window] = np.round(under + mask[:, :, None] * (ink - under))
    covered[window] = mask > 0.5
    return out, covered


def _mask(text: str, font: str | int, height_px: int) -> NDArray[np.float32]:
    """How much ink lies where, 0..1, with capitals of the given height."""
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
