"""A file of reserved disk space, dropped when the disk is full: SQLite cannot even DELETE without some."""

from __future__ import annotations

import os
from pathlib import Path

from firmware_config.owned_file import open_owned


class Ballast:
    """`size_bytes` of disk at `path`. In place, there is room for what frees space; dropped, nothing new may be written."""

    def __init__(self, path: Path, *, size_bytes: int) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def in_place(self) -> bool:
        """Tell whether all of it is there."""
        try:
            return self._path.stat().st_size >= self._size_bytes
        except FileNotFoundError:
            return False

    def drop(self) -> None:
        """Give the space back to the disk; no error if there is none."""
        self._path.unlink(missing_ok=True)

    def restore(self) -> bool:
        """Reserve the space where it is not; False if the disk has no room for it."""
        if self.in_place():
            return True
        try:
            descriptor = open_owned(self._path, os.O_WRONLY)
            try:
                os.posix_fallocate(descriptor, 0, self._size_bytes)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError:
            self.drop()
            return False
        return True
