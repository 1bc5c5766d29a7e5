"""The change gate before BLIP: while a picture stays as it was, the last captions stand.

Off unless the station asks for it. It breaks, by design, "the same picture gives the same verdict": the captions may be those of an earlier
picture. What that costs on a line is what `kotoba-edge gate study` measures.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from edge.records import Pixels
from firmware_config.station import Reuse

TILES = 32
"""Tiles a side: small enough for a local defect to move the mean of its tile, large enough for noise not to."""
FOLLOW = 0.1
"""How far the running average goes towards each new picture."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What is compared of a picture: mean grey of its tiles, float32 (TILES, TILES), height and width in pixels, its CLIP embedding."""

    tiles: NDArray[np.float32]
    size: tuple[int, int]
    embeds: NDArray[np.float32]

    @classmethod
    def at(cls, pixels: Pixels, embeds: NDArray[np.float32]) -> Look:
        """Look at a picture, uint8 (H, W, 3) BGR."""
        grey = cv2.cvtColor(pixels, cv2.COLOR_BGR2GRAY).astype(np.float32)
        tiles = cv2.resize(grey, (TILES, TILES), interpolation=cv2.INTER_AREA)
        return cls(np.asarray(tiles, np.float32), (pixels.shape[0], pixels.shape[1]), embeds)


class CaptionReuse:
    """The captions of one station's last captioned picture, and whether they stand for the next one.

    Both limits must hold. No tile may differ by more than `max_grey` from the running average, nor from the picture that was captioned: a
    slow change would otherwise take the average along. The cosine to that picture must be at least `min_cosine`. Anything that is not
    finite, another size, or no picture before means no.
    """

    def __init__(self, settings: Reuse | None) -> None:
        self._settings = settings
        self._captioned: Look | None = None
        self._captions: tuple[str, ...] = ()
        self._average = np.zeros((TILES, TILES), np.float32)

    def recall(self, look: Look) -> tuple[str, ...] | None:
        """The captions that stand for this picture too; None where it must be captioned, and then told with `keep`."""
        settings, captioned = self._settings, self._captioned
        if settings is None or captioned is None or captioned.size != look.size:
            return None
        moved = max(float(np.abs(look.tiles - other).max()) for other in (self._average, captioned.tiles))
        if not (moved <= settings.max_grey and float(look.embeds @ captioned.embeds) >= settings.min_cosine):
            return None
        self._average += FOLLOW * (look.tiles - self._average)
        return self._captions

    def keep(self, look: Look, captions: tuple[str, ...]) -> None:
        """Remember the captions of a picture that was captioned."""
        self._captioned, self._captions, self._average = look, captions, look.tiles.copy()
