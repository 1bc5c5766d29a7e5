"""The high-water mark: epoch and highest row that were committed, in a file outside the database.

A database that was cut, emptied or replaced, or whose write-ahead log is gone, is often sound in itself. Only the mark tells that it
lacks rows, and that its next numbers were used before.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path

from edge.spool.damage import seal
from firmware_config.owned_file import open_owned
from firmware_config.regular_file import read_regular
from firmware_config.write import sync_folder

log = logging.getLogger(__name__)

SYNCHRONISE_EVERY_S = 1.0
_SLOT_BYTES = 4096
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
        content = b""
        try:
            content = read_regular(self._path, _SLOTS * _SLOT_BYTES)
        except FileNotFoundError:
            pass
        except OSError as err:
            log.error("the mark beside the spool cannot be read path=%s reason=%s", self._path, err.strerror)  # noqa: TRY400
        else:
            marks = [_read(content[place : place + _SLOT_BYTES]) for place in range(0, _SLOTS * _SLOT_BYTES, _SLOT_BYTES)]
            known = [(mark.row, slot, mark) for slot, mark in enumerate(marks) if mark is not None]
            if known:
                _, slot, mark = max(known, key=lambda one: one[:2])
                self._turn = slot + 1
                return mark
        return None

    def begin(self, mark: Mark, *, like: Path) -> None:
        """Replace whatever marks there are: with a new epoch, rows begin anew. The file belongs to the owner of `like`, whoever calls.

        Raises:
            OSError: it cannot be written.
        """
        unfinished = self._path.with_name(self._path.name + ".new")
        unfinished.unlink(missing_ok=True)
        descriptor = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            owner = like.stat()
            with contextlib.suppress(PermissionError):  # only root may, and only root need
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            os.write(descriptor, _written(mark) * _SLOTS)
            os.fsync(descriptor)
            unfinished.rename(self._path)
        except BaseException:
            os.close(descriptor)
            raise
        self.close()
        self._descriptor = descriptor
        sync_folder(self._path.parent)

    def advance(self, mark: Mark) -> None:
        """Write down a higher row; it takes no new space on disk.

        It survives a kill at once, and a power cut once a later row, or `close`, has put it on disk: at most once a second. A disk that
        keeps what it has synchronised does not lose newer rows of the database either, and one that does not would lose the mark as well;
        synchronising each mark doubled the time of a commit.

        Raises:
            OSError: it cannot be written.
        """
        if self._descriptor is None:
            self._descriptor = open_owned(self._path, os.O_RDWR)
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
    if len(words) != 3 or not (words[1].isascii() and words[1].isdecimal()):
        return None
    mark = Mark(words[0], int(words[1]))
    return mark if words[2] == str(seal(mark.epoch, mark.row)) else None
