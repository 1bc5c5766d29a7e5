"""Painted golden pictures: of each kind of defect that the eye sees, some pictures with one clear defect."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from export.products.sampler import Sampler

GOLDEN_OF_A_KIND = 2
CLEAR_STRENGTH = 0.4
"""Strength from which a painted defect is clear enough for a golden picture."""


def write_golden(folder: Path, sampler: Sampler, *, tries: int) -> Mapping[str, str]:
    """Write GOLDEN_OF_A_KIND pictures of each kind as KIND-N.png, N from 0; returns the pattern of the names of each kind.

    At most `tries` pictures are painted to find them; a kind of which none was found has no pattern.
    """
    counts = {kind.name: 0 for kind in sampler.product.defects if not kind.measured_only}
    patterns: dict[str, str] = {}
    for _ in range(tries):
        if all(count == GOLDEN_OF_A_KIND for count in counts.values()):
            break
        sample = sampler.draw()
        if len(sample.scene.defects) == 1 and sample.scene.defects[0].strength > CLEAR_STRENGTH:
            kind = sample.scene.defects[0].kind
            if counts[kind] < GOLDEN_OF_A_KIND:
                stem = kind.replace(" ", "-")
                write_png(folder / f"{stem}-{counts[kind]}.png", sample.pixels)
                counts[kind] += 1
                patterns[kind] = f"{stem}-?.png"
    return patterns


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write a picture, grey or in colour."""
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
