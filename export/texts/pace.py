"""Progress of describing: how many, how fast, how long still."""

from __future__ import annotations

import time
from collections.abc import Callable

from export.progress import Report

EVERY_S = 0.5


class Pace:
    """Reports progress, at most twice a second. `done` pictures were there before; they do not count in the rate."""

    def __init__(self, total: int, *, done: int, report: Report, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._total, self._before, self._done = total, done, done
        self._report, self._monotonic = report, monotonic
        self._started = monotonic()
        self._shown = self._started - EVERY_S

    def add(self, count: int = 1) -> None:
        """Say that more pictures are described."""
        self._done += count
        now = self._monotonic()
        if now - self._shown >= EVERY_S:
            self._shown = now
            rate = self._rate(now)
            left = duration((self._total - self._done) / rate) if rate else "unknown"
            self._report(f"described {self._done} of {self._total} pictures, {rate:.1f} a second, {left} left")

    def summary(self) -> str:
        """The last sentence."""
        now = self._monotonic()
        fresh = self._done - self._before
        before = f" ({self._before} were there before)" if self._before else ""
        return f"described {fresh} of {self._total} pictures{before} in {duration(now - self._started)}, {self._rate(now):.1f} a second"

    def _rate(self, now: float) -> float:
        return (self._done - self._before) / max(now - self._started, 1e-9)


def duration(seconds: float) -> str:
    """A time for people: 45 s, 12 min, 3 h 05 min."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"
