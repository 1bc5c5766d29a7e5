"""A consistent copy of a spool beside a daemon that writes it, and the same spool going on as another one."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

from edge.errors import SpoolError
from edge.spool.damage import find_damage, open_aside, seal
from edge.spool.file import LOCK_WAIT_S, lock_file
from edge.spool.mark import Mark, MarkFile
from firmware_config.owned_file import open_owned

SUFFIXES = ("", "-wal", "-shm", ".mark")
"""What is one spool: the database, its log, and the mark that says how far it had come."""


def copy_spool(spool: Path, to: Path) -> Mark:
    """Copy what is committed at one moment into a new file, and examine the copy; returns its epoch and highest row.

    The daemon goes on writing meanwhile.

    Raises:
        SpoolError: it cannot be read, is damaged, or the copy cannot be written.
    """
    with _translated(f"copying the spool {spool}"), _share(spool):
        os.close(os.open(to, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))  # SQLite would let others read it
        with closing(open_aside(spool)) as source, closing(sqlite3.connect(to)) as copy:
            source.execute(f"PRAGMA busy_timeout = {int(LOCK_WAIT_S * 1000)}").fetchall()
            source.backup(copy)
        return _examined(to)


def begin_anew(spool: Path, new_epoch: Callable[[], str]) -> Mark:
    """Let a copy of a spool go on under a new epoch: the other one may have gone on, and used the next numbers. Returns its mark.

    What is in it keeps the numbers that it has.

    Raises:
        SpoolError: it is damaged, or cannot be written.
    """
    with _translated(f"beginning a new epoch in the copy {spool}"):
        _examined(spool)
        with closing(sqlite3.connect(spool, isolation_level=None)) as connection:
            epoch = new_epoch()
            connection.execute("PRAGMA synchronous = FULL").fetchall()
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("UPDATE spool SET epoch = ?, seal = ?", (epoch, seal(epoch)))
            connection.execute("DELETE FROM stations")
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return _examined(spool)


def write_mark(spool: Path, mark: Mark) -> None:
    """Write the mark beside a spool that has none yet.

    Raises:
        SpoolError: it cannot be written.
    """
    with _translated(f"writing the mark of the spool {spool}"), closing(MarkFile(spool.with_name(spool.name + ".mark"))) as file:
        file.begin(mark, like=spool)


@contextlib.contextmanager
def nobody_looks(spool: Path) -> Iterator[None]:
    """Have a spool's files for this process alone, so that they can be replaced; the daemon's lock (edge/spool/holder.py) comes first.

    Raises:
        SpoolError: another command has it open.
    """
    with _translated(f"locking the spool {spool}"):
        descriptor = open_owned(lock_file(spool), os.O_RDWR)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            msg = f"another command has the spool {spool} open: wait for its end"
            raise SpoolError(msg) from err
        yield
    finally:
        os.close(descriptor)


def _examined(spool: Path) -> Mark:
    """The epoch and highest row of a spool that nobody else has open.

    Raises:
        SpoolError: it is damaged.
        sqlite3.Error: it cannot be read.
    """
    with closing(sqlite3.connect(spool)) as connection:
        damage = find_damage(connection, spool)
        if damage is not None:
            msg = f"the copy of the spool {spool} is damaged ({damage}): take another backup, or look at the disk"
            raise SpoolError(msg)
        (epoch,) = connection.execute("SELECT epoch FROM spool").fetchone()
        (row,) = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'inspections'").fetchone() or (0,)
    return Mark(str(epoch), int(row))


@contextlib.contextmanager
def _share(spool: Path) -> Iterator[None]:
    """Keep others from moving the file aside or replacing it meanwhile; who writes it goes on."""
    descriptor = open_owned(lock_file(spool), os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _translated(doing: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as err:
        msg = f"{doing}: SQLite says {err}: look at the disk and at who else has the file open"
        raise SpoolError(msg) from err
    except OSError as err:
        msg = f"{doing}: {err.filename}: {err.strerror}: look at the disk and the rights"
        raise SpoolError(msg) from err
