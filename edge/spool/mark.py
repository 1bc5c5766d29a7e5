"""The high-water mark: epoch and highest row that were committed, in a file outside the database.

A database that was cut, emptied or replaced, or whose write-ahead log is gone, is often sound in itself. Only the mark tells that it
lacks rows, and that its next numbers were used before.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from edge.spool.damage import seal, synchronise

SYNCHRONISE_EVERY_S = 1.0
_SLOT_BYTES = 256
_SLOTS = 2
"""They are written in turn: a power cut tears at most the one that is being written."""


@dataclass(frozen=True, slots=True)
class Mark:
    """`row` is the highest row that was committed in `epoch`."""

    epoch: str
    row: int


class MarkFile:
    """A mark on disk at `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._turn = 0
        self._synchronised_at = time.monotonic()

    def read(self) -> Mark | None:
        """The mark; None if there is none, or none that is whole."""
        with contextlib.suppress(FileNotFoundError):
            content = self._path.read_bytes()
            marks = [_read(content[place : place + _SLOT_BYTES]) for place in range(0, _SLOTS * _SLOT_BYTES, _SLOT_BYTES)]
            known = [(mark.row, slot, mark) for slot, mark in enumerate(marks) if mark is not None]
            if known:
                _, slot, mark = max(known, key=lambda one: one[:2])
                self._turn = slot + 1
                return mark
        return None

    def begin(self, mark: Mark) -> None:
        """Replace whatever marks there are: with a new epoch, rows begin anew.

        Raises:
            OSError: it cannot be written.
        """
        unfinished = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, _written(mark) * _SLOTS)
            os.fsync(descriptor)
            unfinished.rename(self._path)
        except BaseException:
            os.close(descriptor)
            raise
        self.close()
        self._descriptor = descriptor
        synchronise(self._path.parent)

    def advance(self, mark: Mark) -> None:
        """Write down a higher row; it takes no new space on disk.

        It survives a kill at once and a power cut after a second. A disk that keeps what it has synchronised does not lose newer rows of
        the database either, and one that does not would lose the mark as well; synchronising each mark doubled the time of a commit.

        Raises:
            OSError: it cannot be written.
        """
        if self._descriptor is None:
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
        os.pwrite(self._descriptor, _written(mark), self._turn % _SLOTS * _SLOT_BYTES)
        self._turn += 1
        if time.monotonic() - self._synchronised_at > SYNCHRONISE_EVERY_S:
            os.fdatasync(self._descriptor)
            self._synchronised_at = time.monotonic()

    def close(self) -> None:
        """Put the last mark on disk and close the file; may be called twice."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.fdatasync(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = None


def _written(mark: Mark) -> bytes:
    text = f"{mark.epoch} {mark.row} {seal(mark.epoch, mark.row)}\n".encode()
    return text.ljust(_SLOT_BYTES, b"\n")


def _read(slot: bytes) -> Mark | None:
    words = slot.decode(errors="replace").split()
    if len(words) != 3 or not words[1].isdigit():
        return None
    mark = Mark(words[0], int(words[1]))
    return mark if words[2] == str(seal(mark.epoch, mark.row)) else None
