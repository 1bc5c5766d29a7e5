"""A camera that gives what it was given: for tests of what comes after."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator

from edge.records import Capture


class MemoryCamera:
    """Yields prepared captures; with `hold`, stays open after the last one as a live camera does."""

    def __init__(self, captures: Iterable[Capture], *, hold: bool = False) -> None:
        self._captures = captures
        self._hold = hold
        self._closed = threading.Event()

    def frames(self) -> Iterator[Capture]:
        """Yield them; see `edge.interfaces.Camera`."""
        for capture in self._captures:
            if self._closed.is_set():
                return
            yield capture
        if self._hold:
            self._closed.wait()

    def close(self) -> None:
        """End `frames`; may be called twice."""
        self._closed.set()
