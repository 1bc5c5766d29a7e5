"""The history: stored inspections, in a box's spool or in a file of JSON lines.

Nothing is written. A spool is opened read-only, beside a running daemon and without its lock. Each row is checked by its CRC-32.
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
from firmware_config.regular_file import open_regular_file

NAMED_IDS = 3
"""How many ids an error names when the beginning of an id is ambiguous."""


@dataclass(frozen=True, slots=True)
class History:
    """Stored inspections: a spool, or the JSON lines that `kotoba-edge inspect` and the file output write."""

    path: Path
    is_spool: bool

    def find(self, ids: Sequence[str]) -> tuple[Inspection, ...]:
        """The inspections of these ids, in this order. The beginning of an id is enough where no other id begins the same.

        Raises:
            HistoryError: an id is unknown or ambiguous, or the file is missing or does not hold inspections.
            SpoolError: the spool cannot be read.
        """
        return tuple(self._find(wanted) for wanted in ids)

    def select(
        self, *, station: str, since: datetime | None = None, until: datetime | None = None, limit: int | None = None
    ) -> tuple[Inspection, ...]:
        """The first `limit` inspections of a station, captured at or after `since` and before `until`, in stored order, each id once.

        Raises:
            HistoryError: there is none, or the file is missing or does not hold inspections.
            SpoolError: the spool cannot be read.
        """
        selected: dict[str, Inspection] = {}
        for inspection in self._read(station=station):
            if (since is None or inspection.captured_at >= since) and (until is None or inspection.captured_at < until):
                selected.setdefault(inspection.id, inspection)
            if limit is not None and len(selected) == limit:
                break
        if not selected:
            times = "".join(f" {word} {time.isoformat()}" for word, time in (("since", since), ("until", until)) if time)
            msg = f"{self.path} holds no inspection of station {station}{times}: correct the station file or the times"
            raise HistoryError(msg)
        return tuple(selected.values())

    def _find(self, wanted: str) -> Inspection:
        candidates = {inspection.id: inspection for inspection in self._read(id_begins=wanted)}
        if wanted in candidates:
            return candidates[wanted]
        if not candidates:
            msg = f"{self.path} holds no inspection whose id begins with {wanted!r}: correct the id or give the file that holds it"
            raise HistoryError(msg)
        if len(candidates) > 1:
            more = f" and {len(candidates) - NAMED_IDS} more" if len(candidates) > NAMED_IDS else ""
            msg = f"{wanted!r} could be {', '.join(list(candidates)[:NAMED_IDS])}{more} in {self.path}: give more of the id"
            raise HistoryError(msg)
        return next(iter(candidates.values()))

    def _read(self, *, id_begins: str = "", station: str | None = None) -> Iterator[Inspection]:
        if not self.path.is_file():
            advice = "the spool of a box that has run" if self.is_spool else "the lines that `kotoba-edge inspect` wrote"
            msg = f"reading stored inspections from {self.path}: there is no such file: give {advice}"
            raise HistoryError(msg)
        return _rows(self.path, id_begins, station) if self.is_spool else _lines(self.path, id_begins, station)


def description_and_scores(inspection: Inspection) -> tuple[Description, Scores]:
    """The description that was judged, and the judge's scores.

    Raises:
        HistoryError: the inspection is a FAULT, so no words were judged.
    """
    if inspection.verdict.decision is Decision.FAULT or inspection.description is None or inspection.scores is None:
        reasons = ", ".join(reason.value for reason in inspection.verdict.reasons)
        msg = f"inspection {inspection.id} is a FAULT ({reasons}), so no words were judged: choose another inspection"
        raise HistoryError(msg)
    return inspection.description, inspection.scores


def _lines(path: Path, id_begins: str, station: str | None) -> Iterator[Inspection]:
    try:
        with open_regular_file(path) as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_MESSAGE_BYTES + 2), b""), 1):
                try:
                    inspection = decode(line.rstrip(b"\n"))
                except MessageError as err:
                    msg = f"line {number} of {path}: {err}"
                    raise HistoryError(msg) from err
                if inspection.id.startswith(id_begins) and station in {None, inspection.station}:
                    yield inspection
    except OSError as err:
        msg = f"reading stored inspections from {path}: {err.strerror}: give a file that you may read"
        raise HistoryError(msg) from err


def _rows(path: Path, id_begins: str, station: str | None) -> Iterator[Inspection]:
    query = """
        SELECT row, id, epoch, station, seq, committed_at, body, seal FROM inspections
        WHERE substr(id, 1, length(?1)) = ?1 AND (?2 IS NULL OR station = ?2) ORDER BY row"""
    try:
        # Without a write-ahead log nobody has the spool open. An ordinary reader would then leave a log behind, perhaps as another user
        # than the daemon's; an immutable one leaves nothing.
        mode = "mode=ro" if path.with_name(path.name + "-wal").exists() else "mode=ro&immutable=1"
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True, timeout=LOCK_WAIT_S)
        with contextlib.closing(connection):
            for columns in connection.execute(query, (id_begins, station)):
                row = Row(*columns)
                if not row.is_whole():
                    msg = f"row {row.row} of the spool {path} has changed on disk: start the daemon again, it then examines the file"
                    raise SpoolError(msg)
                yield decode(row.body)
    except sqlite3.Error as err:
        msg = f"reading stored inspections from the spool {path}: SQLite reports {err}: give the spool of a box, or check the disk"
        raise SpoolError(msg) from err
