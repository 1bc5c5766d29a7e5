"""The tables of a consumer, in the SQL that SQLite and PostgreSQL share; parameters are written as question marks."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from edge.consumer.gaps import Gap, GapState
from edge.consumer.messages import VerdictMessage
from edge.consumer.positions import Position, Stream
from edge.consumer.spans import Span, Spans
from edge.consumer.store import Kept, Rejected, Seen
from edge.errors import StoreError, UnstorableError
from edge.message import MAX_MESSAGE_BYTES, utc_text

Execute: TypeAlias = Callable[[str, Sequence[object]], Any]
"""Runs one statement; gives a cursor of the database's library."""

SQLITE_TYPES = {"number": "INTEGER", "real": "REAL", "time": "TEXT", "json": "TEXT", "bytes": "BLOB"}
POSTGRES_TYPES = {"number": "BIGINT", "real": "DOUBLE PRECISION", "time": "TIMESTAMPTZ", "json": "JSONB", "bytes": "BYTEA"}

VERDICTS = """
CREATE TABLE IF NOT EXISTS verdicts (
    id TEXT PRIMARY KEY, station TEXT NOT NULL, epoch TEXT NOT NULL, seq {number} NOT NULL,
    captured_at {time} NOT NULL, decision TEXT NOT NULL, label TEXT, confidence {real}, reasons {json} NOT NULL, part_id TEXT,
    received_at {time} NOT NULL, message {json} NOT NULL,
    UNIQUE (station, epoch, seq))
"""
BOOKS = (
    """
CREATE TABLE IF NOT EXISTS streams (
    station TEXT NOT NULL, epoch TEXT NOT NULL, baseline {number} NOT NULL, announced {number} NOT NULL,
    since {time} NOT NULL, last_at {time},
    PRIMARY KEY (station, epoch))
""",
    """
CREATE TABLE IF NOT EXISTS positions (
    station TEXT NOT NULL, epoch TEXT NOT NULL, first_seq {number} NOT NULL, last_seq {number} NOT NULL,
    PRIMARY KEY (station, epoch, first_seq))
""",
    """
CREATE TABLE IF NOT EXISTS gaps (
    station TEXT NOT NULL, epoch TEXT NOT NULL, first_seq {number} NOT NULL, last_seq {number} NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'asked', 'filled', 'lost')),
    found_at {time} NOT NULL, asked_at {time}, asks {number} NOT NULL, closed_at {time},
    PRIMARY KEY (station, epoch, first_seq))
""",
    """
CREATE TABLE IF NOT EXISTS rejected (
    digest TEXT PRIMARY KEY, topic TEXT NOT NULL, why TEXT NOT NULL, at {time} NOT NULL, copies {number} NOT NULL,
    size {number} NOT NULL, payload {bytes} NOT NULL)
""",
    "CREATE TABLE IF NOT EXISTS consumer (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
)
MAX_REJECTED = 1_000
"""The oldest of more go: who sends nonsense for ever must not fill the disk."""


