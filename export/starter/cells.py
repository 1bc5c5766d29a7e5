"""Real cells, cut by production run so that nothing leaks.

Rows of `labels.csv` come in ten contiguous production runs. A run is a domain: other modules, other light. The runs 360 to 539 and 900
to 1613 are the source: TRAINING teaches; SOURCE_VALIDATION, one module of each that taught nothing, chooses. The rest teaches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.cells import HELD_OUT_MONO, Cell, load_cells

__all__ = [
    "HELD_OUT_MONO",
    "SOURCE_VALIDATION",
    "TRAINING",
    "Cell",
    "load_cells",
    "read_grey",
    "run_weights",
    "training_cells",
    "validation_cells",
]

SOURCE_VALIDATION = (range(420, 480), range(1404, 1476))
TRAINING = (range(360, 420), range(480, 540), range(900, 1404), range(1476, 1614))
SMALL_RUN, SMALL_SHARE = range(360, 540), 0.15
"""The source run with few cells and many cracks, and how often a cell of it is drawn, whether good or bad is wanted."""


def training_cells() -> tuple[Cell, ...]:
    """The cells that may teach."""
    return _rows(TRAINING)


def validation_cells() -> tuple[Cell, ...]:
    """The cells that may choose: thresholds, the temperature, teachers, a control's strength."""
    return _rows(SOURCE_VALIDATION)


def run_weights(cells: Sequence[Cell]) -> NDArray[np.float64]:
    """How often to draw each of `cells`, float64 (N,): the look of a run must not tell good from bad, so both have the same mixture."""
    small = np.array([cell.row in SMALL_RUN for cell in cells])
    return np.where(small, SMALL_SHARE / small.sum(), (1 - SMALL_SHARE) / (~small).sum())


def _rows(ranges: Iterable[range]) -> tuple[Cell, ...]:
    cells = load_cells()
    return tuple(cells[row] for rows in ranges for row in rows)


def read_grey(cell: Cell, size: int) -> NDArray[np.float32]:
    """The picture as float32 (size, size), 0..1."""
    pixels = cv2.imread(str(cell.path), cv2.IMREAD_GRAYSCALE)
    if pixels is None:
        msg = f"cell {cell.path} cannot be read: install elpv-dataset anew"
        raise OSError(msg)
    return np.asarray(cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255, np.float32)
