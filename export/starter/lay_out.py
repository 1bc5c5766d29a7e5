"""Lays the real cells of the source runs out as folders of links, which teach.toml names: `python -m export.starter.lay_out FOLDER`.

`good/run-360/` and `good/run-900/` hold the cells that are certainly good, a domain for each run. `labelled/ng/` holds the defective cells,
`labelled/functional/` those that count as good though an expert doubted it. The cells of SOURCE_VALIDATION come last by name: teaching
holds the last pictures of each folder out, and with teach.toml's share none of them trains.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edge.errors import EdgeError
from export.starter.cells import SMALL_RUN, Cell, training_cells, validation_cells
from firmware_config.exit_codes import DONE


def lay_out(folder: Path) -> int:
    """Make the folders in the new folder `folder`; returns the number of cells.

    Raises:
        EdgeError: the package of the cells is not installed.
        OSError: a link cannot be made.
    """
    parts = {"training": training_cells(), "validation": validation_cells()}
    for part, cells in parts.items():
        for cell in cells:
            link = folder / _group(cell) / f"{part}-{cell.row:04}{cell.path.suffix}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(cell.path)
    return sum(map(len, parts.values()))


def _group(cell: Cell) -> str:
    if cell.defective:
        return "labelled/ng"
    if not cell.certain:
        return "labelled/functional"
    return "good/run-360" if cell.row in SMALL_RUN else "good/run-900"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and lay the cells out."""
    parser = argparse.ArgumentParser(prog="python -m export.starter.lay_out", description="Lay the cells of teach.toml out as links.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="The folder to make; it must not be there yet.")
    folder: Path = parser.parse_args(arguments).folder
    if folder.exists():
        parser.error(f"laying cells out in {folder}: it is there already: name a folder that is not there")
    try:
        print(f"{folder}: {lay_out(folder)} cells")
    except EdgeError as err:
        parser.error(str(err))
    except OSError as err:
        parser.error(f"laying cells out in {folder}: {err.filename2 or err.filename or folder} cannot be made ({err.strerror})")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