class Tables:
    """Statements that `execute` runs on `connection`. With one of `refusals` the database's library says that a value is none for it."""

    def __init__(self, execute: Execute, connection: Any, refusals: tuple[type[Exception], ...]) -> None:  # noqa: ANN401 -- of any library
        self._execute = execute
        self._refusals = refusals
        self.connection = connection

    def create(self, types: Mapping[str, str], *, verdicts: bool) -> None:
        """Make the tables that are not there, the one of verdicts only if it is asked for."""
        for statement in (VERDICTS, *BOOKS) if verdicts else BOOKS:
            self._execute(statement.format(**types), ())

    def claim(self, root: str, *, name: str) -> None:
        """Note the root at the first time, and a name for the broker; refuse another root later.

        Raises:
            StoreError: the tables are of another root.
        """
        for key, value in (("root", root), ("id", f"kotoba-consume-{uuid.uuid4().hex[:12]}")):
            self._execute("INSERT INTO consumer (name, value) VALUES (?, ?) ON CONFLICT (name) DO NOTHING", (key, value))
        known = self.value("root")
        if known != root:
            msg = f"opening the database {name}: it is of the root {known}, not of {root}: give another database for another root"
            raise StoreError(msg)

    def value(self, key: str) -> str | None:
        """What was noted under a name."""
        row = self._execute("SELECT value FROM consumer WHERE name = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def note(self, key: str, value: str) -> None:
        """Note something under a name."""
        statement = "INSERT INTO consumer (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        self._execute(statement, (key, value))

    def kept(self) -> Kept:
        """All but the verdicts and what is filled."""
        columns = "station, epoch, first_seq, last_seq, state, found_at, asked_at, asks, closed_at"
        rows = self._execute(f"SELECT {columns} FROM gaps WHERE state <> ? ORDER BY station, epoch, first_seq", (GapState.FILLED.value,))  # noqa: S608 -- our own words
        return Kept(self.value("id") or "", tuple(self._positions()), tuple(map(_gap, rows.fetchall())))

    def seen(self) -> Seen:
        """What a reader wants to know."""
        rows = self._execute("SELECT station, state, SUM(last_seq - first_seq + 1) FROM gaps GROUP BY station, state", ()).fetchall()
        rejected = self._execute("SELECT COALESCE(SUM(copies), 0) FROM rejected", ()).fetchone()[0]
        verdicts = {(station, GapState(state)): int(count) for station, state, count in rows}
        return Seen(tuple(self._positions()), verdicts, int(rejected))

    def add(self, verdict: VerdictMessage, at: datetime) -> bool:
        """Store a verdict; False if it is there.

        Raises:
            UnstorableError: the database refuses a value; the transaction is of no more use.
        """
        statement = """
            INSERT INTO verdicts
            (id, station, epoch, seq, captured_at, decision, label, confidence, reasons, part_id, received_at, message)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"""
        row = (
            verdict.id,
            verdict.station,
            verdict.epoch,
            verdict.seq,
            utc_text(verdict.captured_at),
            verdict.decision,
            verdict.label,
            verdict.confidence,
            json.dumps(verdict.reasons, ensure_ascii=False),
            verdict.part_id,
            utc_text(at),
            verdict.text,
        )
        try:
            return bool(self._execute(statement, row).rowcount == 1)
        except self._refusals as err:
            msg = f"the database refuses it ({' '.join(str(err).split())})"
            raise UnstorableError(msg) from err

    def id_of(self, stream: Stream, seq: int) -> str | None:
        """The id of a verdict."""
        row = self._execute("SELECT id FROM verdicts WHERE station = ? AND epoch = ? AND seq = ?", (*stream, seq)).fetchone()
        return None if row is None else str(row[0])

    def reject(self, rejected: Rejected, at: datetime) -> None:
        """Keep a message that takes no effect."""
        digest = hashlib.sha256(rejected.topic.encode(errors="replace") + b"\0" + rejected.payload).hexdigest()
        statement = """
            INSERT INTO rejected (digest, topic, why, at, copies, size, payload) VALUES (?, ?, ?, ?, 1, ?, ?)
            ON CONFLICT (digest) DO UPDATE SET copies = rejected.copies + 1, at = excluded.at"""
        payload = rejected.payload[:MAX_MESSAGE_BYTES]
        self._execute(statement, (digest, _storable(rejected.topic), _storable(rejected.why), utc_text(at), len(rejected.payload), payload))
        oldest = "DELETE FROM rejected WHERE digest IN (SELECT digest FROM rejected ORDER BY at DESC, digest LIMIT 100 OFFSET ?)"
        self._execute(oldest, (MAX_REJECTED,))

    def write_position(self, before: Position | None, after: Position) -> None:
        """Write what has changed of a stream: mostly one number of one row."""
        stream, last_at = after.stream, after.last_at and utc_text(after.last_at)
        statement = """
            INSERT INTO streams (station, epoch, baseline, announced, since, last_at) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (station, epoch) DO UPDATE SET announced = excluded.announced, last_at = excluded.last_at"""
        self._execute(statement, (*stream, after.baseline, after.announced, utc_text(after.since), last_at))
        old, new = set(before.received if before else ()), set(after.received)
        for span in old - new:
            self._execute("DELETE FROM positions WHERE station = ? AND epoch = ? AND first_seq = ?", (*stream, span.first))
        for span in new - old:
            self._execute(
                "INSERT INTO positions (station, epoch, first_seq, last_seq) VALUES (?, ?, ?, ?)", (*stream, span.first, span.last)
            )

    def write_gaps(self, before: Sequence[Gap], after: Sequence[Gap]) -> None:
        """Write what has changed of the gaps of a stream."""
        old, new = set(before), set(after)
        for gap in old - new:
            self._execute("DELETE FROM gaps WHERE station = ? AND epoch = ? AND first_seq = ?", (*gap.stream, gap.span.first))
        for gap in sorted(new - old, key=lambda each: each.span):
            times = [moment and utc_text(moment) for moment in (gap.found_at, gap.asked_at, gap.closed_at)]
            self._execute(
                "INSERT INTO gaps (station, epoch, first_seq, last_seq, state, found_at, asked_at, asks, closed_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*gap.stream, gap.span.first, gap.span.last, gap.state.value, times[0], times[1], gap.asks, times[2]),
            )

    def _positions(self) -> Iterator[Position]:
        spans: dict[Stream, list[Span]] = defaultdict(list)
        for station, epoch, first, last in self._execute("SELECT station, epoch, first_seq, last_seq FROM positions", ()).fetchall():
            spans[Stream(station, epoch)].append(Span(first, last))
        rows = self._execute("SELECT station, epoch, baseline, announced, since, last_at FROM streams ORDER BY since", ()).fetchall()
        for station, epoch, baseline, announced, since, last_at in rows:
            stream = Stream(station, epoch)
            yield Position(stream, baseline, _moment(since), announced, last_at and _moment(last_at), Spans(spans[stream]))


def _gap(row: Sequence[Any]) -> Gap:
    station, epoch, first, last, state, found_at, asked_at, asks, closed_at = row
    times = [moment and _moment(moment) for moment in (asked_at, closed_at)]
    return Gap(Stream(station, epoch), Span(first, last), GapState(state), _moment(found_at), times[0], asks, times[1])


def _moment(value: datetime | str) -> datetime:
    return value if isinstance(value, datetime) else datetime.fromisoformat(value.replace("Z", "+00:00"))


def _storable(text: str) -> str:
    return text.replace("\0", "\\0").encode(errors="backslashreplace").decode()
