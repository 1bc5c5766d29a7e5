"""Pictures as a sensor gives them: a textured part, noise of a known strength, something that moves or nothing, and a number to be read."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

BITS = 16
BLOCK_PX = 16
"""The number is two rows of squares, the second one inverted: an encoder's macroblock each."""
DARK, LIGHT, MIDDLE = 40, 215, 128
SPEED_PX = 3
SHADES = 64
"""Pictures of noise that are drawn once; each picture of the scene takes one of them, shifted at random."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What the camera looks at. `noise` is the sensor's, one standard deviation in grey levels; `moving`: a disc crosses the part."""

    width: int = 320
    height: int = 240
    noise: float = 2.0
    moving: bool = True
    seed: int = 0


class Sensor:
    """Takes pictures of a scene, each with a number of its own."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._random = np.random.default_rng(scene.seed)
        size = (scene.height, scene.width)
        texture = cv2.GaussianBlur(self._random.normal(0, 60, size), (0, 0), 4)
        self._part = np.clip(110 + 30 * np.linspace(-1, 1, scene.width)[None] + texture, 30, 225).astype(np.float32)
        self._shades = self._random.normal(0, scene.noise, (min(SHADES, 16), *size)).astype(np.float32)

    def take(self, number: int) -> NDArray[np.uint8]:
        """The picture of this number, uint8 (height, width, 3)."""
        scene = self._scene
        picture = self._part.copy()
        if scene.moving:
            centre = (SPEED_PX * number % scene.width, scene.height * 2 // 3)
            cv2.circle(picture, centre, scene.height // 8, 200.0, -1)
        shade = self._shades[self._random.integers(len(self._shades))]
        shift = tuple(int(value) for value in self._random.integers(0, (scene.height, scene.width)))
        picture += np.roll(shade, shift, (0, 1))
        grey = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        if scene.moving:
            _write_number(grey, number)
        return np.repeat(grey[:, :, None], 3, 2)


def _write_number(grey: NDArray[np.uint8], number: int) -> None:
    for bit in range(BITS):
        level = LIGHT if number >> bit & 1 else DARK
        columns = slice(bit * BLOCK_PX, (bit + 1) * BLOCK_PX)
        grey[:BLOCK_PX, columns] = level
        grey[BLOCK_PX : 2 * BLOCK_PX, columns] = LIGHT + DARK - level


def read_number(pixels: NDArray[np.uint8]) -> int | None:
    """The number in a picture, None where its two rows of squares do not agree."""
    rows = pixels[: 2 * BLOCK_PX, : BITS * BLOCK_PX].mean(2) if pixels.ndim == 3 else pixels[: 2 * BLOCK_PX, : BITS * BLOCK_PX]
    squares = rows.reshape(2, BLOCK_PX, BITS, BLOCK_PX)[:, 3:-3, :, 3:-3].mean((1, 3)) > MIDDLE
    if (squares[0] == squares[1]).any():
        return None
    return int(sum(1 << bit for bit in range(BITS) if squares[0, bit]))
