"""The parent's side of `reader.py`: a child process that is asked for one picture after the other, each with a deadline."""

from __future__ import annotations

import contextlib
import json
import math
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edge.cameras.damage import LOG_LEVEL
from edge.cameras.reader import DAMAGED, DOUBTED, END, FRAME, FROZEN, HEADER, MAX_FRAME_BYTES, MAX_TROUBLE_BYTES, TROUBLE
from edge.records import Pixels, Reason

START_S = 5.0
"""For Python and OpenCV to load in the child, beside the deadline for opening the source."""

EXIT_S = 1.0
"""A child whose pipe is closed gets this long to end by itself; then its exit code is known."""

READER = (sys.executable, "-m", "edge.cameras.reader")
CHUNK_BYTES = 1 << 20

FFMPEG_ENVIRONMENT = {"OPENCV_FFMPEG_LOGLEVEL": str(LOG_LEVEL), "OPENCV_FFMPEG_DEBUG": "1"}
"""So that FFmpeg prints what `damage.py` reads."""


@dataclass(frozen=True, slots=True)
class Source:
    """What the child opens. `address` may hold a password: it goes through a pipe, never onto a command line; `name` is for people.

    `every` is 0 of a live camera, of which the newest frame counts; of a file, every such frame is an answer.
    """

    name: str
    address: str
    backend: int
    parameters: tuple[int, ...]
    environment: Mapping[str, str]
    open_ms: int
    read_ms: int
    every: int = 0
    harmless: tuple[str, ...] = ()
    tell_frozen: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the child said. `pixels` is None where there is no picture: `kind` and `text` say why."""

    kind: int
    number: int
    taken_ns: int
    pixels: Pixels | None
    text: str


class LostError(Exception):
    """The child said or showed that there are no more pictures from it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class ReaderProcess:
    """One child at a time; `kill` ends it, `start` begins the next one. `called` is what people call the source, such as `camera NAME`."""

    def __init__(self, source: Source, *, called: str, again: str, command: Sequence[str] = READER) -> None:
        self._source = source
        self._called = called
        self._again = again
        self._command = command
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._deadline_s = 0.0
        self.floor: float | None = None
        """The camera's noise floor in grey levels, once a child has learned it; the next child begins with it."""

    @property
    def closed(self) -> threading.Event:
        """Set by `close`."""
        return self._closed

    def start(self) -> None:
        """Start a child and tell it what to open.

        Raises:
            LostError: it cannot be started.
        """
        source = self._source
        what = {
            "address": source.address,
            "backend": source.backend,
            "parameters": source.parameters,
            "environment": dict(source.environment),
            "every": source.every,
            "harmless": source.harmless,
            "tell_frozen": source.tell_frozen,
            "floor": self.floor,
        }
        with self._lock:
            if self._closed.is_set():
                raise LostError(Reason.CAMERA_STALLED, "closed")
            # stderr goes the way of ours: what the child itself has to say belongs into the journal.
            try:
                self._child = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
            except OSError as err:
                detail = f"the reader of {self._called} cannot be started ({err.strerror}): look at memory and the number of processes"
                raise LostError(Reason.CAMERA_UNREACHABLE, detail) from err
        self._deadline_s = START_S + source.open_ms / 1e3
        self._tell(self._child, json.dumps(what).encode() + b"\n")

    def ask(self) -> Answer:
        """Ask for the next picture.

        Raises:
            LostError: the child has ended, does not answer in time, or says that the source does not go on.
        """
        child, deadline_s = self._child, self._deadline_s
        if child is None:
            raise LostError(Reason.CAMERA_STALLED, "closed")
        until = time.monotonic() + deadline_s
        self._tell(child, b"n")
        kind, height, width, taken_ns, number, floor, count = HEADER.unpack(self._receive(child, HEADER.size, until, deadline_s))
        is_frame = kind == FRAME and count == height * width * 3 and 0 < count <= MAX_FRAME_BYTES
        if not is_frame and not (kind in {TROUBLE, DAMAGED, FROZEN, END, DOUBTED} and count <= MAX_TROUBLE_BYTES):
            raise LostError(Reason.CAMERA_UNREACHABLE, f"the reader of {self._called} said what is no picture: {self._again}")
        body = self._receive(child, count, until, deadline_s)
        self._deadline_s = self._source.read_ms / 1e3
        self.floor = floor if math.isfinite(floor) else self.floor
        if is_frame:
            return Answer(kind, number, taken_ns, np.frombuffer(body, np.uint8).reshape(height, width, 3), "")
        return Answer(kind, number, taken_ns, None, body.decode(errors="replace"))

    def close(self) -> None:
        """End the child, whatever it does; `ask` then raises. May be called twice and from any thread."""
        self._closed.set()
        with self._lock:
            child = self._child
        if child is not None:
            # Its pipes stay open: `ask` may be reading them, and their numbers must not become those of other files meanwhile.
            child.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):  # a child in an uninterruptible read ends when that does
                child.wait(EXIT_S)

    def kill(self) -> None:
        """End the child and let go of its pipes: only in the thread that asks."""
        with self._lock:
            child, self._child = self._child, None
        if child is None:
            return
        child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(EXIT_S)
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

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
                raise LostError(Reason.CAMERA_STALLED, f"{self._called} gave no picture for {deadline_s:.1f} s: {self._again}")
            if got == 0:
                raise self._ended(child)
            at += got
        return received

    def _ended(self, child: subprocess.Popen[bytes]) -> LostError:
        with contextlib.suppress(subprocess.TimeoutExpired):  # its pipe may close a moment before it ends
            child.wait(EXIT_S)
        return LostError(Reason.CAMERA_UNREACHABLE, f"the reader of {self._called} ended (code {child.returncode}): {self._again}")
