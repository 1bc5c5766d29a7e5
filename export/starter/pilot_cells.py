"""The solar cells of the ELPV data set as a pilot: a production run is a domain.

The runs mono-0360 and mono-0900 taught the starter bundle; its source validation cells are their validation pictures. Cells on which the
labellers did not agree keep a label of their own, "functional?" or "defective?".
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from edge.demo.cells import Cell, load_cells
from export.starter.cells import SOURCE_VALIDATION, TRAINING
from export.starter.pilot_picture import TRAIN, VALIDATION, PilotPicture, linked

RUN_STARTS = (0, 60, 360, 540, 900, 1614, 2144, 2216, 2396, 2444)
"""The first row of each of the ten runs."""
BLOCK_CELLS = 30
"""Rows that count as neighbours. The data set does not say which cells are of one module of 60 or 72."""


def solar_cells() -> Iterator[PilotPicture]:
    """All 2,624 cells in the order of labels.csv.

    Raises:
        EdgeError: the package of the cells is not installed.
    """
    validation, training = set(chain(*SOURCE_VALIDATION)), set(chain(*TRAINING))
    first, block, number, before = 0, 0, 0, None
    for cell in load_cells():
        split = VALIDATION if cell.row in validation else TRAIN if cell.row in training else None
        if cell.row in RUN_STARTS:
            first, block, number = cell.row, 0, 0
        elif number == BLOCK_CELLS or split != before:
            block, number = block + 1, 0
        number, before = number + 1, split
        domain = f"{cell.material}-{first:04}"
        yield PilotPicture(f"cells/{cell.path.name}", _label(cell), domain, f"{domain}/{block:02}", split, linked(cell.path))


def _label(cell: Cell) -> str:
    return ("defective" if cell.defective else "functional") + ("" if cell.certain else "?")
