"""Turning a picture as its orientation says (TIFF tag 274, in EXIF too), alike for every format."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels


def upright(pixels: Pixels, orientation: int) -> Pixels:
    """The picture as it is looked at; `pixels` uint8 (H, W) or (H, W, 3), `orientation` 1 to 8, where 1 is upright already."""
    turned: NDArray[Any]
    match orientation:
        case 2:
            turned = cv2.flip(pixels, 1)
        case 3:
            turned = cv2.rotate(pixels, cv2.ROTATE_180)
        case 4:
            turned = cv2.flip(pixels, 0)
        case 5:
            turned = cv2.transpose(pixels)
        case 6:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE)
        case 7:
            turned = cv2.flip(cv2.transpose(pixels), -1)
        case 8:
            turned = cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE)
        case _:
            return pixels
    return np.asarray(turned, np.uint8)
