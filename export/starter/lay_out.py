"""Lays the pictures that a teach.toml names out as folders of links: `python -m export.starter.lay_out FOLDER [--product woven]`.

Solar cells, for export/starter/teach.toml: `good/run-360/` and `good/run-900/` hold the cells of the source runs that are certainly good, a
domain for each run. `labelled/ng/` holds the defective cells, `labelled/functional/` those that count as good though an expert doubted it.
The cells of SOURCE_VALIDATION come last by name: teaching holds the last pictures of each folder out, and with teach.toml's share none of
them trains.

Woven textile, for export/starter/woven/teach.toml: `good/` holds 200 nominal pictures.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from edge.demo.textiles import TEACHING, textile_paths
from edge.errors import EdgeError
from export.starter.cells import SMALL_RUN, Cell, training_cells, validation_cells
from firmware_config.exit_codes import DONE


def solar_cells() -> Iterable[tuple[str, Path]]:
    """Each source cell as a path in the folder and the file that it links to.

    Raises:
        EdgeError: the package of the cells is not installed.
    """
    for part, cells in {"training": training_cells(), "validation": validation_cells()}.items():
        for cell in cells:
            yield f"{_group(cell)}/{part}-{cell.row:04}{cell.path.suffix}", cell.path


def woven() -> Iterable[tuple[str, Path]]:
    """The nominal pictures that teach, likewise.

    Raises:
        EdgeError: the package of the textile is not installed.
    """
    nominal = textile_paths("nominal")
    return ((f"good/{nominal[number].name}", nominal[number]) for number in TEACHING)


PRODUCTS: Mapping[str, Callable[[], Iterable[tuple[str, Path]]]] = {"solar_cell": solar_cells, "woven": woven}


def lay_out(folder: Path, product: str) -> int:
    """Make the folders in the new folder `folder`; returns the number of pictures.

    Raises:
        EdgeError: the package of the pictures is not installed.
        OSError: a link cannot be made.
    """
    count = 0
    for name, path in PRODUCTS[product]():
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path)
        count += 1
    return count


def _group(cell: Cell) -> str:
    if cell.defective:
        return "labelled/ng"
    if not cell.certain:
        return "labelled/functional"
    return "good/run-360" if cell.row in SMALL_RUN else "good/run-900"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and lay the pictures out."""
    parser = argparse.ArgumentParser(prog="python -m export.starter.lay_out", description="Lay the pictures of a teach.toml out as links.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="The folder to make; it must not be there yet.")
    parser.add_argument("--product", choices=PRODUCTS, default="solar_cell", help="Whose pictures. Default: %(default)s.")
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    if folder.exists():
        parser.error(f"laying pictures out in {folder}: it is there already: name a folder that is not there")
    try:
        print(f"{folder}: {lay_out(folder, options.product)} pictures")
    except EdgeError as err:
        parser.error(str(err))
    except OSError as err:
        parser.error(f"laying pictures out in {folder}: {err.filename2 or err.filename or folder} cannot be made ({err.strerror})")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
