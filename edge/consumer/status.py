"""What a database of verdicts holds, for people and monitoring."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from edge.consumer.gaps import GapState
from edge.consumer.store import Seen
from edge.message import utc_text


def status(seen: Seen) -> dict[str, Any]:
    """For each station: verdicts received and missing, those of its gaps by state, its epochs, and when one came last.

    `missing` counts all that have not arrived, also those that nobody has asked for yet and those that are lost for good.
    """
    stations: dict[str, dict[str, Any]] = defaultdict(lambda: {"received": 0, "missing": 0, "epochs": 0, "last_at": None})
    for position in seen.positions:
        station = stations[position.stream.station]
        station["received"] += len(position.received)
        station["missing"] += sum(map(len, position.missing()))
        station["epochs"] += 1
        times = [time for time in (station["last_at"], position.last_at and utc_text(position.last_at)) if time is not None]
        station["last_at"] = max(times, default=None)
    for name, station in stations.items():
        station["gaps"] = {state.value: seen.verdicts.get((name, state), 0) for state in GapState}
    return {"stations": dict(sorted(stations.items())), "rejected": seen.rejected}
