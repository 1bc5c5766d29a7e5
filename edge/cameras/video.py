"""A video file as a camera. It is read in a child process: a file may lie on a share that hangs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2

from edge.cameras.capture_factory import CaptureFactory
from edge.cameras.outage import Outage
from edge.cameras.reader import END, TROUBLE
from edge.cameras.reader_process import FFMPEG_ENVIRONMENT, READER, LostError, ReaderProcess, Source
from edge.records import Capture, Reason, Trouble
from firmware_config.cameras import VideoCamera as Settings

AGAIN = "look at the disk or share that it is on, and start the station again"


class VideoCamera:
    """One frame of every `every`, to the end of the file."""

    def __init__(
        self, settings: Settings, *, station: str, captures: CaptureFactory | None = None, command: Sequence[str] = READER
    ) -> None:
        self._path = settings.path
        self._captures = captures or CaptureFactory(station)
        self._outage = Outage(self._captures)
        source = Source(
            name=self._path.name,
            address=str(self._path),
            backend=cv2.CAP_FFMPEG,
            parameters=(cv2.CAP_PROP_N_THREADS, 1),  # so that what the decoder says belongs to the frame that it gives
            environment=FFMPEG_ENVIRONMENT,
            open_ms=settings.read_ms,
            read_ms=settings.read_ms,
            every=settings.every,
            harmless=settings.harmless,
        )
        self._reader = ReaderProcess(source, called=f"the video {self._path}", again=AGAIN, command=command)

    def frames(self) -> Iterator[Capture]:
        """Yield pictures; see `edge.interfaces.Camera`."""
        if self._reader.closed.is_set():
            return
        try:
            _require_utf_8(self._path)
            yield from self._read()
        except LostError as err:
            if not self._reader.closed.is_set():
                lost = self._outage.begin(err.reason, err.detail, source=self._path.name)
                if lost is not None:
                    yield lost
        finally:
            self._reader.kill()

    def troubles(self) -> tuple[Trouble, ...]:
        """Whether the file cannot be opened or does not go on; see `edge.interfaces.Camera`."""
        return self._outage.troubles()

    def close(self) -> None:
        """End `frames` and the child; may be called twice and from any thread."""
        self._reader.close()

    def _read(self) -> Iterator[Capture]:
        path = self._path
        self._reader.start()
        while not self._reader.closed.is_set():
            started_ns = self._captures.now_ns()
            answer = self._reader.ask()
            source = f"{path.name}#{answer.number}"
            if answer.kind == TROUBLE:
                raise LostError(Reason.CAMERA_UNREACHABLE, f"the video {path} {answer.text}: give a file that FFmpeg reads")
            if answer.kind == END:
                if answer.text:
                    detail = f"the video {path} {answer.text}: replace the file"
                    yield self._captures.lost(Reason.UNREADABLE, detail, source=f"{path.name}#{answer.number + 1}")
                return
            if answer.pixels is not None:
                yield self._captures.frame(answer.pixels, source=source, started_ns=started_ns)
                continue
            detail = f"frame {answer.number} of the video {path} is damaged, or builds on one that is ({answer.text}): replace the file"
            yield self._captures.lost(Reason.UNREADABLE, detail, source=source)


def _require_utf_8(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as err:  # OpenCV 5.0.0 crashes on it
        detail = f"the video {path} cannot be opened, because its name is not UTF-8: rename the file or its folder"
        raise LostError(Reason.CAMERA_UNREACHABLE, detail) from err
