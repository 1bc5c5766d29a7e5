"""The last pictures of a camera that runs freely, to find the one nearest to a moment."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from statistics import median_low

from edge.records import Capture, Frame

MAX_FRAMES = 8
MAX_BYTES = 100_000_000
"""Of pixels. A request is looked at as soon as it comes, so that mostly the last frame before it and the first one after it are enough."""
LEAST_FRAMES = 2


class FrameRing:
    """Holds the newest captures, oldest first; also those that were lost, because the nearest one may be such a one."""

    def __init__(self, *, max_frames: int = MAX_FRAMES, max_bytes: int = MAX_BYTES) -> None:
        self._max_frames, self._max_bytes = max_frames, max_bytes
        self._captures: deque[Capture] = deque()

    def __len__(self) -> int:
        return len(self._captures)

    def __contains__(self, capture: Capture) -> bool:
        return any(one is capture for one in self._captures)

    def add(self, capture: Capture) -> None:
        """Put a capture in; the oldest ones go."""
        self._captures.append(capture)
        while len(self._captures) > self._max_frames or (len(self._captures) > LEAST_FRAMES and self._bytes() > self._max_bytes):
            self._captures.popleft()

    def clear(self) -> None:
        """Forget all."""
        self._captures.clear()

    def around(self, at_ns: int) -> tuple[Capture | None, Capture | None]:
        """The last capture at or before a moment (monotonic), and the first one after it."""
        before = [capture for capture in self._captures if capture.monotonic_ns <= at_ns]
        after = [capture for capture in self._captures if capture.monotonic_ns > at_ns]
        return max(before, key=_taken, default=None), min(after, key=_taken, default=None)

    def period_ns(self) -> int:
        """The usual time from one capture to the next, of those that are here; 0 where that is not known."""
        moments = sorted(map(_taken, self._captures))
        return median_low([later - earlier for earlier, later in pairwise(moments)]) if len(moments) > 1 else 0

    def _bytes(self) -> int:
        return sum(pixel_bytes(capture) for capture in self._captures)


def pixel_bytes(capture: Capture | None) -> int:
    """How many bytes the pixels of a capture take."""
    return capture.pixels.nbytes if isinstance(capture, Frame) else 0


def _taken(capture: Capture) -> int:
    return capture.monotonic_ns
