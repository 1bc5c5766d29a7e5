"""Finding inspections that are stored already: in a box's spool, read beside the running daemon, or in a file of lines.

Nothing is written: a spool is opened read-only and takes no part in its lock; a row is believed only if its CRC-32 is right.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from edge.errors import HistoryError, MessageError, SpoolError
from edge.message import MAX_MESSAGE_BYTES, decode
from edge.records import Decision, Description, Inspection, Scores
from edge.spool.damage import Row
from edge.spool.file import LOCK_WAIT_S

NAMED_IDS = 3
"""How many of the ids that a short one could mean are named in the error."""


@dataclass(frozen=True, slots=True)
class History:
    """A place where inspections are stored: a spool, or the lines that `kotoba-edge inspect` and the file output write."""

    path: Path
    is_spool: bool

    def find(self, ids: Sequence[str]) -> tuple[Inspection, ...]:
        """The inspections of these ids, in this order; the beginning of an id is enough where no other begins so.

        Raises:
            HistoryError: none or several begin so, or the file is missing or no file of inspections.
            SpoolError: the spool cannot be read.
        """
        return tuple(self._find(wanted) for wanted in ids)

    def select(
        self, *, station: str, since: datetime | None = None, until: datetime | None = None, limit: int | None = None
    ) -> tuple[Inspection, ...]:
        """The first `limit` inspections of a station captured from `since` up to before `until`, in the order stored, each id once.

        Raises:
            HistoryError, SpoolError: as `find`; or there is none.
        """
        found: dict[str, Inspection] = {}
        for inspection in self._all(station=station):
            after = since is None or inspection.captured_at >= since
            if after and (until is None or inspection.captured_at < until):
                found.setdefault(inspection.id, inspection)
            if limit is not None and len(found) == limit:
                break
        if not found:
            asked = "".join(f" {word} {moment.isoformat()}" for word, moment in (("since", since), ("until", until)) if moment)
            msg = f"{self.path} holds no inspection of station {station}{asked}: correct the station file or the times"
            raise HistoryError(msg)
        return tuple(found.values())

    def _find(self, wanted: str) -> Inspection:
        found = {inspection.id: inspection for inspection in self._all(begin=wanted)}
        if wanted in found:
            return found[wanted]
        if not found:
            msg = f"{self.path} holds no inspection whose id begins with {wanted!r}: correct the id or give the file that holds it"
            raise HistoryError(msg)
        if len(found) > 1:
            named = ", ".join(list(found)[:NAMED_IDS]) + (f" and {len(found) - NAMED_IDS} more" if len(found) > NAMED_IDS else "")
            msg = f"{wanted!r} could be {named} in {self.path}: give more of the id"
            raise HistoryError(msg)
        return next(iter(found.values()))

    def _all(self, *, begin: str = "", station: str | None = None) -> Iterator[Inspection]:
        if not self.path.is_file():
            which = "the spool of a box that has run" if self.is_spool else "the lines that `kotoba-edge inspect` wrote"
            msg = f"reading stored inspections from {self.path}: there is no such file: give {which}"
            raise HistoryError(msg)
        return _rows(self.path, begin, station) if self.is_spool else _lines(self.path, begin, station)


def description_and_scores(inspection: Inspection) -> tuple[Description, Scores]:
    """What a stored verdict was made of.

    Raises:
        HistoryError: it was not made of words, because the box had trouble.
    """
    if inspection.verdict.decision is Decision.FAULT or inspection.description is None or inspection.scores is None:
        why = ", ".join(reason.value for reason in inspection.verdict.reasons)
        msg = f"inspection {inspection.id} is a FAULT ({why}), trouble of the box and no judgement of words: choose another inspection"
        raise HistoryError(msg)
    return inspection.description, inspection.scores


def _lines(path: Path, begin: str, station: str | None) -> Iterator[Inspection]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_MESSAGE_BYTES + 2), b""), 1):
                try:
                    inspection = decode(line.rstrip(b"\n"))
                except MessageError as err:
                    msg = f"line {number} of {path}: {err}"
                    raise HistoryError(msg) from err
                if inspection.id.startswith(begin) and station in {None, inspection.station}:
                    yield inspection
    except OSError as err:
        msg = f"reading stored inspections from {path}: {err.strerror}: give a file that you may read"
        raise HistoryError(msg) from err


def _rows(path: Path, begin: str, station: str | None) -> Iterator[Inspection]:
    query = """
        SELECT row, id, epoch, station, seq, committed_at, body, seal FROM inspections
        WHERE substr(id, 1, length(?1)) = ?1 AND (?2 IS NULL OR station = ?2) ORDER BY row"""
    try:
        # Without a log nobody has it open; an ordinary reader would leave a log behind that may belong to another user than the daemon's.
        how = "mode=ro" if path.with_name(path.name + "-wal").exists() else "mode=ro&immutable=1"
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{how}", uri=True, timeout=LOCK_WAIT_S)
        with contextlib.closing(connection):
            for columns in connection.execute(query, (begin, station)):
                row = Row(*columns)
                if not row.is_whole():
                    msg = f"row {row.row} of the spool {path} has changed on disk: start the daemon anew, the file is examined then"
                    raise SpoolError(msg)
                yield decode(row.body)
    except sqlite3.Error as err:
        msg = f"reading stored inspections from the spool {path}: SQLite says {err}: give the spool of a box, and look at the disk"
        raise SpoolError(msg) from err
