"""The numbers of a picture that become words, and where in the picture the strangest place is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.measures.texture import Texture
from edge.measures.view import Floats, View
from firmware_config.measuring import MEASURES

BEYOND, BEYOND_WIDTH = 4.0, 2.0
"""Spreads: a pixel that is twice as far from its neighbours as nearly all good ones counts to the area that differs; half a width less or
more, it counts not at all or fully."""
MIN_AREA = 0.002
"""Share of a picture, added to areas before the logarithm."""
EDGE_PX = 2
"""At the edge of the small copy cut marks and the neighbouring part look in: differences there do not count."""

PLACE_SMOOTHING_PX = 2.0
"""Of two spots that are equally strange, the larger one gives the place."""

ROWS, COLUMNS = ("upper", "", "lower"), ("left", "", "right")


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """`values` float64 (K,) in the order of MEASURES, larger where a picture is stranger; `places` of the measures that have one."""

    values: NDArray[np.float64]
    places: dict[str, str]


def numbers_of(view: View, difference: Floats, texture: Texture) -> Numbers:
    """The numbers of a picture; `difference` float32 (h, w) is that from its neighbours, in spreads."""
    inner = difference[EDGE_PX:-EDGE_PX, EDGE_PX:-EDGE_PX] if min(difference.shape) > 4 * EDGE_PX else difference
    blocks = texture.block_distances(view.texture)
    values = {
        "darker": -view.dark,
        "brighter": view.bright,
        "flatter": -view.contrast,
        "contrast": view.contrast,
        "softer": -view.sharpness,
        "sharper": view.sharpness,
        "darker_place": _log(-inner.min()),
        "darker_area": np.log(_area(-inner) + MIN_AREA),
        "brighter_place": _log(inner.max()),
        "brighter_area": np.log(_area(inner) + MIN_AREA),
        "texture_place": _log(blocks.max()),
        "texture_whole": _log(texture.whole_distance(view.texture)),
    }
    smooth = np.asarray(cv2.GaussianBlur(inner, (0, 0), PLACE_SMOOTHING_PX), np.float32)
    places = {"darker_place": place_of(-smooth), "brighter_place": place_of(smooth), "texture_place": place_of(blocks)}
    return Numbers(np.array([float(values[name]) for name in MEASURES]), places)


def place_of(values: NDArray[np.floating]) -> str:
    """Where the largest of values (h, w) lies: "upper left", "upper", "left", "centre" and so on."""
    row, column = divmod(int(values.argmax()), values.shape[1])
    vertical, horizontal = ROWS[3 * row // values.shape[0]], COLUMNS[3 * column // values.shape[1]]
    return f"{vertical} {horizontal}".strip() or "centre"


def _area(strangeness: Floats) -> float:
    """The share of pixels beyond the limit; one near it counts in part, so that noise moves the area little."""
    return float(np.clip((strangeness - BEYOND) / BEYOND_WIDTH + 0.5, 0, 1).mean())


def _log(distance: float | np.floating) -> float:
    """The logarithm of a distance; one below 1 is none."""
    return float(np.log(max(float(distance), 1.0)))
