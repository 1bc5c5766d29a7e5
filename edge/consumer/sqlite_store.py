"""Verdicts into a SQLite file. A commit is on the disk (WAL, synchronous FULL), and others may read while it runs."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from edge.consumer.store import Kept, Seen, Transaction
from edge.consumer.tables import SQLITE_TYPES, Tables
from edge.errors import StoreError

BUSY_S = 5.0
"""How long a statement waits for another writer."""
REFUSALS = (sqlite3.DataError, OverflowError, UnicodeEncodeError)


class SqliteFile:
    """A SQLite file that one process writes: opened, locked, read and closed. `verdicts`: with a table of them."""

    def __init__(self, path: Path, *, verdicts: bool = True) -> None:
        self.name = str(path)
        self._path = path
        self._verdicts = verdicts
        self._connection: sqlite3.Connection | None = None
        self._lock: int | None = None

    def open(self, root: str) -> Kept:
        """See `Store`."""
        with self._translated("opening"):
            self._lock = self._locked()
            # Opened in one thread and used in the one that runs the consumer.
            self._connection = sqlite3.connect(self._path, isolation_level=None, timeout=BUSY_S, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            with self._begun() as transaction:
                transaction.create(SQLITE_TYPES, verdicts=self._verdicts)
                transaction.claim(root, name=self.name)
                return transaction.kept()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Tables]:
        """See `Store`."""
        with self._translated("writing"), self._begun() as transaction:
            yield transaction

    def recover(self) -> Kept:
        """See `Store`. The connection stays: on a full disk it could not be opened again."""
        with self._translated("reading"):
            return _tables(self._opened()).kept()

    def look(self) -> Seen:
        """See `Store`."""
        with self._translated("reading"):
            if not self._path.is_file():
                msg = f"reading the database {self._path}: there is no such file: give the database of a consumer that has run"
                raise StoreError(msg)
            with contextlib.closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)) as connection:
                return _tables(connection).seen()

    def close(self) -> None:
        """See `Store`."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            msg = f"using the database {self._path}: it is not open: open it before"
            raise StoreError(msg)
        return self._connection

    @contextlib.contextmanager
    def _begun(self) -> Iterator[Tables]:
        connection = self._opened()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield _tables(connection)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _locked(self) -> int:
        descriptor = os.open(f"{self._path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            msg = f"opening the database {self._path}: another consumer has it open: stop that one, or give another database"
            raise StoreError(msg) from None
        return descriptor

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as err:
            msg = f"{doing} the database {self._path}: SQLite says {err}: look at the disk and at who else has the file open"
            raise StoreError(msg) from err
        except OSError as err:
            msg = f"{doing} the database {self._path}: {err.strerror}: the folder must exist and be writable"
            raise StoreError(msg) from err


class SqliteStore:
    """Verdicts in the table `verdicts` of a SQLite file, with everything that is known of gaps beside it."""

    def __init__(self, path: Path | str) -> None:
        self._file = SqliteFile(Path(path))
        self.name = self._file.name
        self.open, self.recover, self.look, self.close = self._file.open, self._file.recover, self._file.look, self._file.close

    def transaction(self) -> AbstractContextManager[Transaction]:
        """See `Store`."""
        return self._file.transaction()


def _tables(connection: sqlite3.Connection) -> Tables:
    return Tables(connection.execute, connection, REFUSALS)
