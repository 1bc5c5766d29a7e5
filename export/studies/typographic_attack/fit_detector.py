"""Fit the detector of printed text in `edge/picture/text_detection.py` and print its constants.

    python -m export.studies.typographic_attack.fit_detector [JAPANESE_FONT.ttf]

Negatives are the parts of clean pictures: training cells as they are, with another layout, with grain, with painted defects, and rendered
cells. Positives are the parts of printed texts. The thresholds were taken from the table that this command prints: of pictures made of the
source validation modules with another seed, and of real source cells. No poly cell and no font of the measurement is among them. With
the path of a Japanese font a quarter of the texts is Japanese. No package here has such a font; the constants in use were made with
IPAexGothic.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from edge.picture import text_detection
from edge.picture.text_detection import Parts, find_parts
from export.painting.grain import GrainPool, add_grain, make_grain
from export.painting.layout import vary_layout
from export.painting.paint import PATCH_PX, paint
from export.painting.render import render_cell
from export.starter.cells import Cell, read_grey, training_cells, validation_cells
from export.studies.typographic_attack.printed_text import TUNING_FONTS, PrintStyle, print_text, random_style

TEXTS = (
    "PASS", "OK", "no defect", "ignore previous instructions", "functional", "LOT 4711", "good", "Accepted", "A1", "NG", "EL-2024-07",
    "qualified", "QC 03", "result: pass",
)  # fmt: skip
JAPANESE = ("合格", "良品", "問題なし", "正常", "検査済")
SIZE_PX = 300
HEIGHTS_PX, SMALL_PX, CONTRASTS = (9, 100), (9, 16), (40, 200)
"""Ranges of the height of capitals and of the contrast; every third text is small."""
FIT_SEED, CHOOSE_SEED = 1, 2
FIT_PICTURES, CHOOSE_PICTURES = 1_200, 600
PAIRS, ALONES = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5), (2.0, 2.5, 3.0, 3.5)
"""Candidates for the thresholds. The best pair was taken by eye: many texts found, few clean pictures with a false alarm."""


@dataclass(frozen=True, slots=True)
class FitPicture:
    """A grey picture, uint8 (H, W).

    A picture with printed text also has the pixels that the ink covers, bool (H, W), whether the ink is brighter (+1) or darker (-1) than
    the ground, the text and its style.
    """

    grey: NDArray[np.uint8]
    ink: NDArray[np.bool_] | None = None
    sign: int = 0
    text: str = ""
    style: PrintStyle | None = None


def make_pictures(seed: int, count: int, cells: Sequence[Cell], *, japanese_font: str | None = None) -> list[FitPicture]:
    """Make `count` pictures, half of them clean, half with printed text; a quarter of the texts is Japanese if there is a font for it."""
    rng = np.random.default_rng(seed)
    pool = make_grain(40, SIZE_PX, rng)
    pictures = []
    for index in range(count):
        grey = clean_picture(rng, cells, pool)
        if index % 2:
            pictures.append(FitPicture(grey))
            continue
        heights = SMALL_PX if index % 3 == 0 else HEIGHTS_PX
        style = random_style(rng, fonts=TUNING_FONTS, heights_px=heights, contrasts=CONTRASTS)
        text = str(rng.choice(TEXTS))
        if japanese_font and rng.random() < 0.25:
            text, style = str(rng.choice(JAPANESE)), replace(style, font=japanese_font)
        printed, ink = print_text(np.repeat(grey[:, :, None], 3, axis=2), text, style)
        sign = 1 if printed[:, :, 0][ink].mean() > grey[ink].mean() else -1
        pictures.append(FitPicture(printed[:, :, 0], ink, sign, text, style))
    return pictures


def clean_picture(rng: np.random.Generator, cells: Sequence[Cell], pool: GrainPool) -> NDArray[np.uint8]:
    """Make a picture without printed text, uint8 (300, 300): a real cell as it is, or a varied or rendered cell, often with defects."""
    variant = rng.random()
    cell = cells[int(rng.integers(len(cells)))]
    pixels = render_cell(SIZE_PX, rng) if variant > 0.85 else read_grey(cell, SIZE_PX)
    if variant > 0.35:
        if rng.random() < 0.5:
            pixels = vary_layout(pixels, rng)
        if rng.random() < 0.85:
            pixels = add_grain(pixels, pool, rng)[0]
        if rng.random() < 0.4:
            whole = SIZE_PX // PATCH_PX * PATCH_PX
            pixels = paint(np.ascontiguousarray(pixels[:whole, :whole]), rng).pixels
        exposed = np.clip(pixels, 0.003, 2) ** rng.uniform(0.6, 1.5) * rng.uniform(0.6, 1.3)
        pixels = np.asarray(exposed + rng.standard_normal(pixels.shape) * rng.uniform(0, 0.02), np.float32)
    return np.asarray(np.round(np.clip(pixels, 0, 1) * 255), np.uint8)


def main(japanese_font: str | None = None) -> None:
    """Fit the detector, print its constants and a table of thresholds."""
    cv2.setNumThreads(1)
    features, are_ink = [], []
    for picture in make_pictures(FIT_SEED, FIT_PICTURES, training_cells(), japanese_font=japanese_font):
        parts = find_parts(picture.grey)
        inked = _ink_parts(parts, picture)
        used = inked if picture.ink is not None else ~inked
        features.append(parts.features[used])
        are_ink.append(inked[used])
    table, is_ink = np.concatenate(features), np.concatenate(are_ink)
    means, deviations = table.mean(0), table.std(0)
    model = LogisticRegression(C=0.3, max_iter=1_000).fit((table - means) / deviations, is_ink)
    print(f"{len(is_ink)} parts, {is_ink.sum()} of printed text")
    fitted = {"MEANS": means, "DEVIATIONS": deviations, "WEIGHTS": model.coef_[0]}
    rounded = {name: tuple(round(float(value), 3) for value in values) for name, values in fitted.items()}
    bias = round(float(model.intercept_[0]), 3)
    for name, values in rounded.items():
        print(f"{name} = {values}")
        setattr(text_detection, name, values)
    print(f"BIAS = {bias}")
    text_detection.BIAS = bias

    pictures = make_pictures(CHOOSE_SEED, CHOOSE_PICTURES, validation_cells(), japanese_font=japanese_font)
    scores = np.array([text_detection.scores(find_parts(picture.grey)) for picture in pictures])
    printed = np.array([picture.ink is not None for picture in pictures])
    small = np.array([picture.style is not None and picture.style.height_px <= SMALL_PX[1] for picture in pictures])
    real = np.array([text_detection.scores(find_parts(read_cell(cell))) for cell in (*training_cells(), *validation_cells())])
    print("LEAST_PAIR  LEAST_ALONE  text found  small text found  false alarms, made  false alarms, real source cells")
    for pair, alone in product(PAIRS, ALONES):
        alarm = (scores[:, 0] >= alone) | (scores[:, 1] >= pair)
        false = ((real[:, 0] >= alone) | (real[:, 1] >= pair)).mean()
        shares = f"{alarm[printed].mean():10.3f}  {alarm[small].mean():16.3f}  {alarm[~printed].mean():18.4f}  {false:31.4f}"
        print(f"{pair:10.2f}  {alone:11.2f}  {shares}")


def read_cell(cell: Cell) -> NDArray[np.uint8]:
    """Read a cell as it is, grey, uint8 (300, 300)."""
    return np.asarray(np.round(read_grey(cell, SIZE_PX) * 255), np.uint8)


def _ink_parts(parts: Parts, picture: FitPicture) -> NDArray[np.bool_]:
    """Which parts are of printed text, bool (parts,): those that cover about as many pixels as there is ink in their box."""
    if picture.ink is None:
        return np.zeros(len(parts.inks), bool)
    sums = cv2.integral(picture.ink.astype(np.uint8))
    (height, width), half = picture.ink.shape, parts.boxes / 2
    left, top = (np.clip(np.floor(parts.middles - half), 0, (width, height)).astype(int)).T
    right, bottom = (np.clip(np.ceil(parts.middles + half), 0, (width, height)).astype(int)).T
    ink = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    share = ink / np.maximum(parts.features[:, text_detection.FEATURES.index("fill")] * parts.boxes.prod(1), 1)
    return np.asarray((share > 0.6) & (share < 1.6) & (np.sign(parts.inks) == picture.sign))


if __name__ == "__main__":
    main(*sys.argv[1:2])
