"""A camera that is out: one capture when it goes, and what is wrong until it is back."""

from __future__ import annotations

from edge.cameras.capture_factory import CaptureFactory
from edge.records import LostFrame, Reason, Trouble


class Outage:
    """Whether a camera is out, since when and why."""

    def __init__(self, captures: CaptureFactory) -> None:
        self._captures = captures
        self._trouble: Trouble | None = None

    def begin(self, reason: Reason, detail: str, *, source: str) -> LostFrame | None:
        """The capture that says so, the first time; None while the camera is out already, then with the newest reason."""
        if self._trouble is not None:
            self._trouble = Trouble(reason.value, self._trouble.since, detail)
            return None
        lost = self._captures.lost(reason, detail, source=source)
        self._trouble = Trouble(reason.value, lost.captured_at, detail)
        return lost

    def end(self) -> None:
        """The camera is back, or was never out."""
        self._trouble = None

    def troubles(self) -> tuple[Trouble, ...]:
        """What is wrong now; from any thread."""
        trouble = self._trouble
        return () if trouble is None else (trouble,)
