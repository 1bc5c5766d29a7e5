"""Pictures without a part: what a camera sees when the line is empty, its lens is covered or its signal is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels

Floats = NDArray[np.float64]

SCENES_OF_A_KIND = 20


def empty_scenes(height: int, width: int, *, count: int = SCENES_OF_A_KIND, seed: int = 0) -> Iterator[Pixels]:
    """Render `count` scenes of each kind, uint8 (H, W, 3) BGR, grey; the same for the same seed."""
    rng = np.random.default_rng(seed)
    for render in SCENES.values():
        for _ in range(count):
            grey = np.clip(render(height, width, rng), 0, 255).astype(np.uint8)
            yield np.repeat(grey[:, :, None], 3, axis=2)


def wall(height: int, width: int, rng: np.random.Generator) -> Floats:
    """An even surface with the noise of a sensor; as all kinds, float64 (H, W) in grey levels."""
    return rng.uniform(40, 220) + _sensor_noise(height, width, rng)


def white(height: int, width: int, rng: np.random.Generator) -> Floats:
    """A lamp: nearly all of it at full white."""
    return rng.uniform(240, 255) + _sensor_noise(height, width, rng)


def vignette(height: int, width: int, rng: np.random.Generator) -> Floats:
    """An even surface that is darker at the corners."""
    rows, columns = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    light: Floats = 1 - rng.uniform(0.2, 0.5) * (rows**2 + columns**2) / 2
    return rng.uniform(60, 220) * light + _sensor_noise(height, width, rng)


def gradient(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Light from one side."""
    slope = np.linspace(rng.uniform(20, 90), rng.uniform(120, 240), width)[None, :].repeat(height, 0)
    return slope + _sensor_noise(height, width, rng)


def bars(height: int, width: int, rng: np.random.Generator) -> Floats:
    """Dark rails of a conveyor on an even surface."""
    scene = wall(height, width, rng)
    thickness = max(1, height // 75)
    for top in np.linspace(0, height - thickness, int(rng.integers(2, 7)) + 2)[1:-1].astype(int):
        scene[top : top + thickness] *= rng.uniform(0.2, 0.6)
    return scene


def static(height: int, width: int, rng: np.random.Generator) -> Floats:
    """A signal without a picture: noise of any grain."""
    noise: Floats = rng.normal(0, 1, (height, width))
    grain = rng.choice([0.0, 1.0, 3.0, 9.0])
    if grain:
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), grain), np.float64)
    scene: Floats = rng.uniform(70, 180) + noise / noise.std() * rng.uniform(10, 60)
    return scene


SCENES: dict[str, Callable[[int, int, np.random.Generator], Floats]] = {
    "wall": wall,
    "white": white,
    "vignette": vignette,
    "gradient": gradient,
    "bars": bars,
    "static": static,
}
"""The kinds by name."""


def _sensor_noise(height: int, width: int, rng: np.random.Generator) -> Floats:
    return rng.normal(0, rng.uniform(1, 5), (height, width))
