"""Conditions of capture that a product expects: how its pictures are placed and exposed. None of it is a defect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from export.painting.noise import between, blurred
from export.painting.scene import Image, Range

Flips: TypeAlias = Literal["none", "horizontal", "vertical", "both", "turned"]


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a camera may do to a picture. The ranges are those of a solar cell.

    `flips` are the ways in which a picture of the product may be mirrored: "horizontal" swaps left and right, "turned" is a half turn.
    `quarter_turns`: it may be turned by 90 degrees, or by 180 where it is not square. A share of `moved_share` is also shifted by up to
    `shift_px`, turned by up to `rotation_degrees` either way and zoomed, which resamples it: for a product whose structure must keep its
    scale, all three stay off.
    Brightness becomes `brightness ** gamma * gain`; a share of `blurred_share` is blurred by `blur_px`, the deviation of a Gaussian;
    `noise` is the deviation of the noise as a share of white.
    """

    gain: Range = (0.5, 1.3)
    gamma: Range = (0.6, 1.5)
    blur_px: Range = (0.3, 0.9)
    blurred_share: float = 0.3
    noise: Range = (0.0, 0.02)
    flips: Flips = "both"
    quarter_turns: bool = False
    moved_share: float = 0.2
    shift_px: float = 4.0
    rotation_degrees: float = 1.0
    zoom: Range = (0.97, 1.06)


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where a picture lies under the camera. The masks of its components are moved by the same placement."""

    mirrored: bool
    upside_down: bool
    quarter_turns: int
    matrix: NDArray[np.float64] | None

    def move(self, pixels: Image) -> Image:
        """Place a picture; what comes in from outside continues its border."""
        if self.upside_down:
            pixels = pixels[::-1]
        if self.mirrored:
            pixels = pixels[:, ::-1]
        pixels = np.ascontiguousarray(np.rot90(pixels, self.quarter_turns), np.float32)
        if self.matrix is None:
            return pixels
        warped = cv2.warpAffine(pixels, self.matrix, pixels.shape[1::-1], flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(warped, np.float32)

    def move_mask(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Place the mask of a component, bool (H, W)."""
        return self.move(mask.astype(np.float32)) > 0.5


def draw_placement(shape: tuple[int, ...], rng: np.random.Generator, conditions: Conditions) -> Placement:
    """Draw how a picture of `shape` (H, W, ...) is placed."""
    height, width = shape[:2]
    mirrored = conditions.flips in {"horizontal", "both"} and bool(rng.random() < 0.5)
    upside_down = conditions.flips in {"vertical", "both"} and bool(rng.random() < 0.5)
    turns = 2 * int(rng.integers(2)) if conditions.flips == "turned" else 0
    if conditions.quarter_turns:
        turns = int(rng.integers(4)) if height == width else 2 * int(rng.integers(2))
    moves = conditions.shift_px > 0 or conditions.rotation_degrees > 0 or conditions.zoom != (1.0, 1.0)
    if not moves or rng.random() >= conditions.moved_share:
        return Placement(mirrored, upside_down, turns, None)
    angle = float(rng.uniform(-conditions.rotation_degrees, conditions.rotation_degrees))
    matrix = np.asarray(cv2.getRotationMatrix2D((width / 2, height / 2), angle, between(conditions.zoom, rng)), np.float64)
    matrix[:, 2] += rng.uniform(-conditions.shift_px, conditions.shift_px, 2)
    return Placement(mirrored, upside_down, turns, matrix)


def place(pixels: Image, rng: np.random.Generator, conditions: Conditions) -> Image:
    """Flip, turn, shift and zoom a picture. Call it before painting, so that the places of painted defects stay right."""
    return draw_placement(pixels.shape, rng, conditions).move(pixels)


def capture(pixels: Image, rng: np.random.Generator, conditions: Conditions) -> NDArray[np.uint8]:
    """Expose a picture: gamma, gain, blur and noise; uint8 of the same shape."""
    exposed = np.asarray(cv2.pow(np.clip(pixels, 0.003, 2), between(conditions.gamma, rng)), np.float32)
    exposed *= np.float32(between(conditions.gain, rng))
    if rng.random() < conditions.blurred_share:
        exposed = blurred(exposed, between(conditions.blur_px, rng))
    deviation = between(conditions.noise, rng)
    if deviation > 0:
        exposed = exposed + rng.standard_normal(exposed.shape, dtype=np.float32) * np.float32(deviation)
    return np.round(np.clip(exposed, 0, 1) * 255).astype(np.uint8)
