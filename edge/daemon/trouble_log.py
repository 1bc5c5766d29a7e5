"""What the log says of cameras: each trouble when it begins and when the camera is well again, and of one that flickers a line a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from edge.records import Trouble

log = logging.getLogger(__name__)

QUIET_S = 60.0
"""The same trouble of the same station is logged once in so long; the next line says how often it came."""


class TroubleLog:
    """Follows the troubles of all stations, in the thread of the main loop."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._said: dict[tuple[str, str], tuple[float, int]] = {}
        self._is_out: set[str] = set()

    def show(self, station: str, before: tuple[Trouble, ...], now: tuple[Trouble, ...]) -> None:
        """Log what is new. `before` are the troubles as of the last call for this station."""
        known = {trouble.code for trouble in before}
        for trouble in now:
            if trouble.code not in known:
                self._begin(station, trouble)
        if not now and station in self._is_out:
            self._is_out.discard(station)
            log.info("camera well again station=%s", station)

    def _begin(self, station: str, trouble: Trouble) -> None:
        at, unsaid = self._said.get((station, trouble.code), (float("-inf"), 0))
        if self._monotonic() - at < QUIET_S:
            self._said[station, trouble.code] = (at, unsaid + 1)
            return
        self._said[station, trouble.code] = (self._monotonic(), 0)
        self._is_out.add(station)
        times = f" times={unsaid + 1}" if unsaid else ""
        log.warning("camera trouble station=%s code=%s%s detail=%r", station, trouble.code, times, trouble.detail)
