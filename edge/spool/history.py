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
class _Selection:
    """Which inspections are read: those of a station or of some decisions, or what somebody wrote for an id; without them all."""

    wanted: str = ""
    station: str | None = None
    decisions: tuple[Decision, ...] = tuple(Decision)

    def has(self, inspection: Inspection) -> bool:
        """Whether an inspection is one of them."""
        if ":" in self.wanted:
            return self.wanted == f"{inspection.station}:{inspection.seq}"
        is_wanted = inspection.id.startswith(self.wanted) or inspection.id.endswith(self.wanted)
        return is_wanted and self.station in {None, inspection.station} and inspection.verdict.decision in self.decisions

    def condition(self) -> tuple[str, tuple[str | None, ...]]:
        """A condition of SQL that all of them fulfil, and its values. It reads the index where it can, and bodies only as bytes."""
        if ":" in self.wanted:
            station, _, seq = self.wanted.rpartition(":")
            return "station = ? AND CAST(seq AS TEXT) = ?", (station, seq)
        if self.wanted:
            found = "SELECT row FROM inspections WHERE substr(id, 1, length(?1)) = ?1 OR substr(id, -length(?1)) = ?1"
            return f"row IN ({found})", (self.wanted,)
        words = tuple(f'"decision":"{decision.value}"' for decision in self.decisions)
        has_decision = " OR ".join(f"instr(body, CAST(?{number} AS BLOB))" for number, _ in enumerate(words, 2))
        return f"(?1 IS NULL OR station = ?1) AND ({has_decision or 'FALSE'})", (self.station, *words)


@dataclass(frozen=True, slots=True)
class History:
    """Stored inspections: a spool, or the JSON lines that `kotoba-edge inspect` and the file output write."""

    path: Path
    is_spool: bool

    def find(self, ids: Sequence[str]) -> tuple[Inspection, ...]:
        """The inspections of these ids, in this order.

        The beginning or the end of an id is enough where no other id begins or ends the same. STATION:SEQ names an inspection too.

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
        for inspection in self._read(_Selection(station=station)):
            if (since is None or inspection.captured_at >= since) and (until is None or inspection.captured_at < until):
                selected.setdefault(inspection.id, inspection)
            if limit is not None and len(selected) == limit:
                break
        if not selected:
            times = "".join(f" {word} {time.isoformat()}" for word, time in (("since", since), ("until", until)) if time)
            msg = f"{self.path} holds no inspection of station {station}{times}: correct the station file or the times"
            raise HistoryError(msg)
        return tuple(selected.values())

    def decided(
        self, decisions: Sequence[Decision], *, station: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[Inspection]:
        """The inspections of these decisions in stored order, captured at or after `since` and before `until`.

        Raises:
            HistoryError: the file is missing or does not hold inspections.
            SpoolError: the spool cannot be read.
        """
        for inspection in self._read(_Selection(station=station, decisions=tuple(decisions))):
            if (since is None or inspection.captured_at >= since) and (until is None or inspection.captured_at < until):
                yield inspection

    def _find(self, wanted: str) -> Inspection:
        candidates = {inspection.id: inspection for inspection in self._read(_Selection(wanted=wanted))}
        if wanted in candidates:
            return candidates[wanted]
        if not candidates:
            which = f"STATION:SEQ {wanted}" if ":" in wanted else f"whose id begins or ends with {wanted!r}"
            msg = f"{self.path} holds no inspection {which}: correct the id or give the file that holds it"
            raise HistoryError(msg)
        if len(candidates) > 1:
            more = f" and {len(candidates) - NAMED_IDS} more" if len(candidates) > NAMED_IDS else ""
            advice = "give more of the id; the ends of ids differ more than their beginnings"
            msg = f"{wanted!r} could be {', '.join(list(candidates)[:NAMED_IDS])}{more} in {self.path}: {advice}"
            raise HistoryError(msg)
        return next(iter(candidates.values()))

    def _read(self, selection: _Selection) -> Iterator[Inspection]:
        if not self.path.is_file():
            advice = "the spool of a box that has run" if self.is_spool else "the lines that `kotoba-edge inspect` wrote"
            msg = f"reading stored inspections from {self.path}: there is no such file: give {advice}"
            raise HistoryError(msg)
        return _rows(self.path, selection) if self.is_spool else _lines(self.path, selection)


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


def _lines(path: Path, selection: _Selection) -> Iterator[Inspection]:
    try:
        with open_regular_file(path) as file:
            for number, line in enumerate(iter(lambda: file.readline(MAX_MESSAGE_BYTES + 2), b""), 1):
                try:
                    inspection = decode(line.rstrip(b"\n"))
                except MessageError as err:
                    msg = f"line {number} of {path}: {err}"
                    raise HistoryError(msg) from err
                if selection.has(inspection):
                    yield inspection
    except OSError as err:
        msg = f"reading stored inspections from {path}: {err.strerror}: give a file that you may read"
        raise HistoryError(msg) from err


def _rows(path: Path, selection: _Selection) -> Iterator[Inspection]:
    where, values = selection.condition()
    query = f"SELECT row, id, epoch, station, seq, committed_at, body, seal FROM inspections WHERE {where} ORDER BY row"  # noqa: S608
    try:
        # Without a write-ahead log nobody has the spool open. An ordinary reader would then leave a log behind, perhaps as another user
        # than the daemon's; an immutable one leaves nothing.
        mode = "mode=ro" if path.with_name(path.name + "-wal").exists() else "mode=ro&immutable=1"
        connection = sqlite3.connect(f"file:{quote(str(path.absolute()))}?{mode}", uri=True, timeout=LOCK_WAIT_S)
        with contextlib.closing(connection):
            for columns in connection.execute(query, values):
                row = Row(*columns)
                if not row.is_whole():
                    msg = f"row {row.row} of the spool {path} has changed on disk: start the daemon again, it then examines the file"
                    raise SpoolError(msg)
                inspection = decode(row.body)
                if selection.has(inspection):
                    yield inspection
    except sqlite3.Error as err:
        msg = f"reading stored inspections from the spool {path}: SQLite reports {err}: give the spool of a box, or check the disk"
        raise SpoolError(msg) from err
