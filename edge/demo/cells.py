"""Real cells: the ELPV data set from its package (CC BY-NC-SA 4.0), found without importing it and never copied into this project."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from edge.demo.sample_data import data_folder

HELD_OUT_MONO = (range(60), range(2144, 2216), range(2396, 2444))
"""Rows of the production runs that the starter bundle did not learn from. It learned from no poly cell."""

SEED = 7
DEFECTIVE_FROM = 0.5
"""A cell of this probability or more counts as defective."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the data set.

    `row` is that of labels.csv, `path` its grey PNG of 300 x 300 pixels, `probability` that of a defect as labelled (0, 1/3, 2/3 or 1),
    `material` "mono" or "poly".
    """

    row: int
    path: Path
    probability: float
    material: str

    @property
    def defective(self) -> bool:
        """Whether it counts as defective."""
        return self.probability >= DEFECTIVE_FROM

    @property
    def certain(self) -> bool:
        """Whether all experts who labelled it agreed."""
        return self.probability in {0.0, 1.0}

    @property
    def label(self) -> str:
        """The label as text, with "?" where the experts did not agree."""
        word = "defective" if self.defective else "functional"
        doubt = "" if self.certain else "?"
        return f"{word}{doubt} {self.material}"


def sample_cells(count: int) -> tuple[Cell, ...]:
    """Up to `count` cells that the starter bundle did not learn from, always the same: mono and poly in turn, about half of them defective.

    Raises:
        EdgeError: the package is not installed.
    """
    cells = load_cells()
    mono = [cells[row] for rows in HELD_OUT_MONO for row in rows if cells[row].material == "mono"]
    groups = [
        [cell for cell in material if cell.defective is bad]
        for material in (mono, [cell for cell in cells if cell.material == "poly"])
        for bad in (False, True)
    ]
    rng = random.Random(SEED)  # noqa: S311 -- a sample, no secret
    for group in groups:
        rng.shuffle(group)
    picked: list[Cell] = []
    while len(picked) < count and any(groups):
        picked += [group.pop() for group in (groups[0], groups[3], groups[1], groups[2]) if group]
    return tuple(picked[:count])


def load_cells() -> tuple[Cell, ...]:
    """All 2,624 cells in the order of labels.csv.

    Raises:
        EdgeError: the package is not installed.
    """
    data = data_folder("elpv_dataset", of="the sample cells come from the package elpv-dataset")
    lines = (line.split() for line in (data / "labels.csv").read_text(encoding="utf-8").splitlines() if line.strip())
    return tuple(Cell(row, data / path, round(float(value) * 3) / 3, material) for row, (path, value, material) in enumerate(lines))
