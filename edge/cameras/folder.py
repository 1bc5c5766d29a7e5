"""Pictures in a folder as a camera: in name order, and new ones as they appear."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

from edge.cameras.capture_factory import CaptureFactory
from edge.picture.decode import PLAIN, PictureError, read_picture
from edge.records import Capture, Reason
from firmware_config.cameras import FolderCamera as Settings
from firmware_config.station import Picture

_Facts = tuple[int, int]


class FolderCamera:
    """Every file that matches is one capture; what is no picture becomes a `LostFrame`.

    With `watch`, a file counts when its size and time stand still between two looks, so that one that is still being written is left
    alone; a file whose content changes counts again. Hidden files are left alone
    unless the pattern begins with a dot.
    """

    def __init__(self, settings: Settings, *, station: str, picture: Picture = PLAIN, captures: CaptureFactory | None = None) -> None:
        self._settings = settings
        self._picture = picture
        self._captures = captures or CaptureFactory(station)
        self._closed = threading.Event()

    def frames(self) -> Iterator[Capture]:
        """Yield pictures; see `edge.interfaces.Camera`."""
        if self._settings.watch:
            yield from self._watched()
            return
        while not self._closed.is_set():
            try:
                paths = self._paths()
            except OSError as err:
                yield self._unreachable(err)
                return
            for path in paths:
                if self._closed.is_set():
                    return
                yield self._capture(path)
            if not self._settings.repeat or not paths:
                return

    def close(self) -> None:
        """End `frames`; may be called twice."""
        self._closed.set()

    def _watched(self) -> Iterator[Capture]:
        done: dict[Path, _Facts] = {}
        growing: dict[Path, _Facts] = {}
        trouble = False
        while not self._closed.is_set():
            try:
                there = {path: facts for path in self._paths() if (facts := _facts(path)) is not None}
                trouble = False
            except OSError as err:
                if not trouble:
                    yield self._unreachable(err)
                trouble, there = True, {}
            for path in sorted(path for path, facts in there.items() if done.get(path) != facts and growing.get(path) == facts):
                if self._closed.is_set():
                    return
                yield self._capture(path)
                done[path] = there[path]
            done = {path: facts for path, facts in done.items() if path in there or trouble}
            growing = there
            self._closed.wait(self._settings.poll_ms / 1e3)

    def _paths(self) -> list[Path]:
        folder = self._settings.path
        next(folder.iterdir(), None)  # glob says nothing of a folder that is gone
        hidden_too = self._settings.pattern.startswith(".")
        found = folder.glob(self._settings.pattern)
        return sorted(path for path in found if (hidden_too or not path.name.startswith(".")) and not path.is_dir())

    def _capture(self, path: Path) -> Capture:
        source, started_ns = os.path.relpath(path, self._settings.path), self._captures.now_ns()
        try:
            pixels = read_picture(path, max_pixels=self._settings.max_pixels, max_bytes=self._settings.max_bytes, picture=self._picture)
        except PictureError as err:
            return self._captures.lost(err.reason, err.detail, source=source)
        return self._captures.frame(pixels, source=source, started_ns=started_ns)

    def _unreachable(self, err: OSError) -> Capture:
        folder = self._settings.path
        detail = f"the folder {folder} cannot be read ({err.strerror}): mount it again or correct camera.path"
        return self._captures.lost(Reason.CAMERA_UNREACHABLE, detail, source=str(folder))


def _facts(path: Path) -> _Facts | None:
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns
