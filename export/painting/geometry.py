"""Painters of geometry: a component that is shifted, tilted, missing, another one, or there once too often.

They need the masks of the brush.

A brush without masks paints nothing: the picture stays as it is and the extent is 0.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from export.errors import ExportError
from export.painting.noise import Field, between, blurred
from export.painting.scene import Brush, Change, Image
from export.painting.texture import contrast, unlike

Mask = NDArray[np.bool_]

LEFT_SHARE = 0.6
"""So many empty places show what a component leaves there: its hole, or its pads. The others are like their surroundings."""
RECOLOURED_SHARE = 0.4
"""So many wrong components are the right one in other colours. The others are the right one, or one from elsewhere, in another size."""


def shifted_component(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Move one component in any direction; `size` is how far, as a share of the longer side."""
    if not brush.masks:
        return _unchanged(picture)
    mask = _component(picture, rng, brush)
    angle, distance = rng.uniform(0, 2 * np.pi), between(brush.size, rng) * max(mask.shape)
    return _moved(picture, mask, np.array([[1, 0, np.cos(angle) * distance], [0, 1, np.sin(angle) * distance]]), "shifted", rng)


def tilted_component(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Turn one component about its middle, either way; strength 1 is 45 degrees."""
    if not brush.masks:
        return _unchanged(picture)
    mask = _component(picture, rng, brush)
    ys, xs = np.nonzero(mask)
    degrees = 45 * between(brush.strength, rng) * float(rng.choice([-1, 1]))
    turn = np.asarray(cv2.getRotationMatrix2D((float(xs.mean()), float(ys.mean())), degrees, 1.0), np.float64)
    return _moved(picture, mask, turn, "tilted", rng)


def missing_component(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Take one component away; the place is like its surroundings, or shows a hole or pads."""
    if not brush.masks:
        return _unchanged(picture)
    mask = _component(picture, rng, brush)
    return _compared(picture, _emptied(picture, mask, rng), _soft(mask), "missing")


def other_component(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Put another component into the place of one: of another size or of other colours."""
    if not brush.masks:
        return _unchanged(picture)
    mask = _component(picture, rng, brush)
    if rng.random() < RECOLOURED_SHARE:
        alpha = _soft(mask)
        return _compared(picture, picture + _as(picture, alpha) * (_recoloured(picture, rng) - picture), alpha, "other")
    taken = _component(picture, rng, brush)
    middle, size = _box_middle(mask)
    old_middle, old_size = _box_middle(taken)
    fitting = np.clip((size / old_size).min(), 0.5, 2.0)
    zoom = fitting * (rng.uniform(0.6, 0.85) if rng.random() < 0.5 else rng.uniform(1.15, 1.5))
    return _moved(picture, mask, np.hstack([np.eye(2) * zoom, (middle - zoom * old_middle)[:, None]]), "other", rng, taken=taken)


def extra_component(picture: Image, rng: np.random.Generator, brush: Brush) -> Change:
    """Paste one component once more onto a free place; nothing is painted where there is no room."""
    if not brush.masks:
        return _unchanged(picture)
    mask = _component(picture, rng, brush)
    rows, columns, height, width = _box(mask)
    margin = max(2, max(mask.shape) // 50)
    taken = cv2.dilate(np.any(np.stack(brush.masks), axis=0).astype(np.uint8), np.ones([2 * margin + 1] * 2, np.uint8))
    # Where the upper left corner of the component's box may lie: nothing of the box is taken, or outside of the picture.
    free = cv2.erode(1 - taken, np.ones((height, width), np.uint8), anchor=(0, 0), borderType=cv2.BORDER_CONSTANT, borderValue=0.0)
    places = np.argwhere(free > 0)
    if not len(places):
        return _unchanged(picture)
    top, left = (int(place) for place in places[int(rng.integers(len(places)))])
    move = np.array([[1.0, 0, left - columns.start], [0, 1, top - rows.start]])
    alpha = _warped(_soft(mask), move)
    return _compared(picture, picture + _as(picture, alpha) * (_warped(picture, move) - picture), alpha, "extra")


def _component(picture: Image, rng: np.random.Generator, brush: Brush) -> Mask:
    mask = brush.masks[int(rng.integers(len(brush.masks)))]
    if mask.shape != picture.shape[:2] or not mask.any():
        message = f"cannot paint a component of a picture of {picture.shape[:2]}: its mask is {mask.shape} with {int(mask.sum())} pixels; "
        raise ExportError(message + "give a bool mask of the picture's size that marks the component")
    return mask


def _moved(
    picture: Image, mask: Mask, move: NDArray[np.float64], shape: str, rng: np.random.Generator, *, taken: Mask | None = None
) -> Change:
    """Empty the place of a component and paste it, or the component `taken`, where `move`, float64 (2, 3), takes that."""
    old, new = _soft(mask), _warped(_soft(mask if taken is None else taken), move)
    emptied = _emptied(picture, mask, rng)
    pixels = emptied + _as(picture, new) * (_warped(picture, move) - emptied)
    return _compared(picture, pixels, np.maximum(old, new), shape)


def _compared(picture: Image, pixels: Image, where: Field, shape: str) -> Change:
    """The change, with an extent that is measured: how unlike the two pictures are where the component is or was."""
    painted = np.asarray(picture + _as(picture, (where > 0).astype(np.float32)) * (pixels - picture), np.float32)
    return Change(painted, where * unlike(painted - picture, contrast(picture)), shape)


def _recoloured(picture: Image, rng: np.random.Generator) -> Image:
    """The picture in other colours, or, in grey, darker or brighter."""
    gain = np.exp(rng.uniform(0.2, 0.7, 3) * rng.choice([-1, 1], 3)).astype(np.float32)
    if picture.ndim == 2:
        return np.clip(picture * gain[0], 0, 1)
    return np.clip(picture[..., rng.permutation(3)] * gain, 0, 1)


def _emptied(picture: Image, mask: Mask, rng: np.random.Generator) -> Image:
    """Take a component away: its place is like the surroundings, or shows a round hole or a row of pads, dark or bright."""
    out = _filled(picture, mask, rng)
    if rng.random() >= LEFT_SHARE:
        return out
    middle, size = _box_middle(mask)
    half = size.min() / 2
    left = np.zeros(mask.shape, np.float32)
    if rng.random() < 0.6:
        count, radius = 1, half * rng.uniform(0.3, 0.9)
    else:
        count, radius = int(rng.integers(2, 7)), half * rng.uniform(0.1, 0.4)
    step = np.zeros(2)
    step[size.argmax()] = size.max() / count
    for number in range(count):
        x, y = middle + (number - (count - 1) / 2) * step
        cv2.circle(left, (round(16 * x), round(16 * y)), round(16 * max(radius, 1.0)), 1.0, -1, cv2.LINE_AA, shift=4)
    level = rng.uniform(0.1, 0.6) if rng.random() < 0.6 else rng.uniform(1.3, 2.2)
    alpha = blurred(left, 0.7) * _soft(mask)
    return np.asarray(out + _as(picture, alpha) * (np.clip(out * np.float32(level), 0, 1) - out), np.float32)


def _filled(picture: Image, mask: Mask, rng: np.random.Generator) -> Image:
    """Fill a component's place from its surroundings, with their grain."""
    rows, columns, height, width = _box(mask)
    margin = max(6, (height + width) // 8)
    around = (
        slice(max(0, rows.start - margin), rows.stop + margin),
        slice(max(0, columns.start - margin), columns.stop + margin),
    )
    hole = cv2.dilate(mask[around].astype(np.uint8), np.ones((5, 5), np.uint8))
    piece = picture[around]
    levels = np.round(np.clip(piece, 0, 1) * 255).astype(np.uint8)
    patched = np.asarray(cv2.inpaint(levels, hole, 3, cv2.INPAINT_TELEA), np.float32) / 255
    around_it = piece[hole == 0]
    if around_it.size:  # an outline or a track beside the component is not what lies under it
        patched = np.median(around_it, axis=0) + np.float32(rng.random()) * (patched - np.median(around_it, axis=0))
    rest = (piece - blurred(piece, 1.5))[hole == 0]
    grain: Field = np.asarray(rng.standard_normal(hole.shape) * (1.48 * np.median(np.abs(rest)) if rest.size else 0), np.float32)
    soft = _as(picture, np.maximum(blurred(hole.astype(np.float32), 0.7), _soft(mask)[around]))
    out = picture.copy()
    out[around] = piece + soft * (patched + _as(picture, grain) - piece)
    return out


def _box(mask: Mask) -> tuple[slice, slice, int, int]:
    """The rows and columns of a component, its height and its width."""
    ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    rows, columns = slice(int(ys[0]), int(ys[-1]) + 1), slice(int(xs[0]), int(xs[-1]) + 1)
    return rows, columns, rows.stop - rows.start, columns.stop - columns.start


def _box_middle(mask: Mask) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The middle of a component's box, (x, y), and its width and height, in px."""
    rows, columns, height, width = _box(mask)
    size = np.array([width, height], np.float64)
    return np.array([columns.start, rows.start]) + size / 2, size


def _soft(mask: Mask) -> Field:
    return blurred(mask.astype(np.float32), 0.6)


def _warped(image: NDArray[np.float32], move: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(cv2.warpAffine(image, move, image.shape[1::-1], flags=cv2.INTER_LINEAR), np.float32)


def _as(picture: Image, field: Field) -> NDArray[np.float32]:
    """A field that multiplies a picture, grey or colour."""
    return field if picture.ndim == 2 else field[..., None]


def _unchanged(picture: Image) -> Change:
    return Change(picture.copy(), np.zeros(picture.shape[:2], np.float32), "none")
