"""Inspect one picture in each interval."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class IntervalTrigger:
    """Pictures are due every `interval_s` seconds. A late picture does not make the following ones come faster."""

    def __init__(self, *, interval_s: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._interval_s = interval_s
        self._monotonic = monotonic
        self._due = monotonic()

    def wait(self, stopping: threading.Event) -> bool:
        """Wait for the next interval; see `edge.interfaces.Trigger`."""
        now = self._monotonic()
        self._due = max(self._due + self._interval_s, now)
        return not stopping.wait(self._due - now)
