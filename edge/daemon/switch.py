"""Whether a station inspects, as somebody has said: on when the daemon begins."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timezone

LOOK_S = 0.25
"""How often a station that is off looks whether the daemon ends."""


class Switch:
    """On or off, since when (UTC). Any thread may call."""

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(timezone.utc)) -> None:
        self._now = now
        self._on = threading.Event()
        self._on.set()
        self.since = now()

    @property
    def is_on(self) -> bool:
        """Whether the station inspects."""
        return self._on.is_set()

    def set(self, *, on: bool) -> bool:
        """Switch; False if it was so already."""
        if on == self.is_on:
            return False
        self.since = self._now()
        if on:
            self._on.set()
        else:
            self._on.clear()
        return True

    def wait_until_on(self, stopping: threading.Event) -> bool:
        """Wait while it is off; False if `stopping` is set."""
        while not self._on.wait(LOOK_S):
            if stopping.is_set():
                return False
        return not stopping.is_set()
