"""A camera that can hang is read in a child process. A child that does not answer in time is killed and started again."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.cameras.capture_factory import CaptureFactory
from edge.cameras.outage import Outage
from edge.cameras.reader import FRAME, HEADER, MAX_FRAME_BYTES, MAX_TROUBLE_BYTES, TROUBLE
from edge.records import Capture, Frame, Pixels, Reason, Trouble

FIRST_PAUSE_S, LAST_PAUSE_S = 0.5, 5.0
"""Pause before the camera is opened again, doubled each time."""

START_S = 5.0
"""For Python and OpenCV to load in the child, beside the deadline for opening the camera."""

EXIT_S = 1.0
"""A child whose pipe is closed gets this long to end by itself; then its exit code is known."""

READER = (sys.executable, "-m", "edge.cameras.reader")
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """What the child opens. `address` may hold a password: it goes through a pipe, never onto a command line; `name` is for people."""

    name: str
    address: str
    backend: int
    parameters: tuple[int, ...]
    environment: Mapping[str, str]
    open_ms: int
    read_ms: int


class _LostError(Exception):
    """The child said or showed that there is no picture."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class ChildCamera:
    """Yields the newest picture each time it is asked, and one `LostFrame` when the camera goes out; it is tried again until it is back."""

    def __init__(self, source: Source, *, station: str, captures: CaptureFactory | None = None, command: Sequence[str] = READER) -> None:
        self._source = source
        self._captures = captures or CaptureFactory(station)
        self._outage = Outage(self._captures)
        self._command = command
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def frames(self) -> Iterator[Capture]:
        """Yield pictures; see `edge.interfaces.Camera`."""
        pause_s = FIRST_PAUSE_S
        try:
            while not self._closed.is_set():
                try:
                    for frame in self._life():
                        self._outage.end()
                        pause_s = FIRST_PAUSE_S
                        yield frame
                except _LostError as lost:
                    self._kill()
                    if self._closed.is_set():
                        return
                    capture = self._outage.begin(lost.reason, lost.detail, source=self._source.name)
                    if capture is not None:
                        yield capture
                    self._closed.wait(pause_s)
                    pause_s = min(2 * pause_s, LAST_PAUSE_S)
        finally:
            self._kill()

    def troubles(self) -> tuple[Trouble, ...]:
        """Whether the camera is out; see `edge.interfaces.Camera`."""
        return self._outage.troubles()

    def close(self) -> None:
        """End `frames` and the child; may be called twice and from any thread."""
        self._closed.set()
        with self._lock:
            child = self._child
        if child is not None:
            # Its pipes stay open: `frames` may be reading them, and their numbers must not become those of other files meanwhile.
            child.kill()
            child.wait()

    def _life(self) -> Iterator[Frame]:
        """The frames of one child, from its start to its trouble."""
        child = self._start()
        source = self._source
        deadline_s = START_S + source.open_ms / 1e3
        while not self._closed.is_set():
            started_ns = self._captures.now_ns()
            taken_ns, pixels = self._ask(child, deadline_s)
            yield self._captures.frame(pixels, source=source.name, started_ns=started_ns, taken_ns=taken_ns)
            deadline_s = source.read_ms / 1e3

    def _start(self) -> subprocess.Popen[bytes]:
        source = self._source
        what = {
            "address": source.address,
            "backend": source.backend,
            "parameters": source.parameters,
            "environment": dict(source.environment),
        }
        with self._lock:
            if self._closed.is_set():
                raise _LostError(Reason.CAMERA_STALLED, "closed")
            # stderr goes the way of ours: FFmpeg's complaints belong into the journal.
            try:
                child = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            except OSError as err:
                detail = (
                    f"the reader of camera {source.name} cannot be started ({err.strerror}): look at memory and the number of processes"
                )
                raise _LostError(Reason.CAMERA_UNREACHABLE, detail) from err
            self._child = child
        self._tell(child, json.dumps(what).encode() + b"\n")
        return child

    def _ask(self, child: subprocess.Popen[bytes], deadline_s: float) -> tuple[int, Pixels]:
        """Ask for the next frame: when it was taken (monotonic ns) and its pixels."""
        until = time.monotonic() + deadline_s
        self._tell(child, b"n")
        kind, height, width, taken_ns, count = HEADER.unpack(self._receive(child, HEADER.size, until, deadline_s))
        is_frame = kind == FRAME and count == height * width * 3 and 0 < count <= MAX_FRAME_BYTES
        if not is_frame and not (kind == TROUBLE and count <= MAX_TROUBLE_BYTES):
            detail = f"the reader of camera {self._source.name} said what is no picture: it is started again"
            raise _LostError(Reason.CAMERA_UNREACHABLE, detail)
        body = self._receive(child, count, until, deadline_s)
        if kind == TROUBLE:
            detail = f"camera {self._source.name} {body.decode(errors='replace')}: look at its power, cable and address"
            raise _LostError(Reason.CAMERA_UNREACHABLE, detail)
        return taken_ns, np.frombuffer(body, np.uint8).reshape(height, width, 3)

    def _tell(self, child: subprocess.Popen[bytes], raw: bytes) -> None:
        try:
            if child.stdin is not None:
                child.stdin.write(raw)
        except OSError as err:
            raise self._ended(child) from err

    def _receive(self, child: subprocess.Popen[bytes], count: int, until: float, deadline_s: float) -> bytearray:
        received = bytearray(count)
        view, at = memoryview(received), 0
        while at < count:
            if child.stdout is None:  # unreachable: it was asked for
                raise self._ended(child)
            ready, _, _ = select.select([child.stdout], [], [], max(0.0, until - time.monotonic()))
            got = os.readv(child.stdout.fileno(), [view[at : at + CHUNK_BYTES]]) if ready else -1
            if got < 0:
                detail = f"camera {self._source.name} gave no picture for {deadline_s:.1f} s: it is opened again"
                raise _LostError(Reason.CAMERA_STALLED, detail)
            if got == 0:
                raise self._ended(child)
            at += got
        return received

    def _ended(self, child: subprocess.Popen[bytes]) -> _LostError:
        with contextlib.suppress(subprocess.TimeoutExpired):  # its pipe may close a moment before it ends
            child.wait(EXIT_S)
        return _LostError(
            Reason.CAMERA_UNREACHABLE, f"the reader of camera {self._source.name} ended (code {child.returncode}): it is started again"
        )

    def _kill(self) -> None:
        """End the child and let go of its pipes: only in the thread that reads them."""
        with self._lock:
            child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
