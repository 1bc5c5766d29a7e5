"""The facts of a capture: its number, when it was taken by both clocks, and what the wall clock is worth."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timezone

from edge.cameras.clock import is_clock_synchronised
from edge.records import Frame, LostFrame, PictureFile, Pixels, Reason


def utc_now() -> datetime:
    """Wall time, UTC-aware."""
    return datetime.now(timezone.utc)


class CaptureFactory:
    """Numbers the captures of one station from 1."""

    def __init__(
        self,
        station: str,
        *,
        now: Callable[[], datetime] = utc_now,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        is_synchronised: Callable[[], bool | None] = is_clock_synchronised,
    ) -> None:
        self.station = station
        self._now = now
        self._monotonic_ns = monotonic_ns
        self._is_synchronised = is_synchronised
        self._sequence = 0

    def frame(self, pixels: Pixels, *, source: str, started_ns: int, taken_ns: int | None = None, file: PictureFile | None = None) -> Frame:
        """A frame whose capture began at `started_ns`; `taken_ns` where it is known to be older than now."""
        now_ns = self._monotonic_ns()
        self._sequence += 1
        return Frame(
            pixels=pixels,
            captured_at=self._now(),
            monotonic_ns=now_ns if taken_ns is None else taken_ns,
            station=self.station,
            sequence=self._sequence,
            source=source,
            capture_ms=(now_ns - started_ns) / 1e6,
            file=file,
            clock_synchronised=self._is_synchronised(),
        )

    def lost(self, reason: Reason, detail: str, *, source: str, file: PictureFile | None = None) -> LostFrame:
        """The fact that a picture could not be had."""
        self._sequence += 1
        return LostFrame(
            reason,
            detail,
            self._now(),
            self._monotonic_ns(),
            self.station,
            self._sequence,
            source,
            file=file,
            clock_synchronised=self._is_synchronised(),
        )

    def now_ns(self) -> int:
        """The monotonic clock, at the begin of a capture."""
        return self._monotonic_ns()
