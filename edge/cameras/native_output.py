"""What native code prints, kept from the journal and the pipe to the parent: FFmpeg says in no other way that a picture is damaged."""

from __future__ import annotations

import ctypes
import fcntl
import os
import sys

MAX_BYTES = 16_000_000
"""More than this of one read is not looked at, and counts as a complaint."""

MORE = "[OPENCV:FFMPEG:16] it says more than can be looked at"
"""Stands in the place of the rest, in which there may be a complaint."""


class NativeOutput:
    """Takes over the descriptors 1 and 2 of this process for good. Python's own `sys.stderr` still leads to where 2 led.

    A file in memory, not a pipe: a pipe that nobody reads would hang the native call that writes. What a call printed is there when
    it returns, so it belongs to that call, as long as one thread decodes.
    """

    def __init__(self) -> None:
        sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
        self._file = os.memfd_create("native-output")
        fcntl.fcntl(self._file, fcntl.F_SETFL, os.O_APPEND)
        os.dup2(self._file, 1)
        os.dup2(self._file, 2)
        self._libc = ctypes.CDLL(None)

    def take(self) -> str:
        """What was printed since the last time."""
        self._libc.fflush(None)  # OpenCV's callback prints to C's stdout, which is not flushed by itself into a file
        count = os.fstat(self._file).st_size
        if not count:
            return ""
        said = os.pread(self._file, min(count, MAX_BYTES), 0).decode(errors="replace")
        os.ftruncate(self._file, 0)
        return said if count <= MAX_BYTES else f"{said}\n{MORE}\n"
