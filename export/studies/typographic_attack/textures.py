"""Surfaces with a texture of their own, rendered by seed: woven, knitted, meshed, punched, ruled, brushed, felted, grained."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PERIODS_PX = (4.0, 40.0)
"""Range of the repeat of a texture, uniform on a log scale."""
MEANS, CONTRASTS, NOISES = (60, 190), (15, 120), (0, 12)
"""Ranges of the mean, of twice the standard deviation and of the sensor's noise, in grey levels."""


def weave(size: int, rng: np.random.Generator) -> Floats:
    """Cloth: threads of uneven brightness that go over and under each other, as plain weave, twill or satin."""
    across, along = _lattice(size, rng)
    repeat, step = ((2, 1), (3, 1), (4, 1), (5, 2))[rng.integers(4)]
    warp, weft = np.floor(across).astype(int), np.floor(along).astype(int)
    over = (warp + step * weft) % repeat < rng.integers(1, repeat)
    rounded = np.where(over, np.sin(np.pi * (across - warp)), np.sin(np.pi * (along - weft))) ** rng.uniform(0.3, 1.5)
    threads = rng.normal(1, rng.uniform(0, 0.25), (2, 4096))
    return np.asarray(rounded * np.where(over, threads[0][warp], rng.uniform(0.5, 1) * threads[1][weft]))


def knit(size: int, rng: np.random.Generator) -> Floats:
    """Loops in columns: two strands that lean against each other."""
    across, along = _lattice(size, rng)
    side = np.abs(across % 1 - 0.5)
    return np.asarray(np.abs(np.sin(np.pi * (along + rng.uniform(0.5, 1.5) * side))) * np.sin(2 * np.pi * side) ** rng.uniform(0.3, 1))


def mesh(size: int, rng: np.random.Generator) -> Floats:
    """Wires that cross, with open holes between them."""
    across, along = _lattice(size, rng)
    width = rng.uniform(0.15, 0.6)
    return np.maximum(across % 1 < width, along % 1 < width).astype(np.float64)


def perforation(size: int, rng: np.random.Generator) -> Floats:
    """Round or square holes in rows, set off from row to row or not."""
    across, along = _lattice(size, rng)
    across = across + rng.choice([0, 0.5]) * (np.floor(along) % 2)
    return np.asarray((_norm(across % 1 - 0.5, along % 1 - 0.5, rng.choice([2, 8])) < rng.uniform(0.2, 0.45)).astype(np.float64))


def rings(size: int, rng: np.random.Generator) -> Floats:
    """Rings or crosses in rows, as on an embossed sheet."""
    across, along = _lattice(size, rng)
    x, y, width = across % 1 - 0.5, along % 1 - 0.5, rng.uniform(0.06, 0.12)
    if rng.random() < 0.5:
        return (np.abs(_norm(x, y, 2) - rng.uniform(0.25, 0.36)) < width).astype(np.float64)
    return ((np.minimum(np.abs(x), np.abs(y)) < width) & (np.maximum(np.abs(x), np.abs(y)) < 0.4)).astype(np.float64)


def honeycomb(size: int, rng: np.random.Generator) -> Floats:
    """Six-sided cells with thin walls."""
    across, along = _lattice(size, rng)
    waves = [np.cos(2 * np.pi * (across * np.cos(turn) + along * np.sin(turn))) for turn in (0, 2 * np.pi / 3, 4 * np.pi / 3)]
    return (np.sum(waves, axis=0) < rng.uniform(-1.2, 0.5)).astype(np.float64)


def grating(size: int, rng: np.random.Generator) -> Floats:
    """Parallel grooves, sharp or soft."""
    across, _ = _lattice(size, rng)
    return np.asarray(np.tanh(rng.uniform(0.5, 8) * np.sin(2 * np.pi * across)))


def brushed(size: int, rng: np.random.Generator) -> Floats:
    """Brushed metal: long thin scratches in one direction."""
    return _filtered(size, rng, rng.uniform(8, 80), rng.uniform(0.4, 1.2))


def felt(size: int, rng: np.random.Generator) -> Floats:
    """Felt, paper, fleece: short fibres that lean in one direction, at two scales."""
    fine = rng.uniform(0.5, 3)
    lean, share = rng.uniform(1, 4), rng.uniform(0, 0.7)
    return (1 - share) * _filtered(size, rng, fine * lean, fine) + share * _filtered(size, rng, 3 * fine * lean, 3 * fine)


def grain(size: int, rng: np.random.Generator) -> Floats:
    """Leather, granite or metal crystals: patches with borders, each of its own brightness."""
    number = int(size * size / np.exp(rng.uniform(*np.log(PERIODS_PX))) ** 2 / 2) + 8
    seeds = np.ones((size, size), np.uint8)
    seeds[tuple(rng.integers(0, size, (2, number)))] = 0
    distances, labels = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_CCOMP)
    tones = rng.random(labels.max() + 1)[labels]
    share = rng.random()
    return np.asarray(share * tones + (1 - share) * distances / distances.max())


TEXTURES: Mapping[str, Callable[[int, np.random.Generator], Floats]] = {
    function.__name__: function for function in (weave, knit, mesh, perforation, rings, honeycomb, grating, brushed, felt, grain)
}


def render_texture(name: str, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Render a texture with random repeat, direction, contrast, sharpness and light; uint8 (size, size)."""
    surface = TEXTURES[name](size, rng)
    blurred = cv2.GaussianBlur(surface, (0, 0), rng.uniform(0.4, 1.5))
    scaled = (blurred - blurred.mean()) / max(blurred.std(), 1e-9) * rng.choice([-1, 1])
    x, y = (np.mgrid[:size, :size] - size / 2) / size
    light = rng.uniform(-20, 20) * x + rng.uniform(-20, 20) * y
    grey = rng.uniform(*MEANS) + np.exp(rng.uniform(*np.log(CONTRASTS))) / 2 * scaled + light
    return np.asarray(np.clip(np.round(grey + rng.standard_normal((size, size)) * rng.uniform(*NOISES)), 0, 255), np.uint8)


def _lattice(size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Two coordinates in repeats of a lattice that is turned, slightly stretched and slightly bent; all positive."""
    angle, period = rng.uniform(0, np.pi), np.exp(rng.uniform(*np.log(PERIODS_PX)))
    bend = rng.uniform(0, 0.1) * period
    y, x = np.mgrid[:size, :size] + np.stack([_filtered(size, rng, 3 * period, 3 * period) for _ in range(2)]) * bend
    across, along = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    return across / period + 1000, along / (period * rng.uniform(0.7, 1.4)) + 1000


def _filtered(size: int, rng: np.random.Generator, long: float, short: float) -> Floats:
    """Noise of mean 0 and deviation 1 whose grain is `long` by `short` pixels, in a random direction."""
    angle = rng.uniform(0, np.pi)
    fy, fx = np.meshgrid(np.fft.fftfreq(size), np.fft.rfftfreq(size), indexing="ij")
    u, v = fx * np.cos(angle) + fy * np.sin(angle), fy * np.cos(angle) - fx * np.sin(angle)
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) * np.exp(-2 * np.pi**2 * ((u * long) ** 2 + (v * short) ** 2))
    noise = np.fft.irfft2(spectrum, (size, size))
    return np.asarray((noise - noise.mean()) / max(noise.std(), 1e-12))


def _norm(x: Floats, y: Floats, power: int) -> Floats:
    return np.asarray((np.abs(x) ** power + np.abs(y) ** power) ** (1 / power))
