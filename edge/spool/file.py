"""Opens the file of the spool. It is examined first, unless another process has it open. A damaged file is moved aside.

What is whole in it is taken over in one transaction with the new epoch, and the table `rescued` says so: killed on the way, the next
start goes on.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.spool.damage import (
    find_lasting_damage,
    finish_moves,
    has_table,
    is_damage,
    move_aside,
    name_when_read,
    note_read,
    seal,
    undelivered,
    unread,
)
from edge.spool.judged_files import TABLE, WRITE, rescued
from edge.spool.mark import Mark, MarkFile
from firmware_config.owned_file import open_owned

log = logging.getLogger(__name__)

PAGE_BYTES = 4096
LOCK_WAIT_S = 5.0

INSERT = "INSERT OR IGNORE INTO inspections (id, epoch, station, seq, committed_at, body, seal) VALUES (?, ?, ?, ?, ?, ?, ?)"

_TABLES = """
CREATE TABLE IF NOT EXISTS spool (epoch TEXT NOT NULL, seal INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS stations (station TEXT PRIMARY KEY, seq INTEGER NOT NULL, seal INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS inspections (
    row INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, epoch TEXT NOT NULL, station TEXT NOT NULL, seq INTEGER NOT NULL,
    committed_at REAL NOT NULL, body BLOB NOT NULL, seal INTEGER NOT NULL, UNIQUE (epoch, station, seq));
CREATE INDEX IF NOT EXISTS inspections_of_station ON inspections (station);
CREATE TABLE IF NOT EXISTS cursors (
    sink TEXT NOT NULL, station TEXT NOT NULL, row INTEGER NOT NULL, active INTEGER NOT NULL, seal INTEGER NOT NULL,
    PRIMARY KEY (sink, station));
CREATE TABLE IF NOT EXISTS put_off (
    sink TEXT NOT NULL, station TEXT NOT NULL, row INTEGER NOT NULL, last_row INTEGER NOT NULL, seal INTEGER NOT NULL,
    PRIMARY KEY (sink, station, last_row));
CREATE TABLE IF NOT EXISTS replays (replay INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, row INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS rescued (aside TEXT PRIMARY KEY, marked TEXT)
"""
"""`put_off` holds the rows from after `row` to `last_row`. `marked` is the epoch of the mark that stood beside the file."""


def open_connection(path: Path) -> sqlite3.Connection:
    """Open the database file; transactions are begun and ended by the spool itself."""
    return sqlite3.connect(path, timeout=LOCK_WAIT_S, isolation_level=None, check_same_thread=False)


@dataclass(frozen=True, slots=True)
class SpoolFile:
    """An open spool. `share` is the descriptor whose lock says that the file is in use; `moved_aside` the damaged ones before it."""

    connection: sqlite3.Connection
    epoch: str
    mark: MarkFile
    share: int
    moved_aside: tuple[Path, ...]

    def close(self) -> None:
        """Close the database and the mark, then give up the share in them."""
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, self.share)
            stack.callback(self.mark.close)
            stack.callback(self.connection.close)


class _MovedAsideError(Exception):
    """The file was damaged and is out of the way."""


def lock_file(path: Path) -> Path:
    """The file beside a spool whose lock says that the spool is open."""
    return path.with_name(path.name + ".lock")


def open_spool_file(
    path: Path, *, max_pages: int, stamp: str, new_epoch: Callable[[], str], connect: Callable[[Path], sqlite3.Connection]
) -> SpoolFile:
    """Open a spool, start one where there is none; `stamp` names a damaged one.

    Raises:
        sqlite3.Error, OSError: it cannot be opened, or is damaged while another process has it open.
    """
    share = open_owned(lock_file(path), os.O_RDWR)
    mark = MarkFile(path.with_name(path.name + ".mark"))
    try:
        alone, marked = _take_share(share), mark.read()
        if alone:
            finish_moves(path)
        try:
            connection = _connected(path, connect, stamp=stamp, examine=alone, marked=marked)
        except _MovedAsideError:
            connection = _connected(path, connect, stamp=stamp, examine=False, marked=None)
        try:
            epoch = _taken_over(connection, path, new_epoch, alone=alone, marked=marked)
            # Only now: a spool that was filled to its quota by an earlier version has no room for new tables, nor one that is smaller now.
            connection.execute(f"PRAGMA max_page_count = {max_pages}").fetchall()
            if alone:
                _begin_mark(mark, Mark(epoch, _last_row(connection)), path)
            names = [path.with_name(name) for (name,) in connection.execute("SELECT aside FROM rescued ORDER BY aside")]
        except BaseException:
            connection.close()
            raise
        fcntl.flock(share, fcntl.LOCK_SH)
    except BaseException:
        mark.close()
        os.close(share)
        raise
    return SpoolFile(connection, epoch, mark, share, (*map(name_when_read, names), *unread(path)))


def _take_share(share: int) -> bool:
    """Lock the file for us alone if possible, else together with those who have examined it already."""
    for _ in range(2):
        try:
            fcntl.flock(share, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fcntl.flock(share, fcntl.LOCK_SH)  # waits for who examines it; if that one has died meanwhile, it is our turn
        else:
            return True
    return False


def _connected(
    path: Path, connect: Callable[[Path], sqlite3.Connection], *, stamp: str, examine: bool, marked: Mark | None
) -> sqlite3.Connection:
    if not path.exists():
        os.close(open_owned(path, os.O_RDWR))  # SQLite would let the group and others read it
    connection = connect(path)
    try:
        connection.execute(f"PRAGMA page_size = {PAGE_BYTES}").fetchall()
        (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            msg = f"journal mode is {mode}, expected wal"
            raise sqlite3.DatabaseError(msg)  # noqa: TRY301 -- closed like any other failure below
        # NORMAL loses acknowledged rows at a power cut: 9,055 of 99,773 in 5,000 simulated cuts, FULL none of 90,959.
        connection.execute("PRAGMA synchronous = FULL").fetchall()
        damage = find_lasting_damage(connection, path) or _lacking(connection, path, marked) if examine else None
        if damage is not None:
            raise sqlite3.DatabaseError(damage)  # noqa: TRY301 -- as above
        if examine:  # frames of a torn transaction must not stay behind new ones: they would look like damage after the next power cut
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("BEGIN IMMEDIATE")
        for statement in (*_TABLES.split(";"), TABLE):
            connection.execute(statement)
        connection.execute("COMMIT")
    except sqlite3.Error as err:
        is_damaged = examine and is_damage(err, path)
        if is_damaged:
            log.error("spool damaged path=%s reason=%r", path, str(err))  # noqa: TRY400 -- the reason says it all
            move_aside(path, stamp)  # before closing, which takes the write-ahead log away
        connection.close()
        if is_damaged:
            raise _MovedAsideError from err
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _lacking(connection: sqlite3.Connection, path: Path, marked: Mark | None) -> str | None:
    """Say what a sound database lacks by its mark, None if nothing."""
    if marked is None or not marked.row:
        return None
    epoch = None
    if has_table(connection, "spool"):
        (epoch,) = connection.execute("SELECT epoch FROM spool").fetchone() or (None,)
    if epoch is None and unread(path):  # killed before the new database had begun its epoch
        return None
    if epoch == marked.epoch:
        last = _last_row(connection)
        return f"it has {last} of the {marked.row} verdicts that were committed" if last < marked.row else None
    if has_table(connection, "rescued"):
        earlier = connection.execute("SELECT 1 FROM rescued WHERE marked = ?", (marked.epoch,)).fetchone()
        if earlier:  # killed after it had begun, and before its mark had
            return None
    return f"it is not the spool of epoch {marked.epoch}, in which {marked.row} verdicts were committed"


def _begin_mark(mark: MarkFile, begun: Mark, path: Path) -> None:
    try:
        mark.begin(begun, like=path)
    except OSError as err:  # the spool works without it; only the loss of the whole file would not be noticed
        log.error("the mark beside the spool cannot be written path=%s reason=%s", path, err.strerror)  # noqa: TRY400


def _last_row(connection: sqlite3.Connection) -> int:
    (row,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'inspections'").fetchone() or (0,)
    return int(row)


def _taken_over(connection: sqlite3.Connection, path: Path, new_epoch: Callable[[], str], *, alone: bool, marked: Mark | None) -> str:
    """The epoch of the database, which has taken over what was moved aside, as far as the disk has room for it."""
    aside = unread(path) if alone else []
    try:
        epoch = _begin(connection, aside, new_epoch, marked=marked)
    except sqlite3.OperationalError as err:
        with contextlib.suppress(sqlite3.Error):  # it may have rolled back already
            connection.execute("ROLLBACK")
        if not aside or "full" not in str(err):
            raise
        log.error("the disk has no room for what was moved aside paths=%s: a later start takes it over", aside)  # noqa: TRY400
        return _begin(connection, [], new_epoch, marked=marked)
    for one in aside:
        note_read(one)
    return epoch


def _begin(connection: sqlite3.Connection, aside: Sequence[Path], new_epoch: Callable[[], str], *, marked: Mark | None) -> str:
    """Return the epoch, a new one in a new database, and take over what is whole in those that were moved aside."""
    connection.execute("BEGIN IMMEDIATE")
    known = connection.execute("SELECT epoch FROM spool").fetchone()
    epoch = known[0] if known else new_epoch()
    if not known:
        connection.execute("INSERT INTO spool VALUES (?, ?)", (epoch, seal(epoch)))
    for database in aside:
        if connection.execute("SELECT 1 FROM rescued WHERE aside = ?", (database.name,)).fetchone() is None:
            connection.execute("INSERT INTO rescued VALUES (?, ?)", (database.name, marked and marked.epoch))
            log.error("spool moved aside path=%s rescued=%d epoch=%s", database, _rescue(database, connection), epoch)
    connection.execute("COMMIT")
    return str(epoch)


def _rescue(aside: Path, connection: sqlite3.Connection) -> int:
    """Take over what is whole and undelivered, under its old epoch and seq, and the judged files whose inspections are not lost."""
    rows = undelivered(aside)
    new_rows = {}
    for row in rows:
        connection.execute(INSERT, (row.id, row.epoch, row.station, row.seq, row.committed_at, row.body, row.seal))
        (new_rows[row.row],) = connection.execute("SELECT row FROM inspections WHERE id = ?", (row.id,)).fetchone()
    for file in rescued(aside, new_rows):
        connection.execute(WRITE, file.values())
    return len(rows)
