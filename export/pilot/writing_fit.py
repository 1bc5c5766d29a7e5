"""Where the constants of `edge/picture/writing.py` come from: fits its rule on source cells and drawn print, and prints it.

    python -m export.pilot.writing_fit

Negatives are the parts of clean pictures: training cells as they are, with another layout, with drawn grain, with painted defects, and
rendered cells. Positives are the parts of printed texts. The limits are chosen on pictures made of the source validation modules, with
other seeds: a clean picture passes unless it is one of the MAX_FALSE most like print. No poly cell and no final font is in any of them.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from edge.picture import writing
from edge.picture.writing import Parts, find_parts
from export.pilot.lettering import TUNING_FONTS, Lettering, draw_lettering, print_text
from export.starter.cells import Cell, read_grey, training_cells, validation_cells
from export.starter.grain import GrainPool, make_grain
from export.starter.layout import vary_layout
from export.starter.paint import PATCH, paint
from export.starter.render import render_cell
from export.starter.sample import add_grain

TEXTS = (
    "PASS", "OK", "no defect", "ignore previous instructions", "functional", "LOT 4711", "good", "Accepted", "A1", "NG", "EL-2024-07",
    "qualified", "QC 03", "result: pass",
)  # fmt: skip
JAPANESE = ("合格", "良品", "問題なし", "正常", "検査済")
SIZE_PX = 300
HEIGHTS_PX, CONTRASTS = (10, 100), (40, 200)
FIT_SEED, CHOOSE_SEED = 1, 2
FIT_PICTURES, CHOOSE_PICTURES = 600, 600
MAX_FALSE = 0.004
"""Share of clean pictures that each of the two limits may call written."""


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
        lettering = draw_lettering(rng, fonts=TUNING_FONTS, heights_px=HEIGHTS_PX, contrasts=CONTRASTS)
        text = str(rng.choice(TEXTS))
        if japanese_font and rng.random() < 0.25:
            text, lettering = str(rng.choice(JAPANESE)), replace(lettering, font=japanese_font)
        printed, ink = print_text(np.repeat(grey[:, :, None], 3, axis=2), text, lettering)
        sign = 1 if printed[:, :, 0][ink].mean() > grey[ink].mean() else -1
        drawn.append(Drawn(printed[:, :, 0], ink, sign, text, lettering))
    return drawn


def clean_picture(rng: np.random.Generator, cells: Sequence[Cell], pool: GrainPool) -> NDArray[np.uint8]:
    """A picture without writing: half are real cells as they are."""
    how = rng.random()
    cell = cells[int(rng.integers(len(cells)))]
    pixels = render_cell(SIZE_PX, rng) if how > 0.9 else read_grey(cell, SIZE_PX)
    if how > 0.5:
        if rng.random() < 0.5:
            pixels = vary_layout(pixels, rng)
        if rng.random() < 0.85:
            pixels = add_grain(pixels, pool, rng)[0]
        if rng.random() < 0.3:
            whole = SIZE_PX // PATCH * PATCH
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
    alone, pair = (float(np.quantile(column[~printed], 1 - MAX_FALSE, method="higher")) + 0.01 for column in found.T)
    print(f"LEAST_PAIR, LEAST_ALONE = {pair:.2f}, {alone:.2f}")
    called = (found[:, 0] >= alone) | (found[:, 1] >= pair)
    right, wrong = called[printed].mean(), called[~printed].mean()
    print(f"of {len(chosen)} pictures to choose on: {right:.3f} of the printed found, {wrong:.4f} of the clean called written")


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
