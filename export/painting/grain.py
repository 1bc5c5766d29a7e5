"""Multicrystalline grain: what a mono cell lacks and a poly cell has, and what is not a defect."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree


@dataclass(frozen=True, slots=True)
class GrainPool:
    """`textures` float32 (N, S, S), zero mean and unit deviation; `clouds` bool (N,): has dark dislocation clouds."""

    textures: NDArray[np.float32]
    clouds: NDArray[np.bool_]


def make_grain(count: int, size: int, rng: np.random.Generator) -> GrainPool:
    """Voronoi grains, each with a brightness of its own; some hold clouds of dark speckle.

    Dark boundaries and wavy strokes, which real grain also has, are left out: at this size they cannot be told from cracks, and with them
    a small network learned neither.
    """
    yy, xx = np.mgrid[0:size, 0:size]
    points = np.stack([yy.ravel(), xx.ravel()], 1).astype(np.float64)
    textures, clouds = [], []
    for _ in range(count):
        grains = int(rng.integers(20, 400))
        stretch = np.array([1.0, rng.uniform(0.5, 2)])
        index = cKDTree(rng.random((grains, 2)) * size * stretch).query(points * stretch)[1].reshape(size, size)
        texture = (rng.standard_normal(grains) * 0.5)[index].astype(np.float32)
        cloudy = bool(rng.random() < 0.7)
        if cloudy:
            for grain in rng.choice(grains, max(1, grains // 6), replace=False):
                speckle = (rng.random((size, size)) < rng.uniform(0.02, 0.25)).astype(np.float32)
                texture -= (index == grain) * cv2.GaussianBlur(speckle, (0, 0), rng.uniform(0.6, 1.6) * size / 160) * rng.uniform(2, 8)
        texture = cv2.GaussianBlur(texture, (0, 0), rng.uniform(0.4, 1.2))
        textures.append((texture - texture.mean()) / (texture.std() + 1e-6))
        clouds.append(cloudy)
    return GrainPool(np.stack(textures).astype(np.float32), np.array(clouds))
