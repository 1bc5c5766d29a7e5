"""Verdicts as lines of InfluxDB's line protocol, appended to a file; what has arrived is kept in a SQLite file beside it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from edge.consumer.line_protocol import line
from edge.consumer.messages import VerdictMessage
from edge.consumer.sqlite_store import SqliteFile
from edge.consumer.store import Kept, Seen
from edge.consumer.tables import Tables
from edge.errors import StoreError

WRITTEN = "written"
"""Under this name the state keeps "inode length": how far the file was written when the last transaction ended."""


class LineProtocolTransaction:
    """One under way: collects lines, and hands everything else to the tables of the state file."""

    def __init__(self, tables: Tables) -> None:
        self.lines: list[str] = []
        self.connection = tables.connection
        self.reject, self.write_position, self.write_gaps = tables.reject, tables.write_position, tables.write_gaps

    def add(self, verdict: VerdictMessage, at: datetime) -> bool:  # noqa: ARG002 -- the seam's signature
        """Collect a line. Whether the verdict was there before is known by its number."""
        self.lines.append(line(verdict))
        return True

    def id_of(self, *_: object) -> str | None:
        """Ids are not kept."""
        return None


class LineProtocolStore:
    """Appends to `path`. Its state is `path` with `.state.sqlite` behind it, and in it the length of what is committed.

    The lines are on the disk before the state says so. What lies behind that length after a kill is cut off, and comes again.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._state = SqliteFile(Path(f"{path}.state.sqlite"), verdicts=False)
        self.name = str(path)
        self.close = self._state.close

    def open(self, root: str) -> Kept:
        """See `Store`."""
        kept = self._state.open(root)
        self._cut()
        return kept

    @contextlib.contextmanager
    def transaction(self) -> Iterator[LineProtocolTransaction]:
        """See `Store`."""
        with self._state.transaction() as tables:
            transaction = LineProtocolTransaction(tables)
            yield transaction
            if transaction.lines:
                tables.note(WRITTEN, self._append("".join(f"{each}\n" for each in transaction.lines).encode()))

    def recover(self) -> Kept:
        """See `Store`."""
        kept = self._state.recover()
        self._cut()
        return kept

    def look(self) -> Seen:
        """See `Store`."""
        return self._state.look()

    def _append(self, lines: bytes) -> str:
        """Write, and say how far the file then goes."""
        try:
            with self._path.open("ab", buffering=0) as file:
                end = file.tell()
                written = 0
                while written < len(lines):
                    written += file.write(lines[written:]) or 0
                os.fsync(file.fileno())
                return f"{os.fstat(file.fileno()).st_ino} {end + len(lines)}"
        except OSError as err:
            msg = f"writing lines to {self._path}: {err.strerror}: look at the disk and the rights of the folder"
            raise StoreError(msg) from err

    def _cut(self) -> None:
        """Cut off what no transaction has committed. A file that was there before, or was begun anew, is left as it is."""
        with self._state.transaction() as tables:
            noted = tables.value(WRITTEN)
            try:
                with self._path.open("ab") as file:
                    inode, length = os.fstat(file.fileno()).st_ino, file.tell()
                    known, committed = map(int, noted.split()) if noted else (0, 0)
                    if known == inode and committed < length:
                        os.ftruncate(file.fileno(), committed)
                        length = committed
            except OSError as err:
                msg = f"opening {self._path} for lines: {err.strerror}: the folder must exist, and the file be writable"
                raise StoreError(msg) from err
            tables.note(WRITTEN, f"{inode} {length}")
