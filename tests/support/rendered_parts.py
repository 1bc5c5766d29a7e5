"""Rendered parts: plates with ribs, each with slightly other light, position and grain, as one camera sees them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels

HEIGHT, WIDTH = 120, 160

Grey = NDArray[np.float64]
Change = Callable[[Grey], Grey]


def plate(number: int, change: Change = lambda grey: grey, *, noise: float = 1.5, shot: int = 0) -> Pixels:
    """The plate of this number, uint8 (120, 160, 3) BGR, changed as told; another `shot` has other noise of the sensor."""
    rng = np.random.default_rng(number)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    shift, light, tilt = rng.normal(0, 0.3), rng.normal(150, 4), rng.normal(0, 3)
    grain = cv2.GaussianBlur(rng.normal(0, 1, (HEIGHT, WIDTH)), (0, 0), 1.5)
    grey = light + 36 * _ribs(columns + shift) + tilt * (rows / HEIGHT - 0.5) + 8 * np.asarray(grain, np.float64)
    shown = change(grey) + np.random.default_rng((number, shot)).normal(0, noise, grey.shape)
    return np.repeat(np.clip(np.round(shown), 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)


def plates(count: int, change: Change = lambda grey: grey, *, first: int = 0) -> list[Pixels]:
    """Plates of the numbers from `first` on."""
    return [plate(number, change) for number in range(first, first + count)]


def spot(x: float, y: float, *, by: float, size_px: float = 5.0) -> Change:
    """A soft spot at x and y (0..1) that is darker or brighter by so many grey levels."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    extent = np.exp(-((columns - x * WIDTH) ** 2 + (rows - y * HEIGHT) ** 2) / (2 * size_px**2))
    return lambda grey: grey + by * extent


def turned_ribs(x: float, y: float, *, radius_px: float = 14.0) -> Change:
    """A patch at x and y (0..1) whose ribs run across, as bright as before."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    inside = (columns - x * WIDTH) ** 2 + (rows - y * HEIGHT) ** 2 < radius_px**2

    def change(grey: Grey) -> Grey:
        across: Grey = grey.mean() + 36 * _ribs(rows)
        return np.where(inside, across, grey)

    return change


def _ribs(position: Grey) -> Grey:
    """Narrow dark lines, from 0 to -1."""
    wave = np.cos(2 * np.pi * position / 10)
    return np.asarray(-np.clip(6 * wave - 4.5, 0, 1), np.float64)


def blurred(grey: Grey) -> Grey:
    """Out of focus."""
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.6), np.float64)
