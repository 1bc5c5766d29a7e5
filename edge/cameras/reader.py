"""The child process that reads a camera which can hang: `python -m edge.cameras.reader`. Its parent may kill it at any time.

stdin: one line of JSON (what to open), then one byte for each frame wanted. stdout: a header for each answer, then the pixels. Between two
requests frames are read and forgotten, so that an answer is never older than the request: a network camera's queue cannot build up lag.
The end of stdin ends the child, whatever it is waiting for.
"""

from __future__ import annotations

import json
import os
import struct
import sys
import threading
import time
from typing import Any

HEADER = struct.Struct("<BIIqI")
"""Kind, height, width, monotonic clock in ns of the frame, bytes that follow."""
FRAME, TROUBLE = 0, 1

MAX_FRAME_BYTES = 3 * 268_435_456
MAX_TROUBLE_BYTES = 1_000
"""A parent that reads a larger number treats the answer as corrupt: no answer is larger."""


def main() -> None:
    """Open the camera and answer until stdin ends."""
    line = sys.stdin.buffer.readline()
    if not line:
        return
    source = json.loads(line)
    os.environ.update(source.get("environment", {}))
    newest = _Newest()
    threading.Thread(target=_read, args=(source, newest), daemon=True).start()
    threading.Thread(target=_answer, args=(newest,), daemon=True).start()
    while sys.stdin.buffer.read(1):
        newest.ask()
    os._exit(0)  # a native read that hangs must not keep the child alive


class _Newest:
    """The newest answer to each request: a frame that was read after it, or the trouble that ended the reading."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._asked = 0
        self._frame: tuple[int, int, int, int, Any] | None = None
        self._trouble: tuple[int, int, int, int, Any] | None = None

    def ask(self) -> None:
        with self._changed:
            self._asked += 1
            self._frame = None
            self._changed.notify_all()

    def put_frame(self, taken_ns: int, height: int, width: int, body: memoryview) -> None:
        with self._changed:
            self._frame = (FRAME, height, width, taken_ns, body)
            self._changed.notify_all()

    def put_trouble(self, what: bytes) -> None:
        with self._changed:
            self._trouble = (TROUBLE, 0, 0, time.monotonic_ns(), what)
            self._changed.notify_all()

    def take(self) -> tuple[int, int, int, int, Any]:
        with self._changed:
            while not self._asked or (answer := self._frame or self._trouble) is None:
                self._changed.wait()
            self._asked -= 1
            self._frame = None
            return answer


def _answer(newest: _Newest) -> None:
    while True:
        kind, height, width, taken_ns, body = newest.take()
        sys.stdout.buffer.write(HEADER.pack(kind, height, width, taken_ns, len(body)))
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()


def _read(source: dict[str, Any], newest: _Newest) -> None:
    """Read for ever; says what is wrong as an answer and ends."""
    import cv2
    import numpy as np

    video = cv2.VideoCapture(source["address"], source["backend"], source["parameters"])
    if not video.isOpened():
        newest.put_trouble(b"cannot be opened")
        return
    while True:
        good, pixels = video.read()
        taken_ns = time.monotonic_ns()
        if not good or pixels is None:
            newest.put_trouble(b"gives no more pictures")
            return
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, None], 3, axis=2)
        newest.put_frame(taken_ns, pixels.shape[0], pixels.shape[1], np.ascontiguousarray(pixels, np.uint8).data.cast("B"))


if __name__ == "__main__":
    main()
