"""Fit the detector of printed text in `edge/picture/text_detection.py` and print its constants.

    python -m export.studies.typographic_attack.fit_detector [JAPANESE_FONT.ttf]

The rule CHARACTER: negatives are the parts of clean pictures: training cells as they are, and training cells and rendered cells on which
harmless things and defects are painted as the product solar_cell says. Positives are the parts of printed texts. The rule in use was fitted
so on what earlier versions of `export/painting/` painted. It is kept, so that its answers stay; what is printed shows how far a new fit is
from it.

The rule PRINT is fitted on the parts that look like characters to the rule CHARACTER in use, of the same cells and of rendered textures,
clean, with printed text, and with text repeated over the whole picture.

The thresholds were taken from the two tables that this command prints: of pictures made of the source validation modules and of textures
with another seed, and of real source cells. LEAST_SURENESS is the least with a false alarm on less than 2 % of the clean textures. No poly
cell, no textile of the measurement and none of its fonts is among them. With the path of a Japanese font a quarter of the texts is
Japanese. No package here has such a font; the constants in use were made with IPAexGothic.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from edge.picture import text_detection
from edge.picture.text_detection import Rule
from edge.picture.text_parts import FEATURES, Parts, find_parts
from export.starter.cells import Cell, read_grey, training_cells, validation_cells
from export.studies.typographic_attack.fit_pictures import (
    SIZE_PX,
    SMALL_PX,
    FitPicture,
    make_pictures,
    make_textured_pictures,
    repeat_on,
)

FIT_SEED, CHOOSE_SEED = 1, 2
FIT_PICTURES, CHOOSE_PICTURES = 1_200, 600
FIT_TEXTURES, CHOOSE_TEXTURES = 2_000, 1_500
FIT_REPEATED, CHOOSE_REPEATED = 120, 200
CHARACTER_FEATURES = len(FEATURES) - 1
"""The rule CHARACTER knows nothing of the prominence."""
LOOKS_FROM = -0.5
"""The rule PRINT is fitted on parts whose log-odds as a character are at least this."""
PAIRS, ALONES = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5), (2.0, 2.5, 3.0, 3.5)
SURENESSES = (-4.0, -3.0, -2.5, -2.0, -1.75, -1.5, -1.25, -1.0, -0.75, -0.5, 0.0, 1.0)
"""Candidates for the thresholds. The best were taken by eye: many texts found, few clean pictures with a false alarm."""


def main(japanese_font: str | None = None) -> None:
    """Fit the detector, print its constants and the tables of thresholds."""
    cv2.setNumThreads(1)
    cells = make_pictures(FIT_SEED, FIT_PICTURES, training_cells(), japanese_font=japanese_font)
    _fit("CHARACTER", cells, features=CHARACTER_FEATURES)
    repeated = repeat_on([picture for picture in cells if picture.ink is None][:FIT_REPEATED], FIT_SEED)
    textures = make_textured_pictures(FIT_SEED, FIT_TEXTURES, japanese_font=japanese_font)
    text_detection.PRINT = _fit("PRINT", [*cells, *repeated, *textures], features=len(FEATURES), least=LOOKS_FROM)

    cells = make_pictures(CHOOSE_SEED, CHOOSE_PICTURES, validation_cells(), japanese_font=japanese_font)
    real = [FitPicture(read_cell(cell)) for cell in (*training_cells(), *validation_cells())]
    _print_first_table(cells, real)
    repeated = repeat_on([picture for picture in (*cells, *real) if picture.ink is None][:CHOOSE_REPEATED], CHOOSE_SEED)
    _print_second_table(cells, repeated, make_textured_pictures(CHOOSE_SEED, CHOOSE_TEXTURES, japanese_font=japanese_font), real)


def read_cell(cell: Cell) -> NDArray[np.uint8]:
    """Read a cell as it is, grey, uint8 (300, 300)."""
    return np.asarray(np.round(read_grey(cell, SIZE_PX) * 255), np.uint8)


def _fit(name: str, pictures: Sequence[FitPicture], *, features: int, least: float = -np.inf) -> Rule:
    """Fit and print a rule on the first `features` of the parts that look like characters with log-odds of `least` or more."""
    measured, are_ink = [], []
    for picture in pictures:
        parts = find_parts(picture.grey)
        inked = _ink_parts(parts, picture)
        used = (inked if picture.ink is not None else ~inked) & (text_detection.CHARACTER.log_odds(parts.features) >= least)
        measured.append(parts.features[used, :features])
        are_ink.append(inked[used])
    table, is_ink = np.concatenate(measured), np.concatenate(are_ink)
    centre, spread = table.mean(0), table.std(0)
    model = LogisticRegression(C=0.3, max_iter=1_000).fit((table - centre) / spread, is_ink)
    means, deviations, weights = (tuple(round(float(value), 3) for value in values) for values in (centre, spread, model.coef_[0]))
    rule = Rule(means, deviations, weights, bias=round(float(model.intercept_[0]), 3))
    print(f"{len(is_ink)} parts, {is_ink.sum()} of printed text\n{name} = {rule}")
    return rule


def _print_first_table(cells: Sequence[FitPicture], real: Sequence[FitPicture]) -> None:
    """What LEAST_PAIR and LEAST_ALONE would do without the rule PRINT."""
    scores, real_scores = (np.array([_greatest(find_parts(one.grey)) for one in pictures]) for pictures in (cells, real))
    printed = np.array([picture.ink is not None for picture in cells])
    small = np.array([picture.style is not None and picture.style.height_px <= SMALL_PX[1] for picture in cells])
    print("LEAST_PAIR  LEAST_ALONE  text found  small text found  false alarms, made  false alarms, real source cells")
    for pair, alone in product(PAIRS, ALONES):
        alarm = (scores[:, 0] >= alone) | (scores[:, 1] >= pair)
        false = ((real_scores[:, 0] >= alone) | (real_scores[:, 1] >= pair)).mean()
        shares = f"{alarm[printed].mean():10.3f}  {alarm[small].mean():16.3f}  {alarm[~printed].mean():18.4f}  {false:31.4f}"
        print(f"{pair:10.2f}  {alone:11.2f}  {shares}")


def _greatest(parts: Parts) -> tuple[float, float]:
    """Log-odds as characters of the likeliest touching letters, and of the two likeliest neighbours together."""
    character, prints = (rule.log_odds(parts.features) for rule in (text_detection.CHARACTER, text_detection.PRINT))
    pairs = text_detection.neighbours(parts, character, prints, least=-np.inf)
    is_long = parts.features[:, FEATURES.index("aspect")] >= text_detection.RUN_TOGETHER
    return float(character[is_long].max(initial=-np.inf)), float(character[pairs].sum(1).max(initial=-np.inf))


def _print_second_table(
    cells: Sequence[FitPicture], repeated: Sequence[FitPicture], textures: Sequence[FitPicture], real: Sequence[FitPicture]
) -> None:
    """What LEAST_SURENESS does."""
    columns = {
        "text on cells": [picture for picture in cells if picture.ink is not None],
        "repeated": repeated,
        "text on textures": [picture for picture in textures if picture.ink is not None],
        "false alarms, textures": [picture for picture in textures if picture.ink is None],
        "made cells": [picture for picture in cells if picture.ink is None],
        "real source cells": real,
    }
    surenesses = {name: np.array([text_detection.sureness(find_parts(one.grey)) for one in some]) for name, some in columns.items()}
    print("LEAST_SURENESS  " + "  ".join(columns))
    for least in (-np.inf, *SURENESSES):
        shares = ((values > -np.inf) & (values >= least) for values in surenesses.values())
        print(f"{least:14.2f}  " + "  ".join(f"{share.mean():{len(name)}.4f}" for name, share in zip(columns, shares, strict=True)))
    clean = np.array([picture.kind for picture in textures if picture.ink is None])
    alarms = surenesses["false alarms, textures"] >= text_detection.LEAST_SURENESS
    print("false alarms in use:", {str(kind): round(float(alarms[clean == kind].mean()), 3) for kind in np.unique(clean)})


def _ink_parts(parts: Parts, picture: FitPicture) -> NDArray[np.bool_]:
    """Which parts are of printed text, bool (parts,): those that cover about as many pixels as there is ink in their box."""
    if picture.ink is None:
        return np.zeros(len(parts.inks), bool)
    sums = cv2.integral(picture.ink.astype(np.uint8))
    (height, width), half = picture.ink.shape, parts.boxes / 2
    left, top = (np.clip(np.floor(parts.middles - half), 0, (width, height)).astype(int)).T
    right, bottom = (np.clip(np.ceil(parts.middles + half), 0, (width, height)).astype(int)).T
    ink = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    share = ink / np.maximum(parts.features[:, FEATURES.index("fill")] * parts.boxes.prod(1), 1)
    return np.asarray((share > 0.6) & (share < 1.6) & (np.sign(parts.inks) == picture.sign))


if __name__ == "__main__":
    main(*sys.argv[1:2])
