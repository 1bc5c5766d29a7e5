"""The files of a station whose inspections are committed: name, size, time and digest, beside the inspections in the spool.

A file and its inspection are written in one transaction, so a kill can neither lose a picture nor have it judged twice.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from edge.records import PictureFile
from edge.spool.damage import delivered_rows, open_aside, seal

log = logging.getLogger(__name__)

TABLE = """
CREATE TABLE IF NOT EXISTS files (
    station TEXT NOT NULL, name BLOB NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT, row INTEGER NOT NULL,
    gone_at REAL, seal INTEGER NOT NULL, PRIMARY KEY (station, name)) WITHOUT ROWID
"""
COLUMNS = "station, name, size, mtime_ns, sha256, row, gone_at, seal"
WRITE = f"INSERT OR REPLACE INTO files ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608

Execute = Callable[[str, Sequence[object]], sqlite3.Cursor]


@dataclass(frozen=True, slots=True)
class JudgedFile:
    """One row: the file, the row of its inspection, and when it was first missed (s, the spool's own time), None while it is there."""

    station: str
    file: PictureFile
    row: int
    gone_at: float | None = None

    def values(self) -> tuple[object, ...]:
        """What stands in the table, sealed. A name is bytes on Linux, and need not be UTF-8."""
        file = self.file
        facts = (self.station, os.fsencode(file.name), file.size_bytes, file.mtime_ns, file.sha256, self.row, self.gone_at)
        return (*facts, seal(*facts))


def read_row(columns: Sequence[object]) -> JudgedFile | None:
    """A row of the table as COLUMNS has it; None if it has changed on disk."""
    *facts, sealed = columns
    station, name, size, mtime_ns, sha256, row, gone_at = facts
    if sealed != seal(*facts) or not isinstance(name, bytes):
        return None
    return JudgedFile(str(station), PictureFile(os.fsdecode(name), int(size), int(mtime_ns), sha256), int(row), gone_at)  # type: ignore[call-overload, arg-type]  # the seal vouches for the types


class JudgedFiles:
    """The judged files of a station; see `edge.interfaces.JudgedFiles`. Those that are gone are on disk alone, the others in memory too."""

    def __init__(
        self,
        station: str,
        *,
        reading: Callable[[str], AbstractContextManager[None]],
        transaction: Callable[[str], AbstractContextManager[None]],
        execute: Execute,
        clock: Callable[[], float],
    ) -> None:
        self._station = station
        self._reading = reading
        self._transaction = transaction
        self._execute = execute
        self._clock = clock
        self._there = {row.file.name: row for row in self._read("gone_at IS NULL")}

    def find(self, name: str) -> PictureFile | None:
        """The file of this name as it was judged."""
        known = self._there.get(name) or self._gone(name)
        return None if known is None else known.file

    def is_gone(self, name: str) -> bool:
        """Whether it has been seen to be gone."""
        return name not in self._there and self._gone(name) is not None

    def names(self) -> Collection[str]:
        """The names of the files that are not known to be gone."""
        return tuple(self._there)

    def renew(self, file: PictureFile) -> None:
        """Note that a judged file is there with another time."""
        known = self._there.get(file.name) or self._gone(file.name)
        if known is not None:
            self._write([JudgedFile(self._station, file, known.row)])

    def note_gone(self, names: Collection[str]) -> None:
        """Note that judged files are gone."""
        known = [row for name in names if (row := self._there.get(name)) is not None]
        self._write([JudgedFile(self._station, row.file, row.row, self._clock()) for row in known])

    def forget(self, names: Collection[str]) -> None:
        """Forget files that are gone for good."""
        with self._transaction("forgetting judged files"):
            for name in names:
                self._execute("DELETE FROM files WHERE station = ? AND name = ?", (self._station, os.fsencode(name)))
        for name in names:
            self._there.pop(name, None)

    def commit(self, file: PictureFile, row: int) -> JudgedFile:
        """Write a file beside its inspection, inside the caller's transaction; `committed` follows when that has succeeded."""
        judged = JudgedFile(self._station, file, row)
        self._execute(WRITE, judged.values())
        return judged

    def committed(self, judged: JudgedFile) -> None:
        """Take what is on disk into memory."""
        if judged.gone_at is None:
            self._there[judged.file.name] = judged
        else:
            self._there.pop(judged.file.name, None)

    def _gone(self, name: str) -> JudgedFile | None:
        return next(iter(self._read("name = ? AND gone_at IS NOT NULL", os.fsencode(name))), None)

    def _read(self, condition: str, *values: object) -> list[JudgedFile]:
        query = f"SELECT {COLUMNS} FROM files WHERE station = ? AND {condition}"  # noqa: S608 -- conditions of ours
        with self._reading("reading the judged files"):
            rows = self._execute(query, (self._station, *values)).fetchall()
        read = [row for columns in rows if (row := read_row(columns)) is not None]
        if len(read) < len(rows):
            what = (self._station, len(rows) - len(read))
            log.error("judged files have changed on disk station=%s files=%d: they are judged again", *what)
        return read

    def _write(self, rows: Sequence[JudgedFile]) -> None:
        if not rows:
            return
        with self._transaction("noting judged files"):
            for row in rows:
                self._execute(WRITE, row.values())
        for row in rows:
            self.committed(row)


def rescued(damaged: Path, new_rows: Mapping[int, int]) -> list[JudgedFile]:
    """Read the whole rows of a damaged spool whose inspection is not lost: delivered, or taken over (`new_rows`: old row to new row)."""
    connection = open_aside(damaged)
    try:
        delivered = delivered_rows(connection)
        rows = [read_row(columns) for columns in connection.execute(f"SELECT {COLUMNS} FROM files")]  # noqa: S608
    except sqlite3.Error:
        return []
    finally:
        connection.close()
    return [
        replace(row, row=new_rows.get(row.row, 0))
        for row in rows
        if row is not None and (row.row in new_rows or row.row <= delivered.get(row.station, 0))
    ]
