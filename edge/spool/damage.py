"""Finding damage in a spool file, moving it aside, and reading what is still whole in it.

SQLite's quick_check sees broken structure but no changed content, and a broken frame in the write-ahead log silently ends the log there. So
every row carries a CRC-32 of its content, and frames that were once committed but lie behind the readable end of the log are counted.
A file that is sound but lacks rows is told by its high-water mark (edge/spool/mark.py).
"""

from __future__ import annotations

import contextlib
import glob
import itertools
import os
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from firmware_config.write import sync_folder

SUFFIXES = ("", "-wal", "-shm")
"""The database, its write-ahead log and the index of the log: they only make sense together."""
_UNREAD, _READ = ".unread-", ".damaged-"

_ENVIRONMENT = ("database is locked", "disk I/O error", "database or disk is full", "out of memory", "unable to open database file")
"""What SQLite says when the machine around the file is at fault, not the file."""

_WAL_HEADER_BYTES, _WAL_FRAME_HEADER_BYTES = 32, 24
"""https://www.sqlite.org/fileformat2.html#the_write_ahead_log"""


def seal(*values: object) -> int:
    """Give the CRC-32 that stands beside values in the file."""
    return zlib.crc32("\x1f".join(map(str, values)).encode(errors="backslashreplace"))


def has_table(connection: sqlite3.Connection, name: str) -> bool:
    """Whether the database has the table: a spool of an earlier version may not."""
    return connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone() is not None


@dataclass(frozen=True, slots=True)
class Row:
    """One committed inspection as it lies in the file; `body` is the message, `seal` the CRC-32 of all the rest but `row`."""

    row: int
    id: str
    epoch: str
    station: str
    seq: int
    committed_at: float
    body: bytes
    seal: int

    def is_whole(self) -> bool:
        """Tell whether the content is what was committed."""
        body = zlib.crc32(self.body) if isinstance(self.body, bytes) else None
        return self.seal == seal(self.id, self.epoch, self.station, self.seq, self.committed_at, body)


def is_damage(err: sqlite3.Error, path: Path) -> bool:
    """Tell a damaged file from trouble around it (locked, full, not permitted), as far as the error says."""
    return os.access(path, os.R_OK | os.W_OK) and not str(err).startswith(_ENVIRONMENT)


def find_damage(connection: sqlite3.Connection, path: Path) -> str | None:
    """Say what is wrong with the content of an open spool that nobody else has open, None if nothing.

    Raises:
        sqlite3.Error: it cannot be read; ask `is_damage`.
    """
    log_frames = max(0, connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1])
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    if _committed_frames_behind(path.with_name(path.name + "-wal"), log_frames, page_bytes):
        return "the write-ahead log breaks off before its end"
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        return f"quick_check says {verdict}"
    if connection.execute("SELECT 1 FROM sqlite_master").fetchone() is None:  # killed before its tables were there
        return None
    return _broken_seal(connection) or _unreadable_backlog(connection)


def move_aside(path: Path, stamp: str) -> None:
    """Give the three files the name NAME.unread-STAMP..., never deleting any. Killed on the way, `finish_moves` ends it.

    A file system without hard links is renamed on, where a kill on the way can part the files.
    """
    aside = path.with_name(f"{path.name}{_UNREAD}{stamp}")
    names = [(path.with_name(path.name + suffix), aside.with_name(aside.name + suffix)) for suffix in reversed(SUFFIXES)]
    names = [(old, new) for old, new in names if old.exists()]
    try:
        for old, new in names:  # the database itself comes last: with it the set is complete
            os.link(old, new)
    except PermissionError:
        for old, new in names:
            old.rename(new)
    sync_folder(path.parent)
    finish_moves(path)


def finish_moves(path: Path) -> None:
    """Take away the first names of a set that has been moved aside."""
    for aside in unread(path):
        if path.exists() and aside.samefile(path):
            for suffix in reversed(SUFFIXES):
                old, new = path.with_name(path.name + suffix), aside.with_name(aside.name + suffix)
                if old.exists() and new.exists() and old.samefile(new):
                    old.unlink()
            sync_folder(path.parent)


def unread(path: Path) -> list[Path]:
    """The databases that were moved aside and whose whole rows were not taken over yet, oldest first."""
    found = path.parent.glob(f"{glob.escape(path.name + _UNREAD)}*")
    return sorted(aside for aside in found if not aside.name.endswith(SUFFIXES[1:]))


def name_when_read(aside: Path) -> Path:
    """NAME.damaged-STAMP..., the name of a set whose whole rows were taken over."""
    return aside.with_name(aside.name.replace(_UNREAD, _READ))


def note_read(aside: Path) -> None:
    """Give a set its name for good."""
    read = name_when_read(aside)
    for suffix in reversed(SUFFIXES):
        with contextlib.suppress(FileNotFoundError):
            aside.with_name(aside.name + suffix).rename(read.with_name(read.name + suffix))


def undelivered(path: Path) -> list[Row]:
    """Read the whole rows of a damaged spool that some sink still waited for, oldest first; what cannot be read is left out."""
    connection = open_aside(path)
    try:
        delivered = delivered_rows(connection)
        rows = {row.row: row for row in _readable(connection, "ASC") if row.row > delivered.get(row.station, 0)}
        rows |= {row.row: row for row in _readable(connection, "DESC") if row.row > delivered.get(row.station, 0)}
    finally:
        connection.close()
    return [rows[row] for row in sorted(rows)]


