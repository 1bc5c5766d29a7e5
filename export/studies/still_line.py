"""Pictures of a line that stands still: each cell several times with noise and a small shift, then the next. For `kotoba-edge gate study`.

    python -m export.studies.still_line OUT [CELLS REPEATS SEED]

Cells are drawn from the source validation modules; every second one is labelled defective. Beside the folder a truth, OUT.csv.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from export.studies.typographic_attack.attack import read_cell
from export.starter.cells import validation_cells

NOISE_LEVELS, SHIFT_PX = 2.0, 0.5


def write_line(out: Path, *, cells: int = 6, repeats: int = 8, seed: int = 0) -> None:
    """Write the pictures, named in their order, and the truth."""
    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    groups = [[cell for cell in validation_cells() if cell.defective is bad] for bad in (False, True)]
    truth = ["source,label"]
    for part in range(cells):
        group = groups[part % 2]
        cell = group[int(rng.integers(len(group)))]
        pixels = read_cell(cell)[:, :, 0].astype(np.float32)
        for again in range(repeats):
            shift = np.array([[1, 0, rng.uniform(-SHIFT_PX, SHIFT_PX)], [0, 1, rng.uniform(-SHIFT_PX, SHIFT_PX)]], np.float32)
            moved = cv2.warpAffine(pixels, shift, pixels.shape[::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            noisy = moved + rng.normal(0, NOISE_LEVELS, pixels.shape)
            name = f"{part:03}-{again:03}.png"
            cv2.imwrite(str(out / name), np.round(np.clip(noisy, 0, 255)).astype(np.uint8))
            truth.append(f"{name},{'ng' if cell.defective else 'ok'}")
    out.with_suffix(".csv").write_text("\n".join(truth) + "\n")


if __name__ == "__main__":
    folder, *numbers = sys.argv[1:]
    write_line(Path(folder), **dict(zip(("cells", "repeats", "seed"), map(int, numbers), strict=False)))
