"""Good pictures of a product, as its eye sees them: what is painted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.picture.decode import PictureError, read_picture
from export.errors import SpecError
from export.painting.scene import Image
from export.products.product import Product
from firmware_config.bundle import PICTURE_SUFFIXES


@dataclass(frozen=True, slots=True, eq=False)
class Canvases:
    """`pictures` float32 (N, S, S) grey or (N, S, S, 3) BGR, 0..1; `weights` float64 (N,), the probability of each, summing to 1."""

    pictures: NDArray[np.float32]
    weights: NDArray[np.float64]

    def draw(self, rng: np.random.Generator) -> Image:
        """Draw one picture."""
        return np.asarray(self.pictures[int(rng.choice(len(self.pictures), p=self.weights))], np.float32)


def read_canvases(product: Product, domains: Sequence[Sequence[Path]]) -> Canvases:
    """Read good pictures. A domain (line, camera, batch) with four times as many pictures as another is drawn twice as often.

    So a small domain counts, and its few pictures do not return all the time.

    Raises:
        SpecError: a picture cannot be read, or has a size that the product does not allow.
    """
    pictures = np.stack([read_for_eye(product, path) for domain in domains for path in domain])
    shares = np.concatenate([np.full(len(domain), len(domain) ** -0.5) for domain in domains if domain])
    return Canvases(pictures, shares / shares.sum())


def read_for_eye(product: Product, path: Path) -> Image:
    """Read one picture file as the eye of a product sees it: float32 (S, S) grey or (S, S, 3) BGR, 0..1.

    Raises:
        SpecError: it cannot be read, or has a size that the product does not allow.
    """
    try:
        pixels = read_picture(path)
    except PictureError as err:
        msg = f"product {product.name}: the good pictures in {path.parent}: {err}"
        raise SpecError(msg) from err
    require_size(product, path, width=pixels.shape[1], height=pixels.shape[0])
    return for_eye(product, pixels)


def for_eye(product: Product, pixels: NDArray[np.uint8]) -> Image:
    """A picture, uint8 (H, W, 3) BGR, as the eye of a product sees it: float32 (S, S) grey or (S, S, 3) BGR, 0..1."""
    seen = pixels if product.colour else cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY)
    if seen.shape[:2] != (product.side_px, product.side_px):
        seen = cv2.resize(seen, (product.side_px, product.side_px), interpolation=cv2.INTER_AREA)
    return np.asarray(seen, np.float32) / np.float32(255)


def require_size(product: Product, path: Path, *, width: int, height: int) -> None:
    """Check the size of a picture file.

    Raises:
        SpecError: the product does not allow it.
    """
    side = product.side_px
    if not product.scaled and (width, height) != (side, side):
        msg = (
            f"product {product.name}: picture {path} is {width}x{height} pixels, and its eye sees {side}x{side} without scaling: "
            f"cut the pictures to {side}x{side}, or say scaled = true in {product.name}'s product.toml"
        )
        raise SpecError(msg)


def read_masks(product: Product) -> tuple[NDArray[np.bool_], ...]:
    """The masks of the components of an assembled part, bool (S, S) each, in the order of their file names; none without `masks`.

    Raises:
        SpecError: the folder has none, or one cannot be read, has another size than the eye, or is black all over.
    """
    if product.masks is None:
        return ()
    paths = sorted(path for path in product.masks.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
    if not paths:
        msg = f"product {product.name}: the folder of masks {product.masks} holds no picture: put a .png for each component there"
        raise SpecError(msg)
    return tuple(_mask(product, path) for path in paths)


def _mask(product: Product, path: Path) -> NDArray[np.bool_]:
    try:
        pixels = read_picture(path)
    except PictureError as err:
        msg = f"product {product.name}: mask {path}: {err}"
        raise SpecError(msg) from err
    side = (product.side_px, product.side_px)
    if pixels.shape[:2] != side:
        require_size(product, path, width=pixels.shape[1], height=pixels.shape[0])
        pixels = np.asarray(cv2.resize(pixels, side, interpolation=cv2.INTER_NEAREST), np.uint8)
    mask = np.asarray(pixels.max(axis=2) > 127)
    if not mask.any():
        msg = f"product {product.name}: mask {path} is black all over: paint its component white"
        raise SpecError(msg)
    return mask
