"""Where inspections go. `open_sinks` makes one sink per destination of a box and says which stations it serves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

from edge.interfaces import Sink
from firmware_config.station import Station

BoxStatus: TypeAlias = Literal["online", "degraded", "stopping"]

_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class SinkRoute:
    """A sink and the stations that it serves.

    `name` is the kind of output. The spool keeps a cursor per name and station, so that a broker that moved goes on where it stopped.
    `set_status` tells consumers how the box is, where the other side has a place for that.
    """

    name: str
    stations: tuple[str, ...]
    sink: Sink
    set_status: Callable[[BoxStatus], None] | None = None


def open_sinks(stations: Sequence[Station], *, box: str, info: Mapping[str, object]) -> tuple[SinkRoute, ...]:
    """Make the sinks that the stations ask for; nothing is connected yet.

    Stations with the same broker and the same root share one MQTT connection: its last will can name only one status topic. Stations with
    the same file share it. `info` goes out on `<root>/<box>/info`.

    Raises:
        DeliveryError: a password, certificate or output file cannot be read or opened.
    """
    routes: list[SinkRoute] = []
    brokers = _grouped([((s.outputs.mqtt, s.station.path), s.station.name) for s in stations])
    for (mqtt, root), names in brokers.items():
        if mqtt is not None:
            from edge.sinks.mqtt.sink import MqttSink

            sink = MqttSink(mqtt, root=root, box=box, stations=names, info=info)
            routes.append(SinkRoute("mqtt", names, sink, sink.set_status))
    files = _grouped([(s.outputs.jsonl, s.station.name) for s in stations])
    for jsonl, names in files.items():
        if jsonl is not None:
            from edge.sinks.jsonl import JsonlSink

            routes.append(SinkRoute("jsonl", names, JsonlSink(jsonl)))
    return tuple(routes)


def stations_by_sink(routes: Sequence[SinkRoute]) -> dict[str, tuple[str, ...]]:
    """Map the name of a sink to all of its stations, as `Spool.serve` takes it."""
    return {route.name: tuple(s for other in routes if other.name == route.name for s in other.stations) for route in routes}


def _grouped(pairs: Sequence[tuple[_Key, str]]) -> dict[_Key, tuple[str, ...]]:
    groups: dict[_Key, tuple[str, ...]] = {}
    for key, name in pairs:
        groups[key] = (*groups.get(key, ()), name)
    return groups
