"""The pictures of a proof: as the box sees them, and as the checkpoint's own processor sees them. Both must see the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.picture.preprocess import pixel_values
from export.checkpoint.processor import Processor
from export.errors import SpecError
from export.models.artefacts import decoded

PixelValues = NDArray[np.float32]

MOST_LEVELS = 1.0
"""Largest mean difference of a picture, in grey levels of 255. Pillow rounds twice to whole levels, which gives up to about 0.5."""


@dataclass(frozen=True, slots=True)
class ProofPictures:
    """`pixel_values` float32 (1, 3, S, S) of each picture.

    `boxed` are those of the box. `own` are those of the processor, and `alike` those of the box for the same part of the picture: all of
    it, or the square in its middle if the processor cuts off the long side. `seen_whole` tells whether the processor sees all of every
    picture. `grey_levels` is the largest mean difference of the two.
    """

    paths: tuple[Path, ...]
    boxed: tuple[PixelValues, ...]
    own: tuple[PixelValues, ...]
    alike: tuple[PixelValues, ...]
    seen_whole: bool
    grey_levels: float


def read_proof_pictures(paths: Sequence[Path], processor: Processor) -> ProofPictures:
    """Read pictures and compare the box's preprocessing with the processor itself.

    Raises:
        SpecError: a picture cannot be read, or the two differ by more than MOST_LEVELS.
    """
    boxed, own, alike, seen_whole, worst = [], [], [], True, 0.0
    settings = processor.preprocess
    levels = 255 * np.abs(np.array(settings.std, np.float32))[:, None, None]
    for path, pixels in zip(paths, decoded(paths), strict=True):
        view = pixels if processor.sees_all else _middle_square(pixels)
        theirs, ours = processor.pixel_values(view), pixel_values(view, settings)
        if theirs.shape != ours.shape:
            msg = f"{processor.path}: the processor makes {theirs.shape} of {path}, expected {ours.shape}: correct its size"
            raise SpecError(msg)
        difference = float((np.abs(theirs - ours)[0] * levels).mean())
        if not difference <= MOST_LEVELS:
            what = f"the processor makes pixels of {path} that differ from the box's by {difference:.2f} grey levels on average"
            msg = f"{processor.path}: {what}, expected at most {MOST_LEVELS:g}: give a checkpoint whose processor a box can follow"
            raise SpecError(msg)
        worst = max(worst, difference)
        own.append(theirs)
        alike.append(ours)
        boxed.append(ours if view is pixels else pixel_values(pixels, settings))
        seen_whole = seen_whole and view is pixels
    return ProofPictures(tuple(paths), tuple(boxed), tuple(own), tuple(alike), seen_whole, worst)


def _middle_square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    side = min(height, width)
    if height == width:
        return pixels
    top, left = (height - side) // 2, (width - side) // 2
    return pixels[top : top + side, left : left + side]
