"""The words of pictures as a box finds them: they tune the judge, fit its temperature and calibrate its station.

Painted pictures stand on good ones that taught nothing: a memory that knows the very picture under a defect would see the defect too well.
They are taken with the camera of the station, as it is: brightness is among the words that are measured.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.interfaces import Describer
from edge.picture.decode import read_picture
from edge.records import Frame, Pixels
from export.painting.conditions import Conditions
from export.products.canvases import Canvases, read_masks
from export.products.product import Product
from export.products.sampler import Sampler
from export.progress import Report
from firmware_config.write import write_atomic

REPORT_EVERY = 20
KEPT_PX = 256
"""The longest side of a picture that is kept for people."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """A picture to describe: pixels uint8 (H, W, 3) BGR, where it came from, and the labels that are right for it."""

    pixels: Pixels
    source: str
    allowed: tuple[str, ...]


def painted_pictures(product: Product, canvases: Canvases, label_of: Mapping[str, str], *, count: int, seed: int) -> Iterator[Shown]:
    """Painted pictures of a station whose camera stays as it is; half of them are intact."""
    steady, masks = steady_conditions(product), read_masks(product)
    for index in range(count):
        sample = Sampler(product, canvases, np.random.default_rng((seed, index)), masks, steady, for_judge=True).draw()
        kind = sample.scene.kind
        label = product.good.label if kind is None else label_of[kind]
        yield Shown(in_colour(sample.pixels), f"painted-{seed}-{index}", (label,))


def steady_conditions(product: Product) -> Conditions:
    """What the camera does to a picture of a product where its exposure stays as it is."""
    return replace(product.conditions.conditions, gain=(1.0, 1.0), gamma=(1.0, 1.0))


def real_pictures(paths: Iterable[Path], allowed: tuple[str, ...]) -> Iterator[Shown]:
    """Pictures whose right labels are known.

    Raises:
        PictureError: one cannot be read.
    """
    for path in paths:
        yield Shown(read_picture(path), path.name, allowed)


def in_colour(pixels: NDArray[np.uint8]) -> Pixels:
    """A picture as a camera gives it, uint8 (H, W, 3), from a grey one or one in colour."""
    return np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else pixels


def write_descriptions(shown: Iterable[tuple[Shown, Describer]], path: Path, *, count: int, report: Report, pictures: bool = False) -> None:
    """Write a JSON line for each picture, in the words of its describer: `source`, `description` and `allowed`.

    With `pictures`, each is also kept beside the file as pictures/NAME-N.jpg, N from 0.

    Raises:
        DescribeError: a picture cannot be described.
    """
    lines = []
    for number, (picture, describer) in enumerate(shown, 1):
        frame = Frame(picture.pixels, datetime.now(timezone.utc), 0, "teach", 0, picture.source)
        words = describer.describe(frame).words
        description = {
            "tags": [tag.word for tag in words.tags],
            "attributes": [tag.word for tag in words.attributes],
            "measured": [one.word for one in words.measured],
            "captions": list(words.captions),
        }
        lines.append(json.dumps({"source": picture.source, "description": description, "allowed": list(picture.allowed)}) + "\n")
        if pictures:
            _keep(picture.pixels, path.parent / f"pictures/{path.stem}-{number - 1}.jpg")
        if number % REPORT_EVERY == 0:
            report(f"describing {number} of {count} pictures")
    write_atomic(path, "".join(lines).encode())


def _keep(pixels: Pixels, path: Path) -> None:
    """Write a picture for people, no larger than they need it."""
    height, width = pixels.shape[:2]
    scale = min(1.0, KEPT_PX / max(height, width))
    small = cv2.resize(pixels, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(cv2.imencode(".jpg", small)[1].tobytes())
