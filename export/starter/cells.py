"""Splits of the real cells by production run, so that no module is in two splits.

Rows of `labels.csv` come in ten contiguous production runs. Each run is a domain: other modules, other light. The runs 360 to 539 and 900
to 1613 are the source domain. TRAINING trains models. SOURCE_VALIDATION, one module of each source run, trains nothing: it chooses
thresholds and the like. All other rows do neither.
"""

from __future__ import annotations

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.demo.cells import HELD_OUT_MONO, Cell, load_cells
from edge.picture.decode import read_picture

__all__ = [
    "HELD_OUT_MONO",
    "SOURCE_VALIDATION",
    "TRAINING",
    "Cell",
    "load_cells",
    "read_grey",
    "training_cells",
    "validation_cells",
]

SOURCE_VALIDATION = (range(420, 480), range(1404, 1476))
TRAINING = (range(360, 420), range(480, 540), range(900, 1404), range(1476, 1614))
SMALL_RUN = range(360, 540)
"""The source run with few cells and many cracks."""


def training_cells() -> tuple[Cell, ...]:
    """The cells that may train a model."""
    return _rows(TRAINING)


def validation_cells() -> tuple[Cell, ...]:
    """The cells that may choose thresholds, the temperature and the regularisation of a control."""
    return _rows(SOURCE_VALIDATION)


def _rows(ranges: Iterable[range]) -> tuple[Cell, ...]:
    cells = load_cells()
    return tuple(cells[row] for rows in ranges for row in rows)


def read_grey(cell: Cell, size: int) -> NDArray[np.float32]:
    """Read a picture as float32 (size, size), 0..1.

    Raises:
        PictureError: the file is missing or damaged.
    """
    pixels = read_picture(cell.path)[:, :, 0]
    return np.asarray(cv2.resize(pixels, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255, np.float32)
