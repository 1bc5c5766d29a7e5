"""Golden pictures of the starter bundle: wholly rendered cells, so that they may lie in the repository, and one look tells their truth."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from export.painting.capture import capture
from export.painting.grain import make_grain
from export.painting.paint import Painted, paint
from export.painting.render import render_cell
from export.painting.truth import KINDS
from export.starter.sample import SIZE, add_grain

PER_KIND = 2


def write_golden(folder: Path, *, seed: int) -> None:
    """Write two pictures of each kind as PNG named KIND-N.png: a clear example on a plain cell and one on grain."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    grain = make_grain(8, SIZE, rng)
    for kind in KINDS:
        for number in range(PER_KIND):
            cell = render_cell(SIZE, rng)
            if number:
                cell, _, _ = add_grain(cell, grain, rng)
            painted = Painted(cell, np.zeros((1, 1), np.uint8), ())
            while kind != KINDS[0] and not _shows(painted, kind):
                painted = paint(cell, rng)
            cv2.imwrite(str(folder / f"{kind.replace(' ', '-')}-{number}.png"), capture(painted.pixels, rng))


def _shows(painted: Painted, kind: str) -> bool:
    """One defect alone, of this kind, clearly."""
    return len(painted.defects) == 1 and painted.defects[0].kind == kind and painted.defects[0].strength > 0.4
