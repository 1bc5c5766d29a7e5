"""The painted pictures of the study: what is painted on, and how many of them have grain."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from export.products.canvases import read_canvases
from export.products.product import Product
from export.products.sampler import Sampler
from export.starter.cells import SMALL_RUN, Cell
from export.starter.golden import rendered_canvases

RENDERED = 48
POLY = ("grain", "dislocation cloud")
"""What makes a cell poly."""


def on_rendered(product: Product, *, seed: int, grain: bool) -> Sampler:
    """Draws pictures painted on rendered cells: all with grain, or all mono."""
    shares = {"grain": 1.0} if grain else dict.fromkeys(POLY, 0.0)
    harmless = tuple(thing.model_copy(update={"share": shares.get(thing.name, thing.share)}) for thing in product.harmless)
    rng = np.random.default_rng(seed)
    return Sampler(product.model_copy(update={"harmless": harmless}), rendered_canvases(RENDERED, product.side_px, rng), rng)


def on_real(product: Product, cells: Iterable[Cell], *, seed: int) -> Sampler:
    """Draws pictures painted on the cells on which no defect was labelled, with grain as often as the product says.

    Each of the two source runs is a domain.

    Raises:
        SpecError: a cell cannot be read.
    """
    good = [cell for cell in cells if cell.probability == 0]
    runs = [[cell.path for cell in good if (cell.row in SMALL_RUN) == small] for small in (True, False)]
    return Sampler(product, read_canvases(product, runs), np.random.default_rng(seed))
