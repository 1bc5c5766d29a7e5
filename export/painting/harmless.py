"""Painters of what good parts show too: grain, clouds, stripes, dust, reflections, uneven light. A picture with these stays good."""

from __future__ import annotations

import cv2
import numpy as np

from export.painting.noise import Field, between, blurred, hills, stretched
from export.painting.scene import Brush, Change, Image
from export.painting.stripes import bars


def grain(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint multicrystalline grain: crystals, each with its own brightness; strength is the deviation as a share of the brightness.

    Seven of ten have crystals full of dark speckle. Dark boundaries and wavy strokes, which real grain has too, are left out: at this size
    they look like cracks.
    """
    shape = picture.shape[:2]
    longest = max(shape)
    crystals = _crystals(shape, int(rng.integers(20, 400)), rng)
    texture = (rng.standard_normal(crystals.max() + 1).astype(np.float32) * np.float32(0.5))[crystals]
    if rng.random() < 0.7:
        density = np.where(rng.random(crystals.max() + 1) < 1 / 6, rng.uniform(2, 8, crystals.max() + 1), 0).astype(np.float32)
        speckle = (rng.random(shape, dtype=np.float32) < rng.uniform(0.02, 0.25)).astype(np.float32)
        texture -= density[crystals] * blurred(speckle, rng.uniform(0.6, 1.6) * longest / 160)
    texture = blurred(texture, rng.uniform(0.4, 1.2))
    texture = (texture - texture.mean()) / (texture.std() + 1e-6)
    return _shaded(picture, np.clip(1 + np.float32(between(brush.strength, rng)) * texture, 0.15, 2), "grain")


def dislocation_clouds(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint dislocation clouds of multicrystalline silicon: clusters of dark worms and specks with soft borders, and scattered specks."""
    shape = picture.shape[:2]
    dark: Field = np.zeros(shape, np.float32)
    specks_only = rng.random() < 0.15
    if not specks_only:
        cluster = hills(shape, rng, cells=(3, 6, 12, 24), roughness=rng.uniform(0.4, 1)) - np.float32(rng.uniform(0.3, 1.8))
        worms = hills(shape, rng, cells=(20, 40, 80), roughness=rng.uniform(0, 0.6))
        if rng.random() < 0.5:
            worms = np.asarray(cv2.GaussianBlur(worms, (0, 0), sigmaX=0.3, sigmaY=rng.uniform(0.3, 2)), np.float32)
        worms = np.clip((worms - np.float32(rng.uniform(-0.2, 1.2))) / np.float32(rng.uniform(0.5, 1.2)), 0, 1)
        dark = np.clip(cluster / np.float32(rng.uniform(0.2, 0.6)), 0, 1) * worms * np.float32(between(brush.strength, rng))
    if specks_only or rng.random() < 0.65:
        specks = hills(shape, rng, cells=(16, 32, 64), roughness=rng.uniform(0, 0.8)) - np.float32(rng.uniform(1, 2.2))
        dark = dark + np.clip(specks / np.float32(rng.uniform(0.3, 1)), 0, 1) * np.float32(between(brush.strength, rng))
    return _shaded(picture, 1 - np.clip(dark, 0, 0.85), "clouds")


def soft_clouds(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint broad soft clouds that are darker or brighter, as the brush says, with or without a fine texture."""
    shape = picture.shape[:2]
    form = np.clip(
        (hills(shape, rng, cells=(3, 5, 9, 18), roughness=rng.uniform(0.5, 1.2)) - np.float32(rng.uniform(0, 1.2)))
        / np.float32(rng.uniform(0.3, 1.5)),
        0,
        1,
    )
    if rng.random() < 0.5:
        form = form * (1 + np.float32(rng.uniform(0, 0.3)) * hills(shape, rng, cells=(24, 48, 96), roughness=0.2))
    return _shaded(picture, 1 + np.float32(_sign(brush, rng) * between(brush.strength, rng)) * np.clip(form, 0, 1), "clouds")


def finger_stripes(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint faint short stripes across the bars of the picture, with soft ends."""
    upright = bars(picture).upright
    shape = picture.shape[:2] if not upright else picture.shape[1::-1]
    columns = max(2, int(shape[1] / rng.uniform(1, 2.5)))
    grid = rng.standard_normal((int(rng.integers(3, 9)), columns), dtype=np.float32) - np.float32(rng.uniform(0.8, 1.8))
    form = np.asarray(cv2.resize(np.clip(grid, 0, 2) / 2, shape[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
    form = np.ascontiguousarray(form.T) if upright else form
    return _shaded(picture, 1 + np.float32(_sign(brush, rng) * between(brush.strength, rng)) * form, "stripes")


def dust(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint grains of dust: a few dots, some short fibres; `size` is that of one grain."""
    form: Field = np.zeros(picture.shape[:2], np.float32)
    longest, sides = max(form.shape), np.array(form.shape[::-1])
    for _ in range(int(rng.integers(3, 25))):
        at, length = rng.random(2) * sides, max(1.0, between(brush.size, rng) * longest)
        value = float(rng.uniform(0.4, 1))
        if rng.random() < 0.8:
            cv2.circle(form, tuple(int(v) for v in at), max(1, round(length / 2)), value, -1, cv2.LINE_AA)
        else:
            turns = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.5, 5))
            points = at + np.cumsum(np.stack([np.cos(turns), np.sin(turns)], 1) * length / 3, 0)
            cv2.polylines(form, [np.round(points * 16).astype(np.int32)], isClosed=False, color=value, lineType=cv2.LINE_AA, shift=4)
    return _shaded(picture, 1 + np.float32(_sign(brush, rng) * between(brush.strength, rng)) * blurred(form, rng.uniform(0.3, 0.8)), "dust")


def reflection(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a reflection: a bright band, or a bright soft spot, that adds light; strength is the light that it adds (1 is white)."""
    shape = picture.shape[:2]
    longest = max(shape)
    xs, ys = np.arange(shape[1], dtype=np.float32)[None], np.arange(shape[0], dtype=np.float32)[:, None]
    (x, y), angle = rng.random(2) * np.array(shape[::-1]), float(rng.uniform(0, np.pi))
    cosine, sine = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = (xs - np.float32(x)) * cosine + (ys - np.float32(y)) * sine
    across = (ys - np.float32(y)) * cosine - (xs - np.float32(x)) * sine
    width = between(brush.size, rng) * longest / 2
    length = width * rng.uniform(1, 2) if rng.random() < 0.5 else 3 * longest
    form = np.exp(-((along / np.float32(length)) ** 2) - (across / np.float32(width)) ** 2)
    light = form * np.float32(between(brush.strength, rng))
    return Change(np.asarray(picture + (light if picture.ndim == 2 else light[..., None]), np.float32), np.clip(light, 0, 1), "reflection")


def uneven_light(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint smooth slopes of brightness, darker and brighter; strength is the largest difference from the mean."""
    strength = between(brush.strength, rng)
    slope = stretched(rng.uniform(-strength, strength, (3, 3)).astype(np.float32), picture.shape[:2])
    return _shaded(picture, 1 + np.clip(slope, -strength, strength), "slope")


def side_shade(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint one side darker, fading inwards; `size` is how far it reaches."""
    turns = int(rng.integers(4))
    height, width = picture.shape[:2] if turns % 2 == 0 else picture.shape[1::-1]
    reach = max(1.0, between(brush.size, rng) * max(height, width))
    fading = np.exp(-np.arange(height, dtype=np.float32) * np.float32(2 / reach)) * np.float32(between(brush.strength, rng))
    form = np.rot90(np.repeat(fading[:, None], width, 1), turns)
    return _shaded(picture, 1 + np.float32(_sign(brush, rng)) * form, "side")


def deviation(change: Change) -> float:
    """How strongly a harmless change varies the surface, as a share of the brightness (rms): a weaker defect is hidden by it."""
    return float(np.sqrt(np.mean(change.extent**2)))


def _crystals(shape: tuple[int, int], count: int, rng: np.random.Generator) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """The number of the crystal at each pixel, int32 (H, W): the nearest of `count` seeds, all stretched in one direction."""
    stretch = np.array([1.0, rng.uniform(0.5, 2)])
    rows, columns = (max(2, round(side * factor)) for side, factor in zip(shape, stretch, strict=True))
    seeds = np.full((rows, columns), 255, np.uint8)
    seeds[rng.integers(0, rows, count), rng.integers(0, columns, count)] = 0
    _, nearest = cv2.distanceTransformWithLabels(seeds, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL)
    return np.asarray(cv2.resize(nearest.astype(np.float32), shape[::-1], interpolation=cv2.INTER_NEAREST), np.int32)


def _shaded(picture: Image, factor: Field, shape: str) -> Change:
    factor = np.asarray(factor, np.float32)
    pixels = picture * (factor if picture.ndim == 2 else factor[..., None])
    return Change(pixels, np.clip(np.abs(factor - 1), 0, 1), shape)


def _sign(brush: Brush, rng: np.random.Generator) -> int:
    return 1 if brush.direction == "brighter" or (brush.direction == "both" and rng.random() < 0.5) else -1
