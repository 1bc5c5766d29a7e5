"""A watched folder: each file is taken once, when it is whole, and is moved or deleted afterwards if the station says so.

Linux reports what happens on this machine (`inotify.py`); beside that the whole folder is read again and again, which finds files that were
there before, what other machines do to a share, and what was not reported.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from edge.cameras.capture_factory import CaptureFactory
from edge.cameras.folder.arrivals import Arrivals, Facts
from edge.cameras.folder.disposal import Disposal
from edge.cameras.folder.inotify import Happened, Reports
from edge.cameras.folder.known_files import KnownFiles
from edge.cameras.folder.listing import Listing
from edge.cameras.memory import JudgedInMemory
from edge.cameras.outage import Outage
from edge.interfaces import JudgedFiles
from edge.picture.decode import PictureError, decode_picture, read_file
from edge.records import Capture, LostFrame, PictureFile, Reason, Trouble
from firmware_config.cameras import FolderCamera as Settings
from firmware_config.station import Picture

log = logging.getLogger(__name__)

UNFINISHED_S = 60.0
"""A file that is open and has got nothing new for this long is a FAULT. It is still judged once it is closed."""

SLICE_S = 0.2
"""How long a wait may keep `close` waiting."""

SETTLE_S = 0.005
"""Pause after a report, so that a writer of many small pieces does not wake us for each of them."""

LOOK_SHARE = 10
"""Reading a folder takes at most one part in so many of the time, however many files are left in it."""


class WatchedFolder:
    """The captures of a watched folder. `monotonic` is the clock by which files stand still."""

    def __init__(  # noqa: PLR0913 -- its parts, its clocks and its reports are those of the camera
        self,
        settings: Settings,
        *,
        picture: Picture,
        listing: Listing,
        captures: CaptureFactory,
        outage: Outage,
        closed: threading.Event,
        judged: JudgedFiles | None,
        open_events: Callable[[], Reports],
        unfinished_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._picture = picture
        self._root = settings.path
        self._listing = listing
        self._captures = captures
        self._outage = outage
        self._closed = closed
        self._known = KnownFiles(JudgedInMemory() if judged is None else judged, station=captures.station)
        self._open_events = open_events
        self._unfinished_s = unfinished_s
        self._monotonic = monotonic
        self._arrivals = Arrivals(stand_still_s=settings.stand_still_ms / 1e3, unfinished_s=unfinished_s)
        self._disposal = Disposal(settings, station=captures.station, monotonic=monotonic)
        self._events: Reports | None = None
        self._folders: list[Path] = []
        self._was_mount = False
        self._reported: set[str] = set()

    def captures(self) -> Iterator[Capture]:
        """Yield each file that is whole, until the camera is closed."""
        self._events = self._opened_events()
        try:
            while not self._closed.is_set():
                started_s = time.monotonic()
                with self._outage.during(f"reading the folder {self._root}"):
                    lost = self._look()
                pause_s = max(self._settings.poll_ms / 1e3, LOOK_SHARE * (time.monotonic() - started_s))
                if lost is not None:
                    yield lost
                if not self._outage.troubles():
                    yield from self._take_all(self._arrivals.names())
                    with self._outage.during(f"moving or deleting judged files of {self._root}"):
                        self._dispose()
                next_s = time.monotonic() + pause_s
                while not self._closed.is_set() and (rest_s := next_s - time.monotonic()) > 0:
                    reported = self._wait(min(rest_s, SLICE_S))
                    if not self._outage.troubles():
                        yield from self._take_all(reported)
        finally:
            if self._events is not None:
                self._events.close()

    def troubles(self) -> tuple[Trouble, ...]:
        """Why judged files stay where they are; from any thread."""
        return self._disposal.troubles()

    def _opened_events(self) -> Reports | None:
        try:
            return self._open_events()
        except OSError as err:
            self._say_no_events(err)
            return None

    def _say_no_events(self, err: OSError) -> None:
        waits = f"a file is taken {self._settings.stand_still_ms} ms after its last change"
        advice = "raise fs.inotify.max_user_watches and max_user_instances"
        where = self._captures.station, self._root
        log.warning("inotify reports nothing station=%s folder=%s error=%r: %s; %s", *where, err.strerror, waits, advice)

    def _look(self) -> LostFrame | None:
        """Read the whole folder; the capture that says so if it cannot be read."""
        try:
            self._read_reports()
            self._require_root()
            contents = self._listing.read()
            if self._watch(contents.folders):
                contents = self._listing.read()  # what came before the folder was watched
            there = {name: facts for name in contents.pictures if (facts := self._facts(name)) is not None}
        except OSError as err:
            return unreachable(self._outage, self._settings, err)
        self._outage.end()
        self._arrivals.see(there, self._monotonic())
        self._known.keep(there)
        return None

    def _require_root(self) -> None:
        """Tell an empty mount point from an empty folder.

        Raises:
            OSError: something was mounted at the folder and is not any more.
        """
        is_mount = self._root.is_mount()
        if self._was_mount and not is_mount:
            raise OSError(errno.ENODEV, "it is no longer mounted")
        self._was_mount = is_mount

    def _watch(self, folders: list[Path]) -> bool:
        """Have these folders reported; whether there are new ones among them."""
        is_new, self._folders = self._folders != folders, folders
        if self._events is not None:
            try:
                self._events.watch(folders)
            except OSError as err:
                self._say_no_events(err)
                self._events.close()
                self._events = None
                self._arrivals.lose_reports()
        return is_new

    def _wait(self, timeout_s: float) -> Collection[str]:
        """Wait for reports; the files that they name."""
        if self._events is None:
            self._closed.wait(timeout_s)
            return ()
        if self._events.wait(timeout_s):
            self._closed.wait(SETTLE_S)
            self._read_reports()
        reported, self._reported = self._reported, set()
        return reported

    def _read_reports(self) -> None:
        if self._events is None:
            return
        events, lost = self._events.read()
        if lost:
            log.warning("too many reports station=%s folder=%s: some are lost, the folder is read", self._captures.station, self._root)
            self._arrivals.lose_reports()
            self._known.look_again()
        for event in events:
            name = event.path.relative_to(self._root).as_posix()
            if not self._listing.takes(name) or event.path.is_symlink():  # links are looked at when the folder is read
                continue
            try:
                facts = self._facts(name)
            except OSError:
                continue
            self._arrivals.report(name, event.happened, facts, self._monotonic())
            self._reported.add(name)
            if event.happened in {Happened.CLOSED, Happened.MOVED_IN}:
                self._known.write_again(name)

    def _facts(self, name: str) -> Facts | None:
        try:
            facts = (self._root / name).stat()
        except FileNotFoundError:
            return None
        return facts.st_size, facts.st_mtime_ns

    def _take_all(self, names: Collection[str]) -> Iterator[Capture]:
        """Yield those of the files that are new and whole, in the order of their names."""
        now_s = self._monotonic()  # the same for all, or a file that stands still a moment longer would be overtaken
        new = [name for name in names if (facts := self._arrivals.facts(name)) is not None and self._known.is_new(name, facts)]
        for name in sorted(new, key=lambda name: name.split("/")):
            if self._closed.is_set():
                return
            self._read_reports()
            if self._arrivals.is_whole(name, now_s):
                with self._outage.during(f"reading {self._root / name}"):
                    capture = self._take(name)
                if capture is not None:
                    yield capture
        for name in self._arrivals.unfinished(self._monotonic()):
            waited = f"has been open for writing for {self._unfinished_s:.0f} s with nothing new in it"
            detail = f"picture {name} {waited}: look at what writes it; it is judged when it is closed"
            yield self._captures.lost(Reason.UNREADABLE, detail, source=name)

    def _take(self, name: str) -> Capture | None:
        """Read a file; None if it is the picture that was judged, or is not whole after all."""
        path, started_ns = self._root / name, self._captures.now_ns()
        try:
            before = self._facts(name)
            raw = self._read(path)
            after = self._facts(name)
            if after is None:
                return self._removed(name)
        except OSError:  # the folder itself: the next look says so
            return None
        if before != after or before != self._arrivals.facts(name):
            self._arrivals.see_file(name, after, self._monotonic())
            return None
        file = PictureFile(name, *after, None if isinstance(raw, PictureError) else hashlib.sha256(raw).hexdigest())
        if not self._known.take(file):
            return None
        try:
            if isinstance(raw, PictureError):
                raise raw
            pixels = decode_picture(raw, name=path.name, max_pixels=self._settings.max_pixels, picture=self._picture)
        except PictureError as err:
            return self._captures.lost(err.reason, err.detail, source=name, file=file)
        return self._captures.frame(pixels, source=name, started_ns=started_ns, file=file)

    def _read(self, path: Path) -> bytes | PictureError:
        """The bytes of a file, or why there are none."""
        try:
            return read_file(path, max_bytes=self._settings.max_bytes, inside=self._settings.path)
        except PictureError as err:
            return err

    def _removed(self, name: str) -> LostFrame | None:
        """A file that was whole and went before it was read: a part without a verdict, so a FAULT."""
        try:
            self._require_root()
            next(self._root.iterdir(), None)
        except OSError:
            return None
        self._read_reports()
        if self._arrivals.facts(name) is None:  # renamed: it is a picture under its new name
            return None
        self._arrivals.report(name, Happened.MOVED_AWAY, None, self._monotonic())
        self._known.forget([name])
        detail = f"picture {name} was removed before it was read: leave pictures in the folder until they are judged"
        return self._captures.lost(Reason.UNREADABLE, detail, source=name)

    def _dispose(self) -> None:
        """Move or delete the files whose inspections are committed."""
        if not self._disposal.is_due:
            return
        names = self._arrivals.names()
        judged = {self._root / name: facts for name in names if (facts := self._known.committed(name)) is not None}
        gone = [path.relative_to(self._root).as_posix() for path in self._disposal.dispose(judged)]
        self._known.forget(gone, for_good=True)
        self._arrivals.forget(gone)  # else one that was reported before it was judged is missed: a FAULT for a part that has its verdict


def unreachable(outage: Outage, settings: Settings, err: OSError) -> LostFrame | None:
    """Say that the folder cannot be read, the first time."""
    folder = settings.path
    detail = f"the folder {folder} cannot be read ({err.strerror}): mount it again or correct camera.path"
    return outage.begin(Reason.CAMERA_UNREACHABLE, detail, source=str(folder))
