"""Picture files that someone names, as a camera: those given to `inspect`, and golden pictures. A name need not be UTF-8."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence

from edge.cameras.capture_factory import CaptureFactory
from edge.picture.decode import MAX_BYTES, PictureError, decode_picture, read_picture
from edge.records import Capture, Trouble
from firmware_config.station import Picture
from firmware_config.verified_file import StoredFile, VerifiedFile


class NamedFiles:
    """One capture for each file, in the order given; the source is the file's name."""

    def __init__(self, paths: Sequence[StoredFile], *, station: str, picture: Picture) -> None:
        self._paths = tuple(paths)
        self._picture = picture
        self._captures = CaptureFactory(station)
        self._closed = threading.Event()

    def frames(self) -> Iterator[Capture]:
        """Yield the pictures; see `edge.interfaces.Camera`."""
        for path in self._paths:
            if self._closed.is_set():
                return
            yield self._capture(path)

    def troubles(self) -> tuple[Trouble, ...]:
        """None: a file that cannot be read is a FAULT of its own."""
        return ()

    def close(self) -> None:
        """End `frames`; may be called twice."""
        self._closed.set()

    def _capture(self, path: StoredFile) -> Capture:
        started_ns = self._captures.now_ns()
        try:
            if isinstance(path, VerifiedFile):
                pixels = decode_picture(path.read(limit=MAX_BYTES), name=path.name, picture=self._picture)
            else:
                pixels = read_picture(path, picture=self._picture)
        except PictureError as err:
            return self._captures.lost(err.reason, err.detail, source=path.name)
        return self._captures.frame(pixels, source=path.name, started_ns=started_ns)
