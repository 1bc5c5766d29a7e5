"""One labelled picture of a pilot that this project brings along: its place in the folder, what is known about it, how its file is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "validation"]
TRAIN: Split = "train"
VALIDATION: Split = "validation"


@dataclass(frozen=True, slots=True)
class PilotPicture:
    """`name` is its path in the folder, `make` writes the file there.

    `split` is None in a domain of which nothing was taught. `block` names its neighbours, which no study separates.
    """

    name: str
    label: str
    domain: str
    block: str
    split: Split | None
    make: Callable[[Path], None]


def linked(source: Path) -> Callable[[Path], None]:
    """Make a link to a file of an installed package."""
    return lambda path: path.symlink_to(source)


def write_picture(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write uint8 (H, W) or (H, W, 3) BGR as a PNG, into a folder that is made if it is not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", pixels)[1].tobytes())
