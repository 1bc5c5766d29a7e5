"""Golden pictures of the starter bundle. They are rendered, so the repository may hold them and a person sees at once what is right."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from export.painting.capture import capture
from export.painting.grain import add_grain, make_grain
from export.painting.ground_truth import KINDS
from export.painting.paint import Painted, paint
from export.painting.render import render_cell
from export.starter.sample import SIZE_PX

PER_KIND = 2
CLEAR_STRENGTH = 0.4
"""Strength from which a defect is clear enough for a golden picture."""


def write_golden(folder: Path, *, seed: int) -> None:
    """Write two pictures of each kind as KIND-N.png: one clear defect on a plain cell (N = 0) and on a cell with grain (N = 1)."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    grain = make_grain(8, SIZE_PX, rng)
    for kind in KINDS:
        for number in range(PER_KIND):
            cell = render_cell(SIZE_PX, rng)
            if number:
                cell, _, _ = add_grain(cell, grain, rng)
            painted = Painted(cell, np.zeros((1, 1), np.uint8), ())
            while kind != KINDS[0] and not _has_one_clear(painted, kind):
                painted = paint(cell, rng)
            cv2.imwrite(str(folder / f"{kind.replace(' ', '-')}-{number}.png"), capture(painted.pixels, rng))


def _has_one_clear(painted: Painted, kind: str) -> bool:
    """Whether the only defect is a clear one of this kind."""
    return len(painted.defects) == 1 and painted.defects[0].kind == kind and painted.defects[0].strength > CLEAR_STRENGTH
