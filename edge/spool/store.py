"""The spool: where a verdict exists from the moment it is committed, and from where sinks fetch it at their own pace.

SQLite in WAL mode with synchronous=FULL: what was committed survives kill and power cut (NORMAL does not:
tests/edge/spool/test_spool_power.py).
`seq` is gap-free per station and `epoch`; rows stay after delivery, so that a range can be sent again. A sink only moves its own cursors.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import sqlite3
import threading
import time
import uuid
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from edge.errors import SpoolError, SpoolFullError
from edge.message import decode, encode
from edge.records import Inspection, PictureFile
from edge.spool import cursors
from edge.spool.ballast import Ballast
from edge.spool.damage import Row, seal
from edge.spool.file import INSERT, PAGE_BYTES, open_connection, open_spool_file
from edge.spool.judged_files import JudgedFiles
from edge.spool.mark import Mark
from edge.spool.replays import FORGET_UNSERVED, ask_again, waiting_again

log = logging.getLogger(__name__)

DEFAULT_MAX_BYTES = 1 << 30
DEFAULT_KEEP_S, DEFAULT_KEEP_ROWS = 7 * 86_400.0, 1000
"""While there is room, the newest rows stay however old they are."""
DEFAULT_BALLAST_BYTES = 8 << 20
"""Twice the write-ahead log at SQLite's default checkpoint of 1,000 pages: enough to prune and to move cursors on a full disk."""

_MIN_PAGES = 25
"""The empty tables and indexes with a little room."""
_SPLIT_PAGES = 8
"""One commit may need this many new pages at once, so SQLite says "full" a little before the quota."""
PRUNE_ROWS = 1000
"""Rows pruned in one transaction: a commit never waits for longer than these take."""


@dataclass(frozen=True, slots=True)
class Pending:
    """An inspection that a sink has not got yet; `replay` is set where it is sent again on request, `put_off` where it was put off."""

    row: int
    replay: int | None
    inspection: Inspection
    put_off: bool = False


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """`backlog` counts undelivered rows per (sink, station); `moved_aside` is a damaged spool that still lies beside it."""

    epoch: str
    rows: int
    used_bytes: int
    max_bytes: int
    full: bool
    backlog: Mapping[tuple[str, str], int]
    moved_aside: Path | None


