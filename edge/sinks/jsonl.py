"""A file of JSON lines on this box, one inspection each."""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from edge.errors import DeliveryError
from edge.message import MAX_MESSAGE_BYTES, encode
from edge.records import Inspection
from edge.sinks.route import SinkRoute, stations_by_destination
from firmware_config.outputs import JsonlOutput
from firmware_config.station import Station
from firmware_config.write import sync_folder


def jsonl_routes(stations: Sequence[Station], *, box: str, info: Mapping[str, object]) -> Iterator[SinkRoute]:  # noqa: ARG001 -- a file has no place for them
    """One sink for each file; stations that name the same file share it."""
    files = [(station.outputs.jsonl, station.station.name) for station in stations if station.outputs.jsonl]
    for settings, names in stations_by_destination(files).items():
        sink = JsonlSink(settings)
        yield SinkRoute("jsonl", names, sink, reach=sink.reach, destination=settings)


LINES = 10
"""Lines that are written and synchronised together: with those that are not noted in the spool yet, a kill sends at most twenty twice."""


class JsonlSink:
    """Appends to a file and synchronises it for every few lines; a line torn by a power cut is cut off at the next start."""

    def __init__(self, settings: JsonlOutput) -> None:
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

    def _append(self, lines: Sequence[bytes]) -> None:
        with self._lock:
            descriptor = self._open()
            text = b"".join(lines)
            try:
                written = os.pwrite(descriptor, text, self._end_bytes)
                if written == len(text):
                    os.fsync(descriptor)
                    self._end_bytes += written
                    return
                reason = f"{written} of {len(text)} bytes written"
            except OSError as err:
                reason = str(err.strerror)
            os.ftruncate(descriptor, self._end_bytes)
        msg = f"appending {len(lines)} inspections to {self._path}: {reason}: make room on the disk"
        raise DeliveryError(msg)

    def close(self) -> None:
        """Close the file; may be called twice."""
        with self._lock:
            self._closed = True
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _open(self) -> int:
        if self._closed:
            msg = f"appending to {self._path}: the sink is closed: open a new one"
            raise DeliveryError(msg)
        if self._descriptor is None:
            try:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
                self._end_bytes = _cut_torn_line(self._descriptor)
                sync_folder(self._path.parent)
            except OSError as err:
                if self._descriptor is not None:
                    os.close(self._descriptor)
                    self._descriptor = None
                msg = f"opening {self._path} for appending: {err.strerror}: the folder must exist and be writable"
                raise DeliveryError(msg) from err
        return self._descriptor


def _cut_torn_line(descriptor: int) -> int:
    """Cut off what stands behind the last line end; returns the size in bytes."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, MAX_MESSAGE_BYTES, max(0, size - MAX_MESSAGE_BYTES))
    torn = len(tail) - (tail.rfind(b"\n") + 1)
    if torn:
        os.ftruncate(descriptor, size - torn)
        os.fsync(descriptor)
    return size - torn
