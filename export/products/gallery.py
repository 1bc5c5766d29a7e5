"""Draw what a product paints: each kind of defect, and each harmless thing, on good pictures of it or on a neutral one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from export.painting.defects import Choice, paint
from export.painting.kinds import HARMLESS_PAINTERS
from export.painting.scene import Image
from export.products.canvases import read_masks
from export.products.product import Product

DRAWS = 4
"""Pictures of each kind."""
TRIES = 30
"""So often a defect is painted until it can be seen; a painter may leave out one that cannot."""
NAME_PX = 20
NEUTRAL_GREY, NEUTRAL_NOISE = 0.55, 0.02


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Pictures of one kind of defect, or of one harmless thing; `pictures` float32 (S, S) grey or (S, S, 3) BGR, 0..1."""

    name: str
    is_defect: bool
    pictures: tuple[Image, ...]


def neutral_pictures(product: Product, *, count: int = 3, seed: int = 0) -> list[Image]:
    """Grey surfaces with fine noise and a faint weave, for a look at what is painted without pictures of one's own."""
    side = product.side_px
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    weave = 0.03 * (np.sin(rows * 1.3) + np.sin(columns * 1.1))
    pictures = []
    for _ in range(count):
        grey = (NEUTRAL_GREY + weave + rng.normal(0, NEUTRAL_NOISE, (side, side))).astype(np.float32)
        pictures.append(np.repeat(grey[..., None], 3, axis=2) if product.colour else grey)
    return pictures


def gallery(product: Product, canvases: Sequence[Image], *, seed: int = 0, draws: int = DRAWS) -> Iterator[Shown]:
    """Paint each kind of defect `draws` times, then each harmless thing. A kind that cannot be seen on these pictures has fewer, or none.

    Raises:
        SpecError: the masks of the product cannot be read.
    """
    rng, masks = np.random.default_rng(seed), read_masks(product)
    for kind in product.defects:
        choices = [replace(choice, brush=replace(choice.brush, others=tuple(canvases), masks=masks)) for choice in kind.choices()]
        painted = (_painted(canvases, rng, choices[draw % len(choices)]) for draw in range(max(draws, len(choices))))
        yield Shown(kind.name, is_defect=True, pictures=tuple(picture for picture in painted if picture is not None))
    for thing in product.harmless:
        painter = HARMLESS_PAINTERS[thing.painter]
        pictures = tuple(painter(canvases[draw % len(canvases)], rng, thing.brush).pixels for draw in range(draws))
        yield Shown(thing.name, is_defect=False, pictures=pictures)


def draw_gallery(shown: Sequence[Shown], *, tile_px: int = 160) -> NDArray[np.uint8]:
    """The pictures below each other, one kind a row under its name: uint8 (H, W, 3) BGR."""
    columns = max(len(one.pictures) for one in shown)
    return np.vstack([_row(one, columns, tile_px) for one in shown])


def _painted(canvases: Sequence[Image], rng: np.random.Generator, choice: Choice) -> Image | None:
    """One picture with a defect that can be seen; None where none of the tries shows one."""
    for _ in range(TRIES):
        canvas = canvases[int(rng.integers(len(canvases)))]
        painted = paint(canvas, rng, [choice], patch_px=16)
        if painted.defects:
            return painted.pixels
    return None


def _row(shown: Shown, columns: int, tile_px: int) -> NDArray[np.uint8]:
    head = np.full((NAME_PX, columns * tile_px, 3), 255, np.uint8)
    title = shown.name if shown.is_defect else f"{shown.name} (good)"
    cv2.putText(head, title, (3, NAME_PX - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    tiles = [_tile(picture, tile_px) for picture in shown.pictures]
    tiles += [np.full((tile_px, tile_px, 3), 255, np.uint8)] * (columns - len(tiles))
    return np.vstack([head, np.hstack(tiles)])


def _tile(picture: Image, tile_px: int) -> NDArray[np.uint8]:
    levels = np.asarray(np.round(np.clip(picture, 0, 1) * 255), np.uint8)
    colours = levels if levels.ndim == 3 else cv2.cvtColor(levels, cv2.COLOR_GRAY2BGR)
    return np.asarray(cv2.resize(colours, (tile_px, tile_px), interpolation=cv2.INTER_AREA), np.uint8)
