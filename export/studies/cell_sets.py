"""The sets of labelled cells that are measured, and what their labels say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from export.starter.cells import HELD_OUT_MONO, Cell
from export.studies.protocol import Flags


def cell_sets(cells: Sequence[Cell]) -> dict[str, list[int]]:
    """Rows of the two measured sets of the cells, by their names. No model was trained on them."""
    return {
        "held-out mono runs": [row for part in HELD_OUT_MONO for row in part],
        "all poly cells": [cell.row for cell in cells if cell.material == "poly"],
    }


def cell_flags(cells: Sequence[Cell]) -> tuple[Flags, Flags]:
    """Which cells are defective, and on which labels all labellers agreed, bool (N,) each."""
    return np.array([cell.defective for cell in cells]), np.array([cell.certain for cell in cells])
