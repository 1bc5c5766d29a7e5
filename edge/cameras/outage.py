"""A camera that is out, or gives what is no picture: the captures that say so, and what is wrong until it is back."""

from __future__ import annotations

from edge.cameras.capture_factory import CaptureFactory
from edge.records import LostFrame, Reason, Trouble


class Outage:
    """Whether a camera is out, since when and why."""

    def __init__(self, captures: CaptureFactory) -> None:
        self._captures = captures
        self._trouble: Trouble | None = None
        self._is_out = False

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

    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong now; from any thread."""
        trouble = self._trouble
        return () if trouble is None else (trouble,)

    def _lost(self, reason: Reason, detail: str, source: str) -> LostFrame:
        lost = self._captures.lost(reason, detail, source=source)
        if self._trouble is None or self._trouble.code != reason.value:
            self._trouble = Trouble(reason.value, lost.captured_at, detail)
        return lost
