"""Real cells, cut by production run so that nothing leaks.

Rows of `labels.csv` come in ten contiguous production runs. A run is a domain: other modules, other light. Only TRAINING teaches,
only SOURCE_VALIDATION chooses, and the rest is measured once.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo_cells import HELD_OUT_MONO, Cell, load_cells

__all__ = ["HELD_OUT_MONO", "SOURCE_VALIDATION", "TRAINING", "Cell", "load_cells", "read_grey", "training_cells", "validation_cells"]

TRAINING = range(900, 1614)
SOURCE_VALIDATION = range(360, 540)


def training_cells() -> tuple[Cell, ...]:
    """The cells that may teach."""
    return load_cells()[TRAINING.start : TRAINING.stop]


def validation_cells() -> tuple[Cell, ...]:
    """The cells that may choose: thresholds, temperature, checkpoints."""
    return load_cells()[SOURCE_VALIDATION.start : SOURCE_VALIDATION.stop]


def read_grey(cell: Cell, size: int) -> NDArray[np.float32]:
    """The picture as float32 (size, size), 0..1."""
    pixels = cv2.imread(str(cell.path), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        msg = f"cell {cell.path} cannot be read: install elpv-dataset anew"
        raise OSError(msg)
    return np.asarray(cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255, np.float32)
