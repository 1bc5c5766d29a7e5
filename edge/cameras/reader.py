"""The child process that reads a camera which can hang: `python -m edge.cameras.reader`. Its parent may kill it at any time.

stdin: one line of JSON (what to open), then one byte for each frame wanted. stdout: a header for each answer, then the pixels. Between two
requests frames are read and forgotten, so that an answer is never older than the request: a network camera's queue cannot build up lag.
The end of stdin ends the child.
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


def main() -> None:
    """Open the camera and answer until stdin ends."""
    line = sys.stdin.buffer.readline()
    if not line:
        return
    source = json.loads(line)
    os.environ.update(source.get("environment", {}))
    newest = _Newest()
    threading.Thread(target=_read, args=(source, newest), daemon=True).start()
    while sys.stdin.buffer.read(1):
        kind, taken_ns, height, width, body = newest.take()
        sys.stdout.buffer.write(HEADER.pack(kind, height, width, taken_ns, len(body)))
        sys.stdout.buffer.write(body)
        sys.stdout.buffer.flush()
    os._exit(0)  # a native read that hangs must not keep the child alive


class _Newest:
    """The newest answer, each given once."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._answer: tuple[int, int, int, int, bytes | memoryview] | None = None

    def put(self, kind: int, taken_ns: int, height: int, width: int, body: bytes | memoryview) -> None:
        with self._changed:
            self._answer = (kind, taken_ns, height, width, body)
            self._changed.notify()

    def take(self) -> tuple[int, int, int, int, bytes | memoryview]:
        with self._changed:
            self._changed.wait_for(lambda: self._answer is not None)
            answer, self._answer = self._answer, None
        if answer is None:  # unreachable: wait_for has no timeout
            raise RuntimeError
        return answer


def _read(source: dict[str, Any], newest: _Newest) -> None:
    """Read for ever; says what is wrong as an answer and ends."""
    import cv2
    import numpy as np

    video = cv2.VideoCapture(source["address"], source["backend"], source["parameters"])
    if not video.isOpened():
        newest.put(TROUBLE, time.monotonic_ns(), 0, 0, b"cannot be opened")
        return
    while True:
        good, pixels = video.read()
        taken_ns = time.monotonic_ns()
        if not good or pixels is None:
            newest.put(TROUBLE, taken_ns, 0, 0, b"gives no more pictures")
            return
        if pixels.ndim == 2:
            pixels = np.repeat(pixels[:, :, None], 3, axis=2)
        newest.put(FRAME, taken_ns, pixels.shape[0], pixels.shape[1], np.ascontiguousarray(pixels, np.uint8).data.cast("B"))


if __name__ == "__main__":
    main()
