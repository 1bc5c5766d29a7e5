"""What Linux reports of folders (inotify(7)): which files were written to, closed by their writers, or renamed.

It reports what happens on this machine alone: of a network share, what other machines do to it is never reported.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

IN_MODIFY, IN_ATTRIB, IN_CLOSE_WRITE, IN_MOVED_FROM, IN_MOVED_TO = 0x0002, 0x0004, 0x0008, 0x0040, 0x0080
IN_Q_OVERFLOW, IN_ONLYDIR, IN_ISDIR = 0x4000, 0x0100_0000, 0x4000_0000
"""From /usr/include/linux/inotify.h."""

_HEADER = struct.Struct("iIII")
"""struct inotify_event: watch descriptor, mask, cookie, bytes of the name that follows."""

BUFFER_BYTES = 1 << 16


class Happened(Enum):
    """What was reported of a file."""

    WRITTEN = IN_MODIFY
    TOUCHED = IN_ATTRIB
    """Other times or rights, the same content."""
    CLOSED = IN_CLOSE_WRITE
    MOVED_AWAY = IN_MOVED_FROM
    MOVED_IN = IN_MOVED_TO


@dataclass(frozen=True, slots=True)
class FileEvent:
    """One report: the file, with the folder as it was given to `watch`."""

    path: Path
    happened: Happened


class Reports(Protocol):
    """What happens in some folders, as `FolderEvents` has it from Linux."""

    def watch(self, folders: Sequence[Path]) -> None:
        """Report these folders from now on and no others."""

    def wait(self, timeout_s: float) -> bool:
        """Wait until something has happened; False if nothing does."""

    def read(self) -> tuple[list[FileEvent], bool]:
        """All reports that are there now, and whether some were lost because they were too many."""

    def close(self) -> None:
        """Report no more; may be called twice."""


class FolderEvents:
    """The reports of some folders, in the order in which things happened.

    Raises:
        OSError: this system has no inotify, or no more of it for us.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._called(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))
        self._folders: dict[int, Path] = {}

    def watch(self, folders: Sequence[Path]) -> None:
        """Report these folders from now on and no others; asked again, a folder that was replaced is found.

        Raises:
            OSError: a folder cannot be watched, such as when the system's limit is reached.
        """
        watched: dict[int, Path] = {}
        for folder in folders:
            mask = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # gone since it was listed
                watched[self._called(self._libc.inotify_add_watch(self._descriptor, os.fsencode(folder), mask))] = folder
        for number in self._folders.keys() - watched.keys():
            self._libc.inotify_rm_watch(self._descriptor, number)  # fails where the folder is gone, and the watch with it
        self._folders = watched

    def wait(self, timeout_s: float) -> bool:
        """Wait until something has happened; False if nothing does."""
        return bool(select.select([self._descriptor], [], [], timeout_s)[0])

    def read(self) -> tuple[list[FileEvent], bool]:
        """All reports that are there now, and whether some were lost because they were too many."""
        events: list[FileEvent] = []
        lost = False
        while True:
            try:
                raw = os.read(self._descriptor, BUFFER_BYTES)
            except BlockingIOError:
                return events, lost
            at = 0
            while at < len(raw):
                number, mask, _, length = _HEADER.unpack_from(raw, at)
                name = raw[at + _HEADER.size : at + _HEADER.size + length].rstrip(b"\0")
                at += _HEADER.size + length
                lost = lost or bool(mask & IN_Q_OVERFLOW)
                if number in self._folders and name and not mask & IN_ISDIR:
                    path = self._folders[number] / os.fsdecode(name)
                    events += [FileEvent(path, kind) for kind in Happened if mask & kind.value]

    def close(self) -> None:
        """Report no more; may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @staticmethod
    def _called(result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result
