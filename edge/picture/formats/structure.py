"""What a picture file says of itself, and the error of a file that is damaged or of a kind that is not read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from edge.errors import EdgeError
from edge.records import Reason

Samples: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""Decoded values as the file has them: (H, W) grey, (H, W, 3) BGR or (H, W, 4) BGRA."""

UPRIGHT = 1
"""The orientation (TIFF tag 274) of a picture that is stored as it is looked at."""


class FormatError(EdgeError):
    """A file that is not read. `what` completes "picture NAME ...": what is wrong, and what to do."""

    def __init__(self, reason: Reason, what: str, advice: str = "look at what writes it") -> None:
        super().__init__(f"{what}: {advice}")
        self.reason = reason
        self.what = f"{what}: {advice}"


@dataclass(frozen=True, slots=True)
class Structure:
    """What the whole file says, once its structure is sound.

    `end` is the first byte after the picture. `pages` counts pictures, frames or pages; `orientation` is TIFF tag 274, 1 to 8.
    `stored` is the span of bytes that holds pixel values which no checksum and no code protects, or None.
    """

    end: int
    pages: int = 1
    orientation: int = UPRIGHT
    stored: tuple[int, int] | None = None


def stored_rows(raw: bytes, first: int, end: int) -> Structure:
    """The structure of a file that keeps its values as they are, in the bytes from `first` to `end`.

    Raises:
        FormatError: the file ends before them.
    """
    if end > len(raw):
        raise FormatError(Reason.UNREADABLE, f"is cut off after {len(raw)} of {end} bytes")
    return Structure(end=end, stored=(first, end))


def as_samples(decoded: NDArray[Any]) -> Samples:
    """What OpenCV decoded to 8 or 16 bits."""
    return np.asarray(decoded, np.uint16) if decoded.dtype == np.uint16 else np.asarray(decoded, np.uint8)
