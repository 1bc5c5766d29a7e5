"""Multicrystalline grain. It turns a mono cell into a poly cell and is not a defect."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree


@dataclass(frozen=True, slots=True)
class GrainPool:
    """`textures` float32 (N, S, S), zero mean and unit deviation; `clouds` bool (N,): the texture has dark dislocation clouds."""

    textures: NDArray[np.float32]
    clouds: NDArray[np.bool_]


def make_grain(count: int, size: int, rng: np.random.Generator) -> GrainPool:
    """Make `count` textures of `size` px: Voronoi grains, each with its own brightness, some with clouds of dark speckle.

    Real grain also has dark boundaries and wavy strokes. They are left out: at this size they look like cracks, and a small network that
    was trained with them learned neither.
    """
    yy, xx = np.mgrid[0:size, 0:size]
    pixels = np.stack([yy.ravel(), xx.ravel()], 1).astype(np.float64)
    textures, clouds = [], []
    for _ in range(count):
        grains = int(rng.integers(20, 400))
        stretch = np.array([1.0, rng.uniform(0.5, 2)])
        grain_of_pixel = cKDTree(rng.random((grains, 2)) * size * stretch).query(pixels * stretch)[1].reshape(size, size)
        texture = (rng.standard_normal(grains) * 0.5)[grain_of_pixel].astype(np.float32)
        cloudy = bool(rng.random() < 0.7)
        if cloudy:
            for grain in rng.choice(grains, max(1, grains // 6), replace=False):
                speckle = (rng.random((size, size)) < rng.uniform(0.02, 0.25)).astype(np.float32)
                blurred = cv2.GaussianBlur(speckle, (0, 0), rng.uniform(0.6, 1.6) * size / 160)
                texture -= (grain_of_pixel == grain) * blurred * rng.uniform(2, 8)
        texture = cv2.GaussianBlur(texture, (0, 0), rng.uniform(0.4, 1.2))
        textures.append((texture - texture.mean()) / (texture.std() + 1e-6))
        clouds.append(cloudy)
    return GrainPool(np.stack(textures).astype(np.float32), np.array(clouds))


def add_grain(cell: NDArray[np.float32], pool: GrainPool, rng: np.random.Generator) -> tuple[NDArray[np.float32], bool, float]:
    """Multiply a cell, float32 (S, S), by a random texture of the pool.

    Returns the cell with grain, whether the grain has dislocation clouds, and its deviation as a share of the brightness (0.03..0.13).
    """
    index = int(rng.integers(len(pool.textures)))
    texture = pool.textures[index]
    if rng.random() < 0.5:
        texture = texture[::-1]
    if rng.random() < 0.5:
        texture = texture.T
    strength = float(rng.uniform(0.03, 0.13))
    return (cell * np.clip(1 + strength * texture, 0.15, 2)).astype(np.float32), bool(pool.clouds[index]), strength
