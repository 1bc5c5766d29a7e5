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
    """Voronoi grains, each with a brightness of its own; some hold clouds of dark speckle, some have dark boundaries."""
    yy, xx = np.mgrid[0:size, 0:size]
    points = np.stack([yy.ravel(), xx.ravel()], 1).astype(np.float64)
    textures, clouds = [], []
    for _ in range(count):
        # Warped coordinates: real grain boundaries are neither straight nor smooth.
        warp = [
            cv2.resize(rng.standard_normal((k, k)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC).ravel()
            for k in (14, 14)
        ]
        warped = points + np.stack(warp, 1) * rng.uniform(0, 5)
        grains = int(np.exp(rng.uniform(np.log(12), np.log(400))))
        stretch = np.array([1.0, rng.uniform(0.4, 2.5)])
        index = cKDTree(rng.random((grains, 2)) * size * stretch).query(warped * stretch)[1].reshape(size, size)
        texture = (rng.standard_normal(grains) * rng.uniform(0.2, 0.7))[index].astype(np.float32)
        if rng.random() < 0.4:
            edges = (np.abs(np.diff(index, axis=0, prepend=index[:1])) + np.abs(np.diff(index, axis=1, prepend=index[:, :1])) > 0).astype(
                np.float32
            )
            texture -= edges * rng.uniform(0.1, 0.8)
        cloudy = bool(rng.random() < 0.6)
        if cloudy:
            chosen = rng.choice(grains, max(1, int(grains * rng.uniform(0.05, 0.35))), replace=False)
            inside = np.isin(index, chosen)
            fine, coarse = rng.uniform(0.6, 1.6), rng.uniform(6, 20)
            speckle = cv2.GaussianBlur((rng.random((size, size)) < rng.uniform(0.02, 0.25)).astype(np.float32), (0, 0), fine)
            where = cv2.GaussianBlur(rng.standard_normal((size, size)).astype(np.float32), (0, 0), coarse)
            where = np.clip(where / (where.std() + 1e-6) + rng.uniform(-0.5, 1.0), 0, 1.5)
            strokes = _strokes(size, rng) if rng.random() < 0.5 else 0.0
            texture -= inside * where * (speckle / (speckle.max() + 1e-6) * rng.uniform(1, 4) + strokes)
        texture = cv2.GaussianBlur(texture, (0, 0), rng.uniform(0.4, 1.2))
        textures.append((texture - texture.mean()) / (texture.std() + 1e-6))
        clouds.append(cloudy)
    return GrainPool(np.stack(textures).astype(np.float32), np.array(clouds))


def _strokes(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Short wavy dark strokes, as dislocation clusters make."""
    canvas = np.zeros((size, size), np.float32)
    for _ in range(int(rng.integers(20, 120))):
        start, angle = rng.random(2) * size, rng.uniform(0, np.pi)
        steps = np.cumsum(angle + rng.normal(0, 0.5, 5))
        line = start + np.cumsum(np.stack([np.cos(steps), np.sin(steps)], 1) * rng.uniform(1, 4), 0)
        cv2.polylines(
            canvas,
            [np.round(line * 8).astype(np.int32)],
            isClosed=False,
            color=float(rng.uniform(0.5, 2)),
            thickness=1,
            lineType=cv2.LINE_AA,
            shift=3,
        )
    return canvas