class Spool:
    """All committed inspections of a box. Safe to use from several threads, and from a second process (`kotoba-edge spool`).

    A damaged file is moved aside, never deleted: a new one with a new epoch takes over whatever whole rows were still undelivered.

    Raises:
        SpoolError: the file cannot be opened, or is damaged while another process has it open.
    """

    def __init__(
        self,
        path: Path,
        *,
        max_bytes: int = DEFAULT_MAX_BYTES,
        keep_s: float = DEFAULT_KEEP_S,
        keep_rows: int = DEFAULT_KEEP_ROWS,
        ballast_bytes: int = DEFAULT_BALLAST_BYTES,
        clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
        new_epoch: Callable[[], str] = lambda: uuid.uuid4().hex,
        connect: Callable[[Path], sqlite3.Connection] = open_connection,
    ) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._keep_s, self._keep_rows = keep_s, keep_rows
        self._ballast = Ballast(path.with_name(path.name + ".ballast"), size_bytes=ballast_bytes)
        self._lock = threading.RLock()
        self._judged: dict[str, JudgedFiles] = {}
        self._full = False
        self._closed = False
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S.%f")
        with self._translated("opening it"):
            if shutil.disk_usage(path.parent).free < ballast_bytes:  # an open database needs a little space, or dies of SIGBUS
                self._ballast.drop()
            self._file = open_spool_file(path, max_pages=self._max_pages, stamp=stamp, new_epoch=new_epoch, connect=connect)
            self._clock = self._spool_clock(clock)
        self._ballast.restore()

    def _spool_clock(self, clock: Callable[[], float]) -> Callable[[], float]:
        """The spool's own time: it goes on from the newest row while the spool is open, so that no step of the wall clock ages a row."""
        row = self._execute("SELECT committed_at FROM inspections ORDER BY row DESC LIMIT 1").fetchone() or (0.0,)
        file = self._execute("SELECT coalesce(max(gone_at), 0) FROM files").fetchone()
        began = max(*row, *file) - clock()
        return lambda: began + clock()

    @property
    def epoch(self) -> str:
        """The identity of this spool: a new one when a new file begins."""
        return self._file.epoch

    def judged_files(self, station: str) -> JudgedFiles:
        """The files of a station whose inspections are committed.

        Raises:
            SpoolError: they cannot be read.
        """
        with self._lock:
            if station not in self._judged:
                self._judged[station] = JudgedFiles(
                    station, reading=self._reading, transaction=self._transaction, execute=self._execute, clock=self._clock
                )
            return self._judged[station]

    def register_sinks(self, sinks: Mapping[str, Sequence[str]]) -> None:
        """Say which sinks deliver which stations from now on; rows that one of these waits for are never pruned.

        A new (sink, station) begins with what is committed next, the first ones of a file with all that is in it; one that was served
        before goes on where it stopped.
        """
        self._write_with_ballast(lambda: self._write_sinks(sinks))

    def commit(self, inspection: Inspection, *, file: PictureFile | None = None) -> Inspection:
        """Put an inspection on disk; returning means that it survives kill and power cut. Returns it with `epoch` and `seq`.

        The same id committed again gives what is already there. `file` is the picture's, which is then known to be judged.

        Raises:
            SpoolFullError: quota or disk are used up and no delivered row is left to make room with.
            SpoolError: it cannot be written.
            MessageError: it cannot be encoded.
        """
        with self._lock:
            for _ in range(3):
                if self._ballast.in_place() or self._make_room():
                    try:
                        committed = self._insert(inspection, file)
                    except SpoolFullError:
                        if not self._make_room():
                            break
                    else:
                        self._note_full(full=False)
                        return committed
            self._note_full(full=True)
        used_up = f"{self._max_bytes} bytes or the disk are used up by undelivered verdicts"
        msg = f"committing a verdict to the spool {self._path}: {used_up}: bring the outputs back or give it more room"
        raise SpoolFullError(msg)

    def pending(self, sink: str, stations: Sequence[str], limit: int, *, under_way: Sequence[Pending] = ()) -> tuple[Pending, ...]:
        """Fetch what a sink is to deliver next: at most `limit`, oldest first; then what was put off, and then replays.

        Those `under_way` are left out.

        Raises:
            SpoolError: it cannot be read, or a row has changed on disk: restart the daemon, which examines the file.
        """
        known = {(one.row, one.replay) for one in under_way}
        asked = (sink, stations, limit + len(known))
        with self._lock, self._translated("reading what is pending"):
            for put_off, fetch in ((False, cursors.waiting), (True, cursors.waiting_put_off)):
                rows = [row for row in fetch(self._execute, *asked) if (row.row, None) not in known]
                if rows:
                    return tuple(Pending(row.row, None, self._read(row), put_off) for row in rows[:limit])
            again = [(replay, row) for replay, row in waiting_again(self._execute, *asked) if (row.row, replay) not in known]
            return tuple(Pending(row.row, replay, replace(self._read(row), replayed=True)) for replay, row in again[:limit])

    def mark_delivered(self, sink: str, delivered: Sequence[Pending]) -> None:
        """Move a sink's cursors past inspections that the other side has; these are the first ones of `pending`, in its order.

        Raises:
            SpoolError: it cannot be written; the inspections will be delivered again.
        """
        self._write_with_ballast(lambda: self._move_cursors(sink, delivered))

    def put_off(self, sink: str, stations: Sequence[str], *, more_than: int) -> bool:
        """Let the newest and what is committed next overtake a backlog of more than so many inspections; True if there was one.

        Raises:
            SpoolError: it cannot be written.
        """
        with self._lock, self._translated("looking for a backlog"):
            if not cursors.has_backlog(self._execute, sink, stations, more_than):
                return False
        self._write_with_ballast(lambda: self._put_off(sink, stations, more_than))
        return True

    def backlog(self, sink: str, stations: Sequence[str]) -> int:
        """Count the inspections that a sink has not got yet, replays included."""
        with self._lock, self._translated("counting a backlog"):
            return cursors.backlog(self._execute, sink, stations)

    def replay(self, sink: str, station: str, first_seq: int, last_seq: int, *, epoch: str | None = None) -> int:
        """Ask for a range of a station to be sent again, marked `replayed`; returns how many of it are still here.

        Raises:
            SpoolError: it cannot be written, the range is none, or no such output serves the station.
        """
        with self._transaction("asking for a replay"):
            return ask_again(self._execute, sink, station, first_seq, last_seq, epoch=epoch or self._file.epoch)

    def prune(self) -> int:
        """Delete rows older than `keep_s` that no sink waits for, but the newest, and take up ballast again; returns how many rows went.

        A row ages while the spool is open.

        Judged files that have been gone for as long are forgotten.

        Raises:
            SpoolError: it cannot be written.
        """
        pruned, before = 0, self._clock() - self._keep_s
        while batch := self._delete_oldest(PRUNE_ROWS, before=before, keep_rows=self._keep_rows):
            pruned += batch
        with self._transaction("forgetting files that are gone"):
            self._execute("DELETE FROM files WHERE gone_at < ?", (before,))
        self._ballast.restore()
        return pruned

    def status(self) -> SpoolStatus:
        """Say how full the spool is and what waits in it."""
        with self._lock, self._translated("reading its status"):
            served = self._execute("SELECT sink, station FROM cursors WHERE active ORDER BY sink, station").fetchall()
            return SpoolStatus(
                epoch=self._file.epoch,
                rows=self._number("SELECT count(*) FROM inspections"),
                used_bytes=(self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")) * PAGE_BYTES,
                max_bytes=self._max_bytes,
                full=self._full,
                backlog={(sink, station): cursors.backlog(self._execute, sink, [station]) for sink, station in served},
                moved_aside=next((path for path in self._file.moved_aside if path.exists()), None),
            )

    def close(self) -> None:
        """Close the file; may be called twice."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._file.close()

    def _write_sinks(self, sinks: Mapping[str, Sequence[str]]) -> None:
        with self._transaction("writing down its sinks"):
            cursors.register(self._execute, sinks)
            self._execute(FORGET_UNSERVED)

    def _insert(self, inspection: Inspection, file: PictureFile | None) -> Inspection:
        files = None if file is None else self.judged_files(inspection.station)
        judged = None
        with self._transaction("committing a verdict"):
            there = self._execute("SELECT body FROM inspections WHERE id = ?", (inspection.id,)).fetchone()
            if there is not None:
                return decode(there[0])
            (last,) = self._execute("SELECT seq FROM stations WHERE station = ?", (inspection.station,)).fetchone() or (0,)
            committed = replace(inspection, epoch=self._file.epoch, seq=last + 1)
            body, now = encode(committed), self._clock()
            identity = (committed.id, committed.epoch, committed.station, committed.seq, now)
            self._execute(INSERT, (*identity, body, seal(*identity, zlib.crc32(body))))
            row = self._number("SELECT last_insert_rowid()")
            if file is not None and files is not None:
                judged = files.commit(file, row)
            counter = (committed.station, committed.seq)
            self._execute("INSERT OR REPLACE INTO stations VALUES (?, ?, ?)", (*counter, seal(*counter)))
        if judged is not None and files is not None:
            files.committed(judged)
        self._advance_mark(row)
        return committed

    def _advance_mark(self, row: int) -> None:
        try:
            self._file.mark.advance(Mark(self._file.epoch, row))
        except OSError as err:  # the row is safe; only the loss of the whole file would not be noticed
            log.error("the mark beside the spool cannot be written path=%s reason=%s", self._path, err.strerror)  # noqa: TRY400

    def _make_room(self) -> bool:
        """Delete the oldest rows that nobody waits for. On a full disk the ballast makes that possible, and must fit again afterwards."""
        quota = self._number("PRAGMA page_count") + _SPLIT_PAGES >= self._max_pages
        if not quota:
            self._ballast.drop()
        deleted = self._delete_oldest(min(PRUNE_ROWS, self._max_pages // 20 + 1), before=float("inf"), keep_rows=0)
        if not quota:
            self._execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return self._ballast.restore() and (deleted > 0 or not quota)

    def _delete_oldest(self, limit: int, *, before: float, keep_rows: int) -> int:
        query = f"""
            DELETE FROM inspections WHERE row IN (
                SELECT row FROM inspections WHERE committed_at < ? AND row <= (SELECT max(row) FROM inspections) - ?
                AND {cursors.DELIVERED_TO_ALL} ORDER BY row LIMIT ?)"""  # noqa: S608
        with self._transaction("pruning"):
            self._execute(query, (before, keep_rows, limit))
            return self._changes()

    def _move_cursors(self, sink: str, delivered: Sequence[Pending]) -> None:
        with self._transaction("moving cursors"):
            for one in delivered:
                if one.replay is not None:
                    self._execute("DELETE FROM replays WHERE replay = ?", (one.replay,))
            live = [one for one in delivered if one.replay is None and not one.put_off]
            cursors.move(self._execute, sink, {one.inspection.station: one.row for one in live})
            for station in {one.inspection.station for one in delivered if one.put_off}:
                rows = [one.row for one in delivered if one.put_off and one.inspection.station == station]
                cursors.move_put_off(self._execute, sink, station, rows)

    def _put_off(self, sink: str, stations: Sequence[str], more_than: int) -> None:
        with self._transaction("putting a backlog off"):
            cursors.put_off(self._execute, sink, stations, more_than)

    def _write_with_ballast(self, write: Callable[[], None]) -> None:
        """Write what a full disk must not hinder: for that the ballast is kept."""
        with self._lock:
            try:
                write()
            except SpoolFullError:
                self._ballast.drop()
                write()

    def _read(self, row: Row) -> Inspection:
        if not row.is_whole():
            msg = f"row {row.row} of the spool {self._path} has changed on disk: restart the daemon, which examines the file"
            raise SpoolError(msg)
        return decode(row.body)

    def _note_full(self, *, full: bool) -> None:
        if full != self._full:
            self._full = full
            log.log(logging.ERROR if full else logging.INFO, "spool full=%s path=%s", full, self._path)

    @property
    def _max_pages(self) -> int:
        return max(_MIN_PAGES, self._max_bytes // PAGE_BYTES)

    def _number(self, query: str) -> int:
        return int(self._execute(query).fetchone()[0])

    def _changes(self) -> int:
        return self._number("SELECT changes()")

    def _execute(self, statement: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        return self._file.connection.execute(statement, values)

    @contextlib.contextmanager
    def _transaction(self, doing: str) -> Iterator[None]:
        with self._lock, self._translated(doing):
            self._execute("BEGIN IMMEDIATE")
            try:
                yield
                self._execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a failed COMMIT may have rolled back already
                    self._execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _reading(self, doing: str) -> Iterator[None]:
        with self._lock, self._translated(doing):
            yield

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as err:
            error = SpoolFullError if "full" in str(err) else SpoolError
            msg = f"{doing} in the spool {self._path}: SQLite says {err}: look at the disk and at who else has the file open"
            raise error(msg) from err
        except OSError as err:
            msg = f"{doing} in the spool {self._path}: {err.strerror}: the folder must exist and be writable"
            raise SpoolError(msg) from err
