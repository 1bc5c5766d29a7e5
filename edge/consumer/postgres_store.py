"""Verdicts into PostgreSQL, in the schema `kotoba`; needs psycopg 3 (`pip install 'kotoba-edge[postgres]'`)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.consumer.store import Kept, Seen
from edge.consumer.tables import POSTGRES_TYPES, Tables
from edge.errors import StoreError
from firmware_config.errors import ConfigError
from firmware_config.regular_file import read_secret

if TYPE_CHECKING:
    import psycopg

LOCK = 0x6B6F746F6261
"""The number of an advisory lock of the server: "kotoba"."""
PATIENCE = {"connect_timeout": 5, "tcp_user_timeout": 10_000, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
"""Seconds, and milliseconds for `tcp_user_timeout`: a server that is gone is noticed, unless the connection string says otherwise."""


class PostgresStore:
    """`dsn` is a connection string of libpq (`host=db dbname=line user=kotoba`), which may hold a password and is never printed."""

    def __init__(self, dsn: str) -> None:
        try:
            import psycopg
            from psycopg.conninfo import conninfo_to_dict
        except ImportError:
            msg = "verdicts go to PostgreSQL with psycopg, which is not installed: pip install 'kotoba-edge[postgres]'"
            raise ConfigError(msg) from None
        self._psycopg = psycopg
        try:
            self._parameters: dict[str, Any] = {**PATIENCE, **conninfo_to_dict(dsn)}
        except psycopg.Error:  # its text quotes what stands there, which may be a password
            msg = "the connection string of PostgreSQL is not understood: write it as host=db dbname=line user=kotoba password=..."
            raise ConfigError(msg) from None
        where = self._parameters
        self.name = f"{where.get('dbname', 'postgres')} at {where.get('host', 'this machine')}"
        self._root = ""
        self._connection: psycopg.Connection[Any] | None = None

    @classmethod
    def from_file(cls, path: Path) -> PostgresStore:
        """Read the connection string from a file of one line.

        Raises:
            ConfigError: the file cannot be read, or its content is not understood.
        """
        try:
            return cls(read_secret(path))
        except (OSError, UnicodeDecodeError) as err:
            reason = err.strerror if isinstance(err, OSError) else "it is not UTF-8"
            msg = f"the file {path} with the connection string cannot be read ({reason}): correct the path or its permissions"
            raise ConfigError(msg) from err

    def open(self, root: str) -> Kept:
        """See `Store`."""
        self._root = root
        with self._translated("opening"):
            self._connection = self._connected()
            if self._connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK,)).fetchone() != (True,):
                self.close()
                msg = f"opening the database {self.name}: another consumer has it open: stop that one, or give another database"
                raise StoreError(msg)
            with self._connection.transaction():
                self._connection.execute("CREATE SCHEMA IF NOT EXISTS kotoba")
                transaction = self._tables(self._connection)
                transaction.create(POSTGRES_TYPES, verdicts=True)
                transaction.claim(root, name=self.name)
                return transaction.kept()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Tables]:
        """See `Store`."""
        if self._connection is None:
            msg = f"using the database {self.name}: it is not open: open it before"
            raise StoreError(msg)
        with self._translated("writing"), self._connection.transaction():
            yield self._tables(self._connection)

    def recover(self) -> Kept:
        """See `Store`."""
        self.close()
        return self.open(self._root)

    def look(self) -> Seen:
        """See `Store`."""
        with self._translated("reading"), contextlib.closing(self._connected()) as connection:
            return self._tables(connection).seen()

    def close(self) -> None:
        """See `Store`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = self._psycopg.connect(**self._parameters, autocommit=True, application_name="kotoba-consume")
        connection.execute("SET search_path TO kotoba")
        connection.execute("SET synchronous_commit TO on")  # also where the server's own settings are careless
        return connection

    def _tables(self, connection: psycopg.Connection[Any]) -> Tables:
        def execute(statement: str, parameters: Sequence[object]) -> psycopg.Cursor[Any]:
            return connection.execute(statement.replace("?", "%s").encode(), parameters)

        return Tables(execute, connection, (self._psycopg.DataError,))

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except self._psycopg.Error as err:
            msg = f"{doing} the database {self.name}: {' '.join(str(err).split())}: look at the server, its disk and your rights there"
            raise StoreError(msg) from err
