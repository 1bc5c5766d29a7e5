"""Defects painted onto a good picture as a product chooses them, with what follows from each change: place, size, strength, patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from export.painting.kinds import DEFECT_PAINTERS
from export.painting.noise import Field
from export.painting.scene import Brush, Change, Defect, Image
from export.painting.visibility import stands_out

LEAST_STRENGTH = 0.06
"""A defect that differs from its surroundings by a smaller share cannot be seen and is left out."""
HIDDEN_BY_GRAIN = 1.5
"""A defect cannot be told from the grain if it differs by less than this many deviations of the grain."""
LEAST_STEP = 1.5 / 255
"""A pixel that changes by less looks the same to a camera of 8 bit: black on black, or white on white."""
COVERED = 0.03
"""A patch has the kind of a defect that changes it by this share on average, or clearly in a few pixels (FEW of a side of 16)."""
FEW = 8 / 16
WITH_ANOTHER_KIND = 0.3
"""The share of pictures in which a kind comes with the kind that it often comes with."""
TRIES = 4
"""So often a defect is painted that does not stand out."""
MIXED = 0.15
"""The share of pictures with one more defect of any kind."""


@dataclass(frozen=True, slots=True)
class Choice:
    """One way in which a product's defect may look.

    `name` is the product's kind; several choices may paint the same kind. `painter` is a name of DEFECT_PAINTERS. `share` weighs the choice
    against the others. Up to `more` further defects of the kind come with it. `often_with` is another kind of which one or two may come
    with it (WITH_ANOTHER_KIND). Nothing else is painted beside a defect that is `alone`.
    """

    name: str
    painter: str
    share: float = 1.0
    brush: Brush = field(default_factory=Brush)
    more: int = 0
    often_with: str | None = None
    alone: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Painted:
    """A picture with defects: `pixels` as the picture that was painted on, `patch_kinds` uint8 (rows, columns), `defects`.

    A patch is 0, or i + 1 where the i-th choice was painted; the last one painted covers those before. Patches at the right and lower
    border are cut off where the picture is no multiple of their side.
    """

    pixels: Image
    patch_kinds: NDArray[np.uint8]
    defects: tuple[Defect, ...]


def paint(
    picture: Image,
    rng: np.random.Generator,
    choices: Sequence[Choice],
    *,
    patch_px: int,
    grain: float = 0.0,
    least: float = LEAST_STRENGTH,
    apart: float = 0.0,
) -> Painted:
    """Paint one to several defects, kinds mixed as the choices say.

    `grain` is the deviation of harmless grain as a share of the brightness: weaker defects are hidden by it. A defect that cannot be seen
    is left out, so that a picture may stay without any. With `apart` above 0 the surface is alike everywhere: a defect that stands out by
    fewer deviations (`export.painting.visibility`) is painted again, at most TRIES times.
    """
    least_strength = max(least, HIDDEN_BY_GRAIN * grain)
    pixels, defects = picture.copy(), []
    patch_kinds = no_patches(picture.shape, patch_px)
    for index in _drawn(choices, rng):
        choice = choices[index]
        for _ in range(TRIES if apart else 1):
            change = DEFECT_PAINTERS[choice.painter](pixels, rng, choice.brush)
            seen = visible_extent(pixels, change)
            defect = as_defect(choice.name, change.shape, seen)
            if defect is None or defect.strength < least_strength:
                continue
            if not apart or stands_out(pixels, change.pixels, seen, rng) >= apart:
                break
        else:
            continue
        pixels = change.pixels
        patch_kinds[covered_patches(seen, defect.strength, patch_px)] = index + 1
        defects.append(defect)
    return Painted(pixels, patch_kinds, tuple(defects))


def no_patches(shape: tuple[int, ...], patch_px: int) -> NDArray[np.uint8]:
    """The patches of a picture without a defect, uint8 (rows, columns)."""
    return np.zeros((-(-shape[0] // patch_px), -(-shape[1] // patch_px)), np.uint8)


def visible_extent(before: Image, change: Change) -> Field:
    """The extent of a change where a camera can see it: 0 where the exposed pixels stay the same."""
    step = np.abs(np.clip(change.pixels, 0, 1) - np.clip(before, 0, 1))
    step = step if step.ndim == 2 else step.max(axis=2)
    return np.where(step < LEAST_STEP, np.float32(0), change.extent)


def as_defect(kind: str, shape: str, extent: Field) -> Defect | None:
    """Measure a change: where it is, how large and how strong; None where nothing was changed."""
    highest = float(extent.max())
    if highest <= 0:
        return None
    strength = float(np.quantile(extent[extent > 0.25 * highest], 0.7))
    clear = extent > 0.5 * strength
    (x, columns), (y, rows) = _span(clear.sum(axis=0)), _span(clear.sum(axis=1))
    height, width = extent.shape
    return Defect(kind, shape, x / width, y / height, max(columns, rows) / max(height, width), strength)


def _span(counts: NDArray[np.int_]) -> tuple[float, int]:
    """The mean place of the counted pixels and how far they reach, in pixels."""
    places = np.flatnonzero(counts)
    return float((counts * np.arange(len(counts))).sum() / counts.sum()) + 0.5, int(places[-1] - places[0]) + 1


def covered_patches(extent: Field, strength: float, patch_px: int) -> NDArray[np.bool_]:
    """The patches that a defect covers, bool (rows, columns)."""
    rows, columns = no_patches(extent.shape, patch_px).shape
    below, beside = rows * patch_px - extent.shape[0], columns * patch_px - extent.shape[1]
    padded = cv2.copyMakeBorder(extent, 0, below, 0, beside, cv2.BORDER_CONSTANT, value=0.0)
    patches = padded.reshape(rows, patch_px, columns, patch_px)
    clearly = (patches > max(LEAST_STRENGTH, 0.5 * strength)).sum((1, 3))
    return np.asarray((patches.mean((1, 3)) > COVERED) | (clearly >= max(1, FEW * patch_px)))


def _drawn(choices: Sequence[Choice], rng: np.random.Generator) -> list[int]:
    """Draw which choices are painted, in this order."""
    everything = range(len(choices))
    first = _one(everything, choices, rng)
    choice, drawn = choices[first], [first]
    if choice.alone:
        return drawn
    alike = [index for index in everything if choices[index].name == choice.name]
    again = _one(alike, choices, rng)
    drawn += [again] * int(rng.integers(choice.more + 1))
    company = [index for index in everything if choices[index].name == choice.often_with]
    if company and rng.random() < WITH_ANOTHER_KIND:
        drawn += [_one(company, choices, rng)] * int(rng.integers(1, 3))
    had = {choice.name, choice.often_with}
    others = [index for index in everything if (one := choices[index]).share and not one.alone and one.name not in had]
    if others and rng.random() < MIXED:
        drawn.append(_one(others, choices, rng))
    return drawn


def _one(among: Sequence[int], choices: Sequence[Choice], rng: np.random.Generator) -> int:
    shares = np.array([choices[index].share for index in among], np.float64)
    return int(among[int(rng.choice(len(among), p=shares / shares.sum()))])
