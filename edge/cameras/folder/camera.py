"""Pictures in a folder as a camera: all that are there in name order, or each new file once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

from edge.cameras.capture_factory import CaptureFactory
from edge.cameras.folder.inotify import FolderEvents, Reports
from edge.cameras.folder.listing import Listing
from edge.cameras.folder.watched import UNFINISHED_S, WatchedFolder, unreachable
from edge.cameras.outage import Outage
from edge.interfaces import JudgedFiles
from edge.picture.decode import PLAIN, PictureError, read_picture
from edge.records import Capture, Trouble
from firmware_config.cameras import FolderCamera as Settings
from firmware_config.station import Picture


class FolderCamera:
    """Every file whose name the pattern takes is one capture; what is no picture becomes a `LostFrame`.

    With `watch` a file counts once it is whole, and is judged once: `judged` says what was judged before the start. A file whose content
    changes counts again. Without, what is there is given in name order.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        station: str,
        picture: Picture = PLAIN,
        captures: CaptureFactory | None = None,
        judged: JudgedFiles | None = None,
        on_left_alone: Callable[[], None] = lambda: None,
        open_events: Callable[[], Reports] = FolderEvents,
        unfinished_s: float = UNFINISHED_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._picture = picture
        self._captures = captures or CaptureFactory(station)
        self._closed = threading.Event()
        self._outage = Outage(self._captures)
        self._listing = Listing(settings.path, settings.patterns, station=station, on_left_alone=on_left_alone)
        self._watched = WatchedFolder(
            settings,
            picture=picture,
            listing=self._listing,
            captures=self._captures,
            outage=self._outage,
            closed=self._closed,
            judged=judged,
            open_events=open_events,
            unfinished_s=unfinished_s,
            monotonic=monotonic,
        )

    def frames(self) -> Iterator[Capture]:
        """Yield pictures; see `edge.interfaces.Camera`."""
        return self._watched.captures() if self._settings.watch else self._all()

    def troubles(self) -> tuple[Trouble, ...]:
        """Whether the folder cannot be read, or judged files cannot be moved; see `edge.interfaces.Camera`."""
        return (*self._outage.troubles(), *self._watched.troubles())

    def close(self) -> None:
        """End `frames`; may be called twice."""
        self._closed.set()

    def _all(self) -> Iterator[Capture]:
        while not self._closed.is_set():
            try:
                with self._outage.during(f"reading the folder {self._settings.path}"):
                    names = self._listing.read().pictures
            except OSError as err:
                lost = unreachable(self._outage, self._settings, err)
                if lost is not None:
                    yield lost
                return
            self._outage.end()
            for name in names:
                if self._closed.is_set():
                    return
                with self._outage.during(f"reading {self._settings.path / name}"):
                    capture = self._capture(name)
                yield capture
            if not self._settings.repeat or not names:
                return

    def _capture(self, name: str) -> Capture:
        started_ns = self._captures.now_ns()
        try:
            pixels = read_picture(
                self._settings.path / name,
                max_pixels=self._settings.max_pixels,
                max_bytes=self._settings.max_bytes,
                picture=self._picture,
                inside=self._settings.path,
            )
        except PictureError as err:
            return self._captures.lost(err.reason, err.detail, source=name)
        return self._captures.frame(pixels, source=name, started_ns=started_ns)
