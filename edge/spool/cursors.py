"""How far each sink is, beside the inspections in the spool: a cursor for each sink and station, and what was put off.

A cursor says that the sink has every row up to it, but those that were put off. A sink may put off its backlog: the cursor then moves near
to the end, so that the newest go out at once, and the backlog follows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from edge.spool.damage import Row, seal
from edge.spool.judged_files import Execute

COLUMNS = "row, id, epoch, station, seq, committed_at, body, seal"

NEWEST_ROWS = 20
"""These stay where they are when a backlog is put off: a line still waits for them."""

DELIVERED_TO_ALL = """
    NOT EXISTS (SELECT 1 FROM cursors AS c WHERE c.station = inspections.station AND c.active AND c.row < inspections.row)
    AND NOT EXISTS (SELECT 1 FROM cursors AS c JOIN put_off AS p ON p.sink = c.sink AND p.station = c.station
        WHERE c.station = inspections.station AND c.active AND inspections.row > p.row AND inspections.row <= p.last_row)
    AND row NOT IN (SELECT row FROM replays)
"""
"""A condition on a row of `inspections`."""


def register(execute: Execute, sinks: Mapping[str, Sequence[str]]) -> None:
    """Say which sinks deliver which stations from now on, inside the caller's transaction; see `Spool.register_sinks`."""
    known = {(sink, station): row for sink, station, row in execute("SELECT sink, station, row FROM cursors", ()).fetchall()}
    (end,) = execute("SELECT coalesce(max(row), 0) FROM inspections", ()).fetchone() if known else (0,)
    served = {(sink, station) for sink, stations in sinks.items() for station in stations}
    for sink, station in known.keys() | served:
        cursor = (sink, station, known.get((sink, station), end), int((sink, station) in served))
        execute("INSERT OR REPLACE INTO cursors VALUES (?, ?, ?, ?, ?)", (*cursor, seal(*cursor)))


def waiting(execute: Execute, sink: str, stations: Sequence[str], limit: int) -> list[Row]:
    """The rows behind the cursors, oldest first."""
    rows: list[Row] = []
    for station in stations:
        query = f"""
            SELECT {COLUMNS} FROM inspections
            WHERE station = ?1 AND row > (SELECT row FROM cursors WHERE sink = ?2 AND station = ?1) ORDER BY row LIMIT ?3"""  # noqa: S608
        rows += [Row(*columns) for columns in execute(query, (station, sink, limit))]
    return sorted(rows, key=lambda row: row.row)[:limit]


def waiting_put_off(execute: Execute, sink: str, stations: Sequence[str], limit: int) -> list[Row]:
    """The rows that were put off, oldest first."""
    rows: list[Row] = []
    query = "SELECT station, row, last_row FROM put_off WHERE sink = ? AND station IN (SELECT value FROM json_each(?)) ORDER BY row LIMIT ?"
    for station, row, last_row in execute(query, (sink, json.dumps(list(stations)), limit)).fetchall():
        query = f"SELECT {COLUMNS} FROM inspections WHERE station = ? AND row > ? AND row <= ? ORDER BY row LIMIT ?"  # noqa: S608
        rows += [Row(*columns) for columns in execute(query, (station, row, last_row, limit))]
    return sorted(rows, key=lambda row: row.row)[:limit]


def has_backlog(execute: Execute, sink: str, stations: Sequence[str], more_than: int) -> bool:
    """Whether a station has more than so many rows behind the sink's cursor."""
    return any(_is_behind(execute, sink, station, more_than) for station in stations)


def put_off(execute: Execute, sink: str, stations: Sequence[str], more_than: int) -> None:
    """Put off the backlog of each station with more than so many rows behind its cursor, but the newest of it."""
    for station in stations:
        if _is_behind(execute, sink, station, more_than):
            (row,) = execute("SELECT row FROM cursors WHERE sink = ? AND station = ?", (sink, station)).fetchone()
            newest = "SELECT row FROM inspections WHERE station = ? ORDER BY row DESC LIMIT 1 OFFSET ?"
            (last,) = execute(newest, (station, min(NEWEST_ROWS, more_than))).fetchone()
            query = "SELECT row FROM put_off WHERE sink = ? AND station = ? AND last_row = ?"
            (first,) = execute(query, (sink, station, row)).fetchone() or (row,)  # one that ends here goes on
            execute("DELETE FROM put_off WHERE sink = ? AND station = ? AND last_row = ?", (sink, station, row))
            span = (sink, station, first, last)
            execute("INSERT INTO put_off VALUES (?, ?, ?, ?, ?)", (*span, seal(*span)))
            _move(execute, sink, station, last)


def _is_behind(execute: Execute, sink: str, station: str, more_than: int) -> bool:
    query = """
        SELECT 1 FROM inspections
        WHERE station = ?1 AND row > (SELECT row FROM cursors WHERE sink = ?2 AND station = ?1) ORDER BY row LIMIT 1 OFFSET ?3"""
    return execute(query, (station, sink, more_than)).fetchone() is not None


def move(execute: Execute, sink: str, delivered: Mapping[str, int]) -> None:
    """Move a sink's cursor of each station to the row that it has."""
    for station, row in delivered.items():
        _move(execute, sink, station, row)


def move_put_off(execute: Execute, sink: str, station: str, delivered: Sequence[int]) -> None:
    """Say that a sink has these rows of a station, the first ones of what was put off."""
    for first, last in execute("SELECT row, last_row FROM put_off WHERE sink = ? AND station = ?", (sink, station)).fetchall():
        row = max((row for row in delivered if first < row <= last), default=first)
        if row == last:
            execute("DELETE FROM put_off WHERE sink = ? AND station = ? AND last_row = ?", (sink, station, last))
        elif row > first:
            update = "UPDATE put_off SET row = ?, seal = ? WHERE sink = ? AND station = ? AND last_row = ?"
            execute(update, (row, seal(sink, station, row, last), sink, station, last))


def backlog(execute: Execute, sink: str, stations: Sequence[str]) -> int:
    """Count the rows that a sink has not got yet, put off ones and replays included."""
    count = 0
    for station in stations:
        query = "SELECT count(*) FROM inspections WHERE station = ?1 AND row > (SELECT row FROM cursors WHERE sink = ?2 AND station = ?1)"
        count += int(execute(query, (station, sink)).fetchone()[0])
        query = """
            SELECT count(*) FROM put_off AS p JOIN inspections AS i
            ON i.station = p.station AND i.row > p.row AND i.row <= p.last_row WHERE p.sink = ? AND p.station = ?"""
        count += int(execute(query, (sink, station)).fetchone()[0])
    query = """
        SELECT count(*) FROM replays AS r JOIN inspections AS i ON i.row = r.row
        WHERE sink = ? AND station IN (SELECT value FROM json_each(?))"""
    return count + int(execute(query, (sink, json.dumps(list(stations)))).fetchone()[0])


def _move(execute: Execute, sink: str, station: str, row: int) -> None:
    update = "UPDATE cursors SET row = ?, seal = ? WHERE sink = ? AND station = ? AND active"
    execute(update, (row, seal(sink, station, row, 1), sink, station))
