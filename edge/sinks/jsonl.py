"""A file of JSON lines on this box, one inspection each; a full one is put aside under the next number.

A file that was put aside is whole and never changed again, so that a reader takes them in the order of their numbers, then the file itself.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from edge.errors import DeliveryError
from edge.message import MAX_MESSAGE_BYTES, encode
from edge.records import Inspection
from edge.sinks.route import SinkRoute, stations_by_destination
from firmware_config.outputs import JsonlOutput
from firmware_config.station import Station
from firmware_config.write import sync_folder

LINES = 10
"""Lines that are written and synchronised together: with those that are not noted in the spool yet, a kill sends at most twenty twice."""

KEEP_FILES = 10
"""So many files that were put aside are kept where the settings do not say."""

DIGITS = 6
"""Of the number of a file that was put aside."""


def jsonl_routes(stations: Sequence[Station], *, box: str, info: Mapping[str, object]) -> Iterator[SinkRoute]:  # noqa: ARG001 -- a file has no place for them
    """One sink for each file; stations that name the same file share it."""
    files = [(station.outputs.jsonl, station.station.name) for station in stations if station.outputs.jsonl]
    for settings, names in stations_by_destination(files).items():
        sink = JsonlSink(settings)
        yield SinkRoute("jsonl", names, sink, reach=sink.reach, destination=settings)


def files_put_aside(path: Path) -> list[Path]:
    """The files that were put aside from `path`, the oldest first.

    Raises:
        OSError: the folder cannot be read.
    """
    numbers = ((_number(each, path), each) for each in path.parent.iterdir())
    return [each for number, each in sorted(numbers) if number]


class JsonlSink:
    """Appends to a file and synchronises it for every few lines; a line torn by a power cut is cut off at the next start.

    A file that somebody else moves away, as logrotate does, is begun anew; one that is cut short is written on from its end.
    """

    def __init__(self, settings: JsonlOutput) -> None:
        self._settings = settings
        self._path = settings.path
        self._lock = threading.Lock()
        self._descriptor: int | None = None
        self._end_bytes = 0
        self._closed = False

    def connect(self) -> None:
        """Open the file if it is not open.

        Raises:
            DeliveryError: it cannot be opened.
        """
        with self._lock:
            self._open()

    def reach(self) -> None:
        """Look whether it could be opened: a daemon may be writing to it.

        Raises:
            DeliveryError: it could not.
        """
        writable = self._path if self._path.exists() else self._path.parent
        if not os.access(writable, os.W_OK):
            reason = "Permission denied" if writable.exists() else "No such file or directory"
            msg = f"opening {self._path} for appending: {reason}: the folder must exist and be writable"
            raise DeliveryError(msg)

    def deliver(self, inspections: Iterable[Inspection]) -> Generator[Inspection, None, None]:
        """Append a line for each, some of them together; what is yielded is on disk.

        Raises:
            DeliveryError: they cannot be written, or the sink is closed.
        """
        left = iter(inspections)
        while some := list(islice(left, LINES)):
            self._append([encode(inspection) + b"\n" for inspection in some])
            yield from some

    def close(self) -> None:
        """Close the file; may be called twice."""
        with self._lock:
            self._closed = True
            self._let_go()

    def _append(self, lines: Sequence[bytes]) -> None:
        with self._lock:
            descriptor = self._open()
            text = b"".join(lines)
            limit = self._settings.max_bytes
            if limit is not None and self._end_bytes > 0 and self._end_bytes + len(text) > limit:
                self._put_aside()
                descriptor = self._open()
            try:
                written = os.pwrite(descriptor, text, self._end_bytes)
                if written == len(text):
                    os.fsync(descriptor)
                    self._end_bytes += written
                    return
                reason = f"{written} of {len(text)} bytes written"
            except OSError as err:
                reason = str(err.strerror)
            with contextlib.suppress(OSError):  # then the half line is cut off when the file is opened again
                os.ftruncate(descriptor, self._end_bytes)
            self._let_go()
        msg = f"appending {len(lines)} inspections to {self._path}: {reason}: make room on the disk"
        raise DeliveryError(msg)

    def _put_aside(self) -> None:
        """Give the file its number, and take away the oldest ones of those that are too many. A kill in between leaves one more."""
        self._let_go()
        try:
            before = files_put_aside(self._path)
            number = _number(before[-1], self._path) + 1 if before else 1
            self._path.rename(_numbered(self._path, number))
            sync_folder(self._path.parent)
            kept = self._settings.keep_files or KEEP_FILES
            for old in before[: max(0, len(before) + 1 - kept)]:
                old.unlink(missing_ok=True)
        except OSError as err:
            msg = f"putting aside {self._path}, which has reached max_bytes: {err.strerror}: correct the rights of its folder"
            raise DeliveryError(msg) from err

    def _open(self) -> int:
        if self._closed:
            msg = f"appending to {self._path}: the sink is closed: open a new one"
            raise DeliveryError(msg)
        try:
            if self._descriptor is not None and not _is_at(self._path, self._descriptor):  # somebody else put it aside
                self._let_go()
            if self._descriptor is None:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
                self._end_bytes = _cut_torn_line(self._descriptor)
                sync_folder(self._path.parent)
            elif os.fstat(self._descriptor).st_size != self._end_bytes:  # somebody else cut or wrote it
                self._end_bytes = _cut_torn_line(self._descriptor)
        except OSError as err:
            self._let_go()
            msg = f"opening {self._path} for appending: {err.strerror}: the folder must exist and be writable"
            raise DeliveryError(msg) from err
        return self._descriptor

    def _let_go(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether the open file is the one that now has this name."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number:0{DIGITS}}")


def _number(file: Path, path: Path) -> int:
    """The number under which a file was put aside from `path`, 0 if it was not."""
    begin, _, end = file.name.rpartition(".")
    is_one = begin == path.name and end.isascii() and end.isdigit() and len(end) >= DIGITS
    return int(end) if is_one else 0


def _cut_torn_line(descriptor: int) -> int:
    """Cut off what stands behind the last line end; returns the size in bytes."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, MAX_MESSAGE_BYTES, max(0, size - MAX_MESSAGE_BYTES))
    torn = len(tail) - (tail.rfind(b"\n") + 1)
    if torn:
        os.ftruncate(descriptor, size - torn)
        os.fsync(descriptor)
    return size - torn
