"""A camera that is out, or gives what is no picture: the captures that say so, and what is wrong until it is back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from edge.cameras.capture_factory import CaptureFactory, utc_now
from edge.records import LostFrame, Reason, Trouble

HANGS_S = 10.0
"""One look at a folder, or one file, that takes longer hangs. A folder of 50,000 files takes 1.2 s."""


class Outage:
    """Whether a camera is out, since when and why."""

    def __init__(self, captures: CaptureFactory) -> None:
        self._captures = captures
        self._trouble: Trouble | None = None
        self._is_out = False
        self._doing: tuple[int, Trouble] | None = None

    def begin(self, reason: Reason, detail: str, *, source: str) -> LostFrame | None:
        """No more pictures: the capture that says so, the first time; None while it is so already, then with the newest reason."""
        if self._is_out and self._trouble is not None:
            self._trouble = Trouble(reason.value, self._trouble.since, detail)
            return None
        self._is_out = True
        return self._lost(reason, detail, source)

    def last(self, reason: Reason, detail: str, *, source: str) -> LostFrame:
        """A picture that is none: each one is a capture, and the trouble lasts with its first sentence until the reason changes."""
        self._is_out = False
        return self._lost(reason, detail, source)

    def end(self) -> None:
        """The camera is back, or was never out."""
        self._is_out, self._trouble = False, None

    @contextmanager
    def during(self, doing: str) -> Iterator[None]:
        """While the body does what may hang and cannot be ended, such as reading from a share: `troubles` says so after HANGS_S."""
        detail = f"{doing} takes more than {HANGS_S:.0f} s: look at the disk or share that it is on"
        self._doing = (self._captures.now_ns(), Trouble(Reason.CAMERA_STALLED.value, utc_now(), detail))
        try:
            yield
        finally:
            self._doing = None

    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong now; from any thread."""
        doing, trouble = self._doing, self._trouble
        if doing is not None and self._captures.now_ns() - doing[0] > HANGS_S * 1e9:
            return (doing[1],)
        return () if trouble is None else (trouble,)

    def _lost(self, reason: Reason, detail: str, source: str) -> LostFrame:
        lost = self._captures.lost(reason, detail, source=source)
        if self._trouble is None or self._trouble.code != reason.value:
            self._trouble = Trouble(reason.value, lost.captured_at, detail)
        return lost
