"""The second part of a trial: live pictures that the running bundle has judged are judged once more, in the child process.

The line waits for nothing here: of the pictures that come meanwhile only the newest of each station is kept.
"""

from __future__ import annotations

import threading

from edge.records import Capture, Frame, Inspection
from edge.trial.comparison import is_comparable

Pair = tuple[Frame, Inspection]


class Shadow:
    """Holds the newest picture of each station with its verdict. Any thread may offer, and returns at once; one thread takes.

    Nothing is kept while it is off.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pairs: dict[str, Pair] = {}
        """In the order in which the stations have a turn: a picture that takes the place of another one keeps that one's turn."""
        self._is_on = False

    def switch(self, *, on: bool) -> None:
        """Begin or end to keep pictures."""
        with self._changed:
            self._is_on, self._pairs = on, {}

    def offer(self, inspection: Inspection, capture: Capture) -> None:
        """Show a picture and what the running bundle makes of it."""
        if not self._is_on or not isinstance(capture, Frame) or not is_comparable(inspection):
            return
        with self._changed:
            if self._is_on:
                self._pairs[inspection.station] = capture, inspection
                self._changed.notify_all()

    def take(self, timeout_s: float) -> Pair | None:
        """The newest picture of the station whose turn it is; None if none comes in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._pairs, timeout_s)
            return self._pairs.pop(next(iter(self._pairs))) if self._pairs else None
