"""Whether a live camera is frozen, by the noise of its sensor: a picture that is encoded again and again has none, whatever its bits are.

How much noise of a camera survives its encoder is learned while it lives; nothing is known before that. Tiles of the picture are compared,
and the middle one counts: what moves in front of the camera covers some tiles, noise covers all. docs/studies/cameras.md has the figures.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

TILES = 8
MAX_SAMPLES = 200_000
"""Pixels that are compared; of a larger picture each n-th row and column."""

WINDOW_S = 1.4
"""Flagged within 2 s of the last live picture: this, and a picture or two."""
MIN_WINDOW = 5
"""Pictures; a slower camera takes longer."""
UPPER = 0.75
"""Quantile of the pictures of a window. Above a half, because some cameras send a picture twice; below one, because a key frame changes
all pixels of a still picture."""

FROZEN_SHARE = 0.4
"""Frozen pictures had at most 0.16 of the change of live ones, live ones at least 0.8 of their own floor, if that is MIN_FLOOR or more."""

LIVE_SHARE = 0.6
"""What is frozen stays so below this share: an encoder that still refines the picture must not bring one back."""

MIN_FLOOR = 0.2
"""Grey levels. With less the encoder leaves so little of the noise that live pictures and frozen ones are alike."""

MOTION = 4.0
"""Grey levels: a tile that changes by more than this has something moving in it, in pictures that are no key frames."""
MOVING_PICTURES = 3

BLOCKS = 10
HISTORY = 1_200
LOW = 0.1
"""The floor is this quantile of the windows known to live: at least BLOCKS of them, at most HISTORY."""


class Stillness:
    """Follows one camera, picture by picture. `floor` in grey levels is what is known of it from before."""

    def __init__(self, *, floor: float | None = None) -> None:
        self._history: deque[float] = deque([] if floor is None else [floor] * BLOCKS, HISTORY)
        self._floor = floor
        self._last: NDArray[np.int16] | None = None
        self._window: deque[tuple[float, float, float]] = deque()
        self._learned_s = 0.0
        self._is_frozen = False

    @property
    def floor(self) -> float | None:
        """The least change, in grey levels, that live pictures have been seen to have; None before that is known."""
        return self._floor

    def skip(self) -> None:
        """A picture is missing or damaged: the next one is compared with none, and what was frozen stays so until enough came."""
        self._last = None
        self._window.clear()

    def see(self, pixels: NDArray[np.uint8], at_s: float) -> bool:
        """Tell whether the camera is frozen with this picture, uint8 (H, W, 3), taken at this monotonic time."""
        picture, last = _samples(pixels), self._last
        self._last = picture
        if last is None or last.shape != picture.shape:
            self._window.clear()
            return self._is_frozen
        tiles = _tiles(np.abs(picture - last))
        self._window.append((at_s, float(np.median(tiles)), float(tiles.max())))
        while len(self._window) > MIN_WINDOW and at_s - self._window[0][0] > WINDOW_S:
            self._window.popleft()
        if len(self._window) < MIN_WINDOW or at_s - self._window[0][0] < WINDOW_S * 0.9:
            return self._is_frozen
        change = float(np.quantile([middle for _, middle, _ in self._window], UPPER))
        moves = sorted(most for _, _, most in self._window)[-MOVING_PICTURES] > MOTION
        share = LIVE_SHARE if self._is_frozen else FROZEN_SHARE
        self._is_frozen = self._floor is not None and self._floor >= MIN_FLOOR and change < share * self._floor and not moves
        if not self._is_frozen and at_s - self._learned_s >= WINDOW_S:
            self._learn(change, at_s)
        return self._is_frozen

    def _learn(self, change: float, at_s: float) -> None:
        self._learned_s = at_s
        self._history.append(change)
        if len(self._history) >= BLOCKS:
            self._floor = float(np.quantile(self._history, LOW))


def _samples(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Some of the green pixels, cut so that tiles divide them."""
    height, width = pixels.shape[:2]
    step = max(1, round((height * width / MAX_SAMPLES) ** 0.5))
    green = pixels[::step, ::step, 1]
    return green[: green.shape[0] // TILES * TILES, : green.shape[1] // TILES * TILES].astype(np.int16)


def _tiles(change: NDArray[np.int16]) -> NDArray[np.float32]:
    height, width = change.shape
    return np.asarray(change.reshape(TILES, height // TILES, TILES, width // TILES).mean((1, 3)), np.float32)
