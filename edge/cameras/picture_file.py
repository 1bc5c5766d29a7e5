"""One picture file as a camera: what `inspect` is given by name, and each golden picture. Any name will do, also one that is not UTF-8."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge.cameras.capture_factory import CaptureFactory
from edge.picture.decode import PictureError, read_picture
from edge.records import Capture
from firmware_config.station import Picture


class PictureFile:
    """Yields one capture; its source is the file's name."""

    def __init__(self, path: Path, *, station: str, picture: Picture) -> None:
        self._path = path
        self._picture = picture
        self._captures = CaptureFactory(station)
        self._closed = False

    def frames(self) -> Iterator[Capture]:
        """Yield the picture; see `edge.interfaces.Camera`."""
        if self._closed:
            return
        started_ns = self._captures.now_ns()
        try:
            pixels = read_picture(self._path, picture=self._picture)
        except PictureError as err:
            yield self._captures.lost(err.reason, err.detail, source=self._path.name)
            return
        yield self._captures.frame(pixels, source=self._path.name, started_ns=started_ns)

    def close(self) -> None:
        """Give nothing more; may be called twice."""
        self._closed = True
