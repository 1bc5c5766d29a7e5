"""Painters of texture: patches whose structure is another, missing and doubled threads, and a whole surface that is another.

How strongly a place changed is measured in the picture's own contrast: 1 is a piece that has nothing to do with what was there before.
"""

from __future__ import annotations

import cv2
import numpy as np

from export.painting.noise import Field, between, blurred
from export.painting.scene import Brush, Change, Image
from export.painting.tone import fill

LEAST_CONTRAST = 0.02
"""A smoother surface than this is measured as if it had this deviation: what differs by less cannot be seen."""


def patch_elsewhere(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a patch cut from another place of this picture, or from another good picture of the brush."""
    return _patched(picture, fitted(_source(picture, rng, brush), picture.shape[:2], rng), "patch", rng, brush)


def patch_turned(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a patch from elsewhere that is turned by 90, 180 or 270 degrees, or by any angle, or mirrored."""
    source, how = _source(picture, rng, brush), int(rng.integers(5))
    if how < 3:
        source = np.rot90(source, how + 1)
    elif how == 3:
        source = source[::-1] if rng.random() < 0.5 else source[:, ::-1]
    else:
        middle = (source.shape[1] / 2, source.shape[0] / 2)
        turn = cv2.getRotationMatrix2D(middle, float(rng.uniform(10, 80) * rng.choice([-1, 1])), 1.0)
        turned = cv2.warpAffine(np.ascontiguousarray(source), turn, source.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
        source = np.asarray(turned, np.float32)
    return _patched(picture, fitted(np.ascontiguousarray(source), picture.shape[:2], rng), "turned patch", rng, brush)


def patch_zoomed(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a patch from elsewhere in another scale: 0.4 to 0.7, or 1.4 to 2.5 times as large."""
    zoom = rng.uniform(0.4, 0.7) if rng.random() < 0.5 else rng.uniform(1.4, 2.5)
    return _patched(picture, fitted(zoomed(_source(picture, rng, brush), zoom), picture.shape[:2], rng), "zoomed patch", rng, brush)


def patch_shuffled(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a patch whose pixels, or small blocks of pixels, are shuffled."""
    height, width = picture.shape[:2]
    mask = patch_mask((height, width), rng, brush)
    block = 1 if rng.random() < 0.6 else int(rng.integers(2, 7))
    other, inside = picture.copy(), mask > 0.5
    rows, columns = np.nonzero(inside[: height - block + 1 : block, : width - block + 1 : block])
    if block == 1 or len(rows) < 2:
        other[inside] = rng.permutation(picture[inside])
    else:
        for row, column, place in zip(rows * block, columns * block, rng.permutation(len(rows)), strict=True):
            y, x = rows[place] * block, columns[place] * block
            other[row : row + block, column : column + block] = picture[y : y + block, x : x + block]
    return replaced(picture, other, mask * np.float32(between(brush.strength, rng)), "shuffled patch")


def patch_resynthesised(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paint a patch of noise that has the mean of the place and a spread like the picture's, fine or in small grains."""
    mask = patch_mask(picture.shape[:2], rng, brush)
    inside = mask > 0.5
    mean = picture[inside].mean(axis=0) if inside.any() else picture.mean(axis=(0, 1))
    noise = blurred(rng.standard_normal(picture.shape[:2], dtype=np.float32), 0 if rng.random() < 0.6 else rng.uniform(0.5, 1.5))
    noise *= np.float32(contrast(picture) * rng.uniform(0.6, 1.6) / (noise.std() + 1e-6))
    other = mean + (noise if picture.ndim == 2 else noise[..., None])
    return replaced(picture, np.clip(other, 0, None), mask * np.float32(between(brush.strength, rng)), "noise patch")


def patch_mask(shape: tuple[int, int], rng: np.random.Generator, brush: Brush) -> Field:
    """Draw an ellipse, or in three of ten a turned rectangle, with a border one pixel soft; small ones are as frequent as large ones."""
    mask: Field = np.zeros(shape, np.float32)
    longest = max(shape)
    length = float(np.exp(rng.uniform(*np.log(np.maximum(brush.size, 1e-3))))) * longest
    half, angle = np.maximum(length / 2 * np.array([1, rng.uniform(0.15, 1)]), 1.0), float(rng.uniform(0, np.pi))
    middle = rng.random(2) * np.array(shape[::-1])
    if rng.random() < 0.7:
        centre, axes = tuple(int(v) for v in middle), tuple(int(v) for v in half)
        cv2.ellipse(mask, centre, axes, np.degrees(angle), 0, 360, 1.0, -1, cv2.LINE_AA)
    else:
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half * 0.7
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        fill(mask, middle + corners @ turn)
    return blurred(mask, 0.5)


def replaced(picture: Image, other: Image, share: Field, shape: str) -> Change:
    """Blend `other` in by `share`; the extent is the share times how unlike the two are, in the picture's own contrast."""
    difference = np.asarray(other - picture, np.float32)
    blend = share if picture.ndim == 2 else share[..., None]
    return Change(np.asarray(picture + blend * difference, np.float32), share * unlike(difference, contrast(picture)), shape)


def unlike(difference: Image, deviation: float) -> Field:
    """How unlike two pictures are at each place, 0..1, float32 (H, W); 1 is as unlike as two unrelated pieces of the surface."""
    squared = difference**2 if difference.ndim == 2 else (difference**2).mean(axis=2)
    around = np.sqrt(np.maximum(blurred(squared, max(1.5, max(squared.shape) / 80)), 0))
    return np.clip(around / np.float32(np.sqrt(2) * deviation), 0, 1)


def contrast(picture: Image) -> float:
    """The deviation of the surface from its own slow changes of brightness."""
    return max(LEAST_CONTRAST, float((picture - surroundings(picture)).std()))


def surroundings(picture: Image) -> Image:
    """The slow changes of a picture's brightness, by a box run twice, whose side is a third of the longer side."""
    side = max(3, max(picture.shape[:2]) // 6 * 2 + 1)
    return np.asarray(cv2.blur(cv2.blur(picture, (side, side), borderType=cv2.BORDER_REFLECT), (side, side)), np.float32)


def zoomed(picture: Image, zoom: float) -> Image:
    """Resize a picture, in both directions alike."""
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, None, fx=zoom, fy=zoom, interpolation=way), np.float32)


def fitted(picture: Image, shape: tuple[int, int], rng: np.random.Generator) -> Image:
    """Cut a random piece of `shape` (H, W); a picture that leaves no choice is first prolonged by itself."""
    for axis, want in enumerate(shape):
        picture = _prolonged(picture, want + want // 2, axis)
    top, left = (int(rng.integers(have - want + 1)) for have, want in zip(picture.shape[:2], shape, strict=True))
    return np.asarray(picture[top : top + shape[0], left : left + shape[1]], np.float32)


def _prolonged(picture: Image, want: int, axis: int) -> Image:
    """Append a picture to itself along an axis until it is `want` long.

    The ends fade into each other, and the fading keeps the deviation, so that no seam shows; mirroring would turn the grain.
    """
    picture = picture if axis == 0 else picture.swapaxes(0, 1)
    overlap = max(1, len(picture) // 8)
    rising = np.linspace(0, np.pi / 2, overlap + 2, dtype=np.float32)[1:-1].reshape(-1, *([1] * (picture.ndim - 1)))
    mean, result = picture.mean(axis=(0, 1)), picture
    while len(result) < want:
        seam = mean + np.cos(rising) * (result[-overlap:] - mean) + np.sin(rising) * (picture[:overlap] - mean)
        result = np.concatenate([result[:-overlap], np.clip(seam, 0, None), picture[overlap:]])
    return np.ascontiguousarray(result if axis == 0 else result.swapaxes(0, 1), np.float32)


def _source(picture: Image, rng: np.random.Generator, brush: Brush) -> Image:
    at = int(rng.integers(len(brush.others) + 1))
    return picture if at == len(brush.others) else brush.others[at]


def _patched(picture: Image, other: Image, shape: str, rng: np.random.Generator, brush: Brush) -> Change:
    return replaced(picture, other, patch_mask(picture.shape[:2], rng, brush) * np.float32(between(brush.strength, rng)), shape)
