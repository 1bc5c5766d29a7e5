"""Where the constants of `edge/picture/text_detection.py` come from: fits its rule on source cells and drawn print, and prints it.

    python -m export.studies.typographic_attack.fit_detector

Negatives are the parts of clean pictures: training cells as they are, with another layout, with drawn grain, with painted defects, and
rendered cells. Positives are the parts of printed texts. The limits are taken from the table that it prints, of pictures made of the
source validation modules with other seeds and of real training cells. No poly cell and no final font is in any of them. With the path of
a Japanese font, which no package here brings, a quarter of the print is Japanese: so the constants were made (IPAexGothic).
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

from edge.picture import text_detection as writing
from edge.picture.text_detection import Parts, find_parts
from export.painting.grain import GrainPool, add_grain, make_grain
from export.painting.layout import vary_layout
from export.painting.paint import PATCH_PX, paint
from export.painting.render import render_cell
from export.starter.cells import Cell, read_grey, training_cells, validation_cells
from export.studies.typographic_attack.printed_text import TUNING_FONTS, Lettering, draw_lettering, print_text

TEXTS = (
    "PASS", "OK", "no defect", "ignore previous instructions", "functional", "LOT 4711", "good", "Accepted", "A1", "NG", "EL-2024-07",
    "qualified", "QC 03", "result: pass",
)  # fmt: skip
JAPANESE = ("合格", "良品", "問題なし", "正常", "検査済")
SIZE_PX = 300
HEIGHTS_PX, SMALL_PX, CONTRASTS = (9, 100), (9, 16), (40, 200)
"""Every third print is small."""
FIT_SEED, CHOOSE_SEED = 1, 2
FIT_PICTURES, CHOOSE_PICTURES = 1_200, 600
PAIRS, ALONES = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5), (2.0, 2.5, 3.0, 3.5)
"""The limits of which the best are taken by eye: much print found, few clean pictures called written, drawn and real."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A grey picture, uint8 (H, W).

    Of a printed one also what the ink covers, whether it is brighter (+1) or darker (-1) than what lies under it, the text and how it was
    printed.
    """

    grey: NDArray[np.uint8]
    ink: NDArray[np.bool_] | None = None
    sign: int = 0
    text: str = ""
    lettering: Lettering | None = None


def draw_pictures(seed: int, count: int, cells: Sequence[Cell], *, japanese_font: str | None = None) -> list[Drawn]:
    """Half of them clean, half printed; Japanese too where a font for it is given (a path)."""
    rng = np.random.default_rng(seed)
    pool = make_grain(40, SIZE_PX, rng)
    drawn = []
    for index in range(count):
        grey = clean_picture(rng, cells, pool)
        if index % 2:
            drawn.append(Drawn(grey))
            continue
        heights = SMALL_PX if index % 3 == 0 else HEIGHTS_PX
        lettering = draw_lettering(rng, fonts=TUNING_FONTS, heights_px=heights, contrasts=CONTRASTS)
        text = str(rng.choice(TEXTS))
        if japanese_font and rng.random() < 0.25:
            text, lettering = str(rng.choice(JAPANESE)), replace(lettering, font=japanese_font)
        printed, ink = print_text(np.repeat(grey[:, :, None], 3, axis=2), text, lettering)
        sign = 1 if printed[:, :, 0][ink].mean() > grey[ink].mean() else -1
        drawn.append(Drawn(printed[:, :, 0], ink, sign, text, lettering))
    return drawn


def clean_picture(rng: np.random.Generator, cells: Sequence[Cell], pool: GrainPool) -> NDArray[np.uint8]:
    """A picture without writing: a third are real cells as they are, the others have grain, painted defects, another light."""
    how = rng.random()
    cell = cells[int(rng.integers(len(cells)))]
    pixels = render_cell(SIZE_PX, rng) if how > 0.85 else read_grey(cell, SIZE_PX)
    if how > 0.35:
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
    """Fit and print."""
    cv2.setNumThreads(1)
    features, are_ink = [], []
    for one in draw_pictures(FIT_SEED, FIT_PICTURES, training_cells(), japanese_font=japanese_font):
        parts = find_parts(one.grey)
        inked = np.zeros(len(parts.inks), bool) if one.ink is None else _ink_parts(parts, one)
        kept = inked if one.ink is not None else ~inked
        features.append(parts.features[kept])
        are_ink.append(inked[kept])
    table, truth = np.concatenate(features), np.concatenate(are_ink)
    means, deviations = table.mean(0), table.std(0)
    model = LogisticRegression(C=0.3, max_iter=1_000).fit((table - means) / deviations, truth)
    print(f"{len(truth)} parts, {truth.sum()} of print")
    fitted = {"MEANS": means, "DEVIATIONS": deviations, "WEIGHTS": model.coef_[0]}
    rounded = {name: tuple(round(float(value), 3) for value in values) for name, values in fitted.items()}
    bias = round(float(model.intercept_[0]), 3)
    for name, values in rounded.items():
        print(f"{name} = {values}")
        setattr(writing, name, values)
    print(f"BIAS = {bias}")
    writing.BIAS = bias

    chosen = draw_pictures(CHOOSE_SEED, CHOOSE_PICTURES, validation_cells(), japanese_font=japanese_font)
    found = np.array([writing.scores(find_parts(one.grey)) for one in chosen])
    printed = np.array([one.ink is not None for one in chosen])
    small = np.array([one.lettering is not None and one.lettering.height_px <= SMALL_PX[1] for one in chosen])
    real = np.array([writing.scores(find_parts(read_cell(cell))) for cell in (*training_cells(), *validation_cells())])
    print("LEAST_PAIR  LEAST_ALONE  printed found  small found  clean called written  real source cells called written")
    for pair, alone in product(PAIRS, ALONES):
        called = (found[:, 0] >= alone) | (found[:, 1] >= pair)
        wrong = ((real[:, 0] >= alone) | (real[:, 1] >= pair)).mean()
        shares = f"{called[printed].mean():13.3f}  {called[small].mean():11.3f}  {called[~printed].mean():20.4f}  {wrong:32.4f}"
        print(f"{pair:10.2f}  {alone:11.2f}  {shares}")


def read_cell(cell: Cell) -> NDArray[np.uint8]:
    """A cell as it is, uint8 (300, 300)."""
    return np.asarray(np.round(read_grey(cell, SIZE_PX) * 255), np.uint8)


def _ink_parts(parts: Parts, one: Drawn) -> NDArray[np.bool_]:
    """Which parts are print: about as much ink in their box as they cover themselves."""
    if one.ink is None:
        return np.zeros(len(parts.inks), bool)
    sums = cv2.integral(one.ink.astype(np.uint8))
    (height, width), half = one.ink.shape, parts.boxes / 2
    left, top = (np.clip(np.floor(parts.middles - half), 0, (width, height)).astype(int)).T
    right, bottom = (np.clip(np.ceil(parts.middles + half), 0, (width, height)).astype(int)).T
    ink = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    share = ink / np.maximum(parts.features[:, writing.FEATURES.index("fill")] * parts.boxes.prod(1), 1)
    return np.asarray((share > 0.6) & (share < 1.6) & (np.sign(parts.inks) == one.sign))


if __name__ == "__main__":
    main(*sys.argv[1:2])
