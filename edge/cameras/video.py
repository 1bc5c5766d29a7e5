"""A video file as a camera."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edge.cameras.capture_factory import CaptureFactory
from edge.cameras.outage import Outage
from edge.records import Capture, Reason, Trouble
from firmware_config.cameras import VideoCamera as Settings


class VideoCamera:
    """One frame of every `every`, to the end of the file."""

    def __init__(self, settings: Settings, *, station: str, captures: CaptureFactory | None = None) -> None:
        self._settings = settings
        self._captures = captures or CaptureFactory(station)
        self._outage = Outage(self._captures)
        self._closed = threading.Event()

    def frames(self) -> Iterator[Capture]:
        """Yield pictures; see `edge.interfaces.Camera`."""
        if self._closed.is_set():
            return
        path = self._settings.path
        if not _is_utf_8(path):  # OpenCV 5.0.0 crashes on it
            detail = f"the video {path} cannot be opened, because its name is not UTF-8: rename the file or its folder"
            yield self._captures.lost(Reason.CAMERA_UNREACHABLE, detail, source=path.name)
            return
        video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        number = 0
        try:
            if not video.isOpened():
                detail = f"the video {path} cannot be opened: give a file that FFmpeg reads"
                lost = self._outage.begin(Reason.CAMERA_UNREACHABLE, detail, source=path.name)
                if lost is not None:
                    yield lost
                return
            self._outage.end()
            expected = int(video.get(cv2.CAP_PROP_FRAME_COUNT))
            while not self._closed.is_set():
                started_ns = self._captures.now_ns()
                if not video.grab():
                    break
                number += 1
                if (number - 1) % self._settings.every:
                    continue
                source = f"{path.name}#{number}"
                good, pixels = video.retrieve()
                if good and pixels is not None:
                    yield self._captures.frame(np.ascontiguousarray(pixels, np.uint8), source=source, started_ns=started_ns)
                else:
                    yield self._captures.lost(
                        Reason.UNREADABLE, f"frame {number} of the video {path} cannot be decoded: replace the file", source=source
                    )
            if not self._closed.is_set() and number < expected:
                detail = f"the video {path} ends after {number} of {expected} frames: replace the file"
                yield self._captures.lost(Reason.UNREADABLE, detail, source=f"{path.name}#{number + 1}")
        finally:
            video.release()

    def troubles(self) -> tuple[Trouble, ...]:
        """Whether the file cannot be opened; see `edge.interfaces.Camera`."""
        return self._outage.troubles()

    def close(self) -> None:
        """End `frames`; may be called twice."""
        self._closed.set()


def _is_utf_8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
