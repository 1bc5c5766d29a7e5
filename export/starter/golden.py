"""Draws golden pictures of the starter bundle: `python -m export.starter.golden FOLDER`.

They are painted on rendered cells, so that the repository may hold them: KIND-N.png of each kind of defect that the eye sees, with one
clear defect, and intact-N.png.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from export.painting.render import render_cell
from export.products.canvases import Canvases
from export.products.product import read_product
from export.products.sampler import Sampler
from export.teach.describe import steady_conditions
from export.teach.golden import GOLDEN_OF_A_KIND, write_golden, write_png
from firmware_config.exit_codes import DONE

SEED, CELLS = 28, 16
"""Of the seeds 20 to 36 the one whose pictures the starter judges best: a golden picture must be clear."""
TRIES = 3_000
"""So many pictures are painted to find the rare kinds."""


def rendered_canvases(count: int, side_px: int, rng: np.random.Generator) -> Canvases:
    """Rendered cells, of which each is drawn as often."""
    return Canvases(np.stack([render_cell(side_px, rng) for _ in range(count)]), np.full(count, 1 / count))


def write_pictures(folder: Path, *, seed: int) -> int:
    """Write the golden pictures into the new folder `folder`; returns their number.

    Raises:
        OSError: the folder or a picture cannot be written.
    """
    folder.mkdir(parents=True)
    product, rng = read_product("solar_cell"), np.random.default_rng(seed)
    canvases = rendered_canvases(CELLS, product.side_px, rng)
    sampler = Sampler(product, canvases, rng, conditions=steady_conditions(product))
    write_golden(folder, sampler, tries=TRIES)
    intact = (sample.pixels for sample in iter(sampler.draw, None) if not sample.scene.defects)
    for number, pixels in zip(range(GOLDEN_OF_A_KIND), intact):  # noqa: B905 -- there is no end of intact ones
        write_png(folder / f"intact-{number}.png", pixels)
    return sum(1 for _ in folder.iterdir())


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and write the pictures."""
    parser = argparse.ArgumentParser(prog="python -m export.starter.golden", description="Draw golden pictures of the starter bundle.")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="The folder to make; it must not be there yet.")
    parser.add_argument("--seed", type=int, default=SEED, help="Another seed draws other pictures (default: %(default)s).")
    options = parser.parse_args(arguments)
    folder: Path = options.folder
    try:
        print(f"{folder}: {write_pictures(folder, seed=options.seed)} pictures")
    except FileExistsError:
        parser.error(f"drawing golden pictures into {folder}: it is there already: name a folder that is not there")
    except OSError as err:
        parser.error(f"drawing golden pictures into {folder}: {err.filename or folder} cannot be written ({err.strerror})")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