def open_aside(path: Path) -> sqlite3.Connection:
    """Open a database that was moved aside, for reading only: closing it must not take its write-ahead log away."""
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)


def _readable(connection: sqlite3.Connection, order: str) -> Iterator[Row]:
    """Yield whole rows up to the first broken page; reading from both ends gets past one."""
    with contextlib.suppress(sqlite3.Error):
        query = f"SELECT row, id, epoch, station, seq, committed_at, body, seal FROM inspections NOT INDEXED ORDER BY row {order}"  # noqa: S608
        for columns in connection.execute(query):
            row = Row(*columns)
            if row.is_whole():
                yield row


def delivered_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """Map a station to the row up to which every sink has it; nothing where the cursors cannot be trusted."""
    try:
        cursors = connection.execute("SELECT sink, station, row, active, seal FROM cursors").fetchall()
        there = has_table(connection, "put_off")
        put_off = connection.execute("SELECT sink, station, row, last_row, seal FROM put_off").fetchall() if there else []
    except sqlite3.Error:
        return {}
    delivered: dict[str, int] = {}
    for sink, station, row, active, sealed in cursors:
        if seal(sink, station, row, active) != sealed:
            return {}
        if active:
            delivered[station] = min(row, delivered.get(station, row))
    for sink, station, row, last_row, sealed in put_off:
        if seal(sink, station, row, last_row) != sealed:
            return {}
        delivered[station] = min(row, delivered.get(station, row))
    return delivered


def _committed_frames_behind(log: Path, log_frames: int, page_bytes: int) -> bool:
    """Tell whether transactions were committed behind the last readable frame.

    A power cut tears at most the last transaction, which was never acknowledged: one commit frame at the very end. Anything behind a commit
    frame was written after that commit had been synchronised, so what stands before it was broken later. Frames of an older use of the log
    carry other salts.
    """
    if not log.exists():
        return False
    with log.open("rb") as file:
        header = file.read(_WAL_HEADER_BYTES)
        if not any(header):  # a new log whose header never reached the disk
            return False
        # Where the header itself is broken, the first frame tells the salts of this use.
        salts = header[16:24] if _header_is_whole(header) else file.read(_WAL_FRAME_HEADER_BYTES)[8:16]
        committed = False
        for frame in itertools.count(log_frames):
            file.seek(_WAL_HEADER_BYTES + frame * (_WAL_FRAME_HEADER_BYTES + page_bytes))
            frame_header = file.read(_WAL_FRAME_HEADER_BYTES)
            if len(frame_header) < _WAL_FRAME_HEADER_BYTES:
                break
            if frame_header[8:16] == salts:
                if committed:
                    return True
                committed = any(frame_header[4:8])
    return False


def _header_is_whole(header: bytes) -> bool:
    words = struct.unpack(">8I" if header[3] & 1 else "<8I", header.ljust(_WAL_HEADER_BYTES, b"\0"))
    first = second = 0
    for even, odd in zip(words[0:6:2], words[1:6:2], strict=True):
        first = (first + even + second) & 0xFFFFFFFF
        second = (second + odd + first) & 0xFFFFFFFF
    return (first, second) == struct.unpack(">2I", header[24:32])


def _broken_seal(connection: sqlite3.Connection) -> str | None:
    sealed = {
        "the epoch": "SELECT seal, epoch FROM spool",
        "a sequence number": "SELECT seal, station, seq FROM stations",
        "a cursor": "SELECT seal, sink, station, row, active FROM cursors",
    }
    if has_table(connection, "put_off"):
        sealed["what was put off"] = "SELECT seal, sink, station, row, last_row FROM put_off"
    if has_table(connection, "files"):
        sealed["a judged file"] = "SELECT seal, station, name, size, mtime_ns, sha256, row, gone_at FROM files"
    for what, query in sealed.items():
        if any(columns[0] != seal(*columns[1:]) for columns in connection.execute(query)):
            return f"{what} has changed on disk"
    behind = connection.execute(
        "SELECT station FROM stations AS s WHERE seq < "
        "(SELECT max(seq) FROM inspections WHERE epoch = (SELECT epoch FROM spool) AND station = s.station)"
    )
    return "a sequence number went back" if behind.fetchone() else None


def _unreadable_backlog(connection: sqlite3.Connection) -> str | None:
    """Check each undelivered row's content, and that the index by which it will be found leads to it."""
    delivered = delivered_rows(connection)
    counts = dict.fromkeys(delivered, 0)
    query = "SELECT row, id, epoch, station, seq, committed_at, body, seal FROM inspections NOT INDEXED WHERE row > ?"
    for columns in connection.execute(query, (min(delivered.values(), default=0),)):
        row = Row(*columns)
        if not row.is_whole():
            return f"row {row.row} has changed on disk"
        if row.station in counts and row.row > delivered[row.station]:
            counts[row.station] += 1
    for station, count in counts.items():
        query = "SELECT count(*) FROM inspections WHERE station = ? AND row > ?"
        if connection.execute(query, (station, delivered[station])).fetchone() != (count,):
            return f"the index of station {station} has changed on disk"
    return None
