"""Real cells: the ELPV data set from its package, cut by production run so that nothing leaks.

Rows of `labels.csv` come in ten contiguous production runs. A run is a domain: other modules, other light. Only TRAINING teaches,
only SOURCE_VALIDATION chooses, and the rest is measured once. ELPV is CC BY-NC-SA 4.0: a dependency, never copied into this project.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import elpv_dataset
import numpy as np
from numpy.typing import NDArray

TRAINING = range(900, 1614)
SOURCE_VALIDATION = range(360, 540)
HELD_OUT_MONO = (range(60), range(2144, 2216), range(2396, 2444))
DEFECTIVE_FROM = 0.5
"""Probability from which a cell counts as defective; 0 and 1 are called certain."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: row in labels.csv, path of its 300 x 300 grey PNG, defect probability (0, 1/3, 2/3, 1), "mono" or "poly"."""

    row: int
    path: Path
    probability: float
    material: str

    @property
    def defective(self) -> bool:
        """More likely defective than not."""
        return self.probability >= DEFECTIVE_FROM

    @property
    def certain(self) -> bool:
        """All who labelled it agreed."""
        return self.probability in {0.0, 1.0}


def load_cells() -> tuple[Cell, ...]:
    """All 2,624 cells in the order of labels.csv."""
    root = Path(os.path.dirname(elpv_dataset.__file__)) / "data"  # noqa: PTH120 -- the package has no typed resources
    lines = (line.split() for line in (root / "labels.csv").read_text(encoding="utf-8").splitlines() if line.strip())
    return tuple(Cell(row, root / path, _third(float(value)), material) for row, (path, value, material) in enumerate(lines))


def _third(value: float) -> float:
    return round(value * 3) / 3


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
