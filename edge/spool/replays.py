"""Rows that are to be sent again, beside the inspections in the spool: asked for by range, each waits once for an output."""

from __future__ import annotations

import json
from collections.abc import Sequence

from edge.errors import SpoolError
from edge.spool.damage import Row
from edge.spool.judged_files import Execute

LARGEST = 2**63 - 1
"""No number of SQLite is larger."""
FORGET_UNSERVED = """
DELETE FROM replays WHERE NOT EXISTS (
    SELECT 1 FROM inspections AS i JOIN cursors AS c ON c.station = i.station
    WHERE i.row = replays.row AND c.sink = replays.sink AND c.active)
"""
"""Rows would wait for ever for an output that a station has no more."""


def ask_again(execute: Execute, sink: str, station: str, first_seq: int, last_seq: int, *, epoch: str) -> int:
    """Note a range of a station and an epoch, inside the caller's transaction; returns how many of it are still here.

    Raises:
        SpoolError: the range is none, or no such output serves the station.
    """
    if not 1 <= first_seq <= last_seq:
        msg = f"sending verdicts {first_seq} to {last_seq} of {station} again: give a range from 1 on, the lower number first"
        raise SpoolError(msg)
    served = execute("SELECT sink, station FROM cursors WHERE active ORDER BY station, sink", ()).fetchall()
    if (sink, station) not in served:
        known = ", ".join(f"{other} of {name}" for other, name in served) or "none"
        msg = f"sending verdicts of {station} again by {sink}: the spool knows no such output of it, but {known}: correct the names"
        raise SpoolError(msg)
    asked = (epoch, station, min(first_seq, LARGEST), min(last_seq, LARGEST))
    execute(
        """
        INSERT INTO replays (sink, row)
        SELECT ?, row FROM inspections WHERE epoch = ? AND station = ? AND seq BETWEEN ? AND ?
        AND row NOT IN (SELECT row FROM replays WHERE sink = ?) ORDER BY seq""",
        (sink, *asked, sink),
    )
    query = "SELECT count(*) FROM inspections WHERE epoch = ? AND station = ? AND seq BETWEEN ? AND ?"
    return int(execute(query, asked).fetchone()[0])


def waiting_again(execute: Execute, sink: str, stations: Sequence[str], limit: int) -> list[tuple[int, Row]]:
    """What a sink is to send again, as (number of the replay, row), in the order in which it was asked for."""
    query = """
        SELECT replay, i.row, id, epoch, station, seq, committed_at, body, seal
        FROM replays AS r JOIN inspections AS i ON i.row = r.row
        WHERE sink = ? AND station IN (SELECT value FROM json_each(?)) ORDER BY replay LIMIT ?"""
    return [(replay, Row(*columns)) for replay, *columns in execute(query, (sink, json.dumps(list(stations)), limit)).fetchall()]
