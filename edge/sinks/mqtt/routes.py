"""The MQTT outputs of the stations of a box."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edge.sinks.mqtt.sink import MqttSink
from edge.sinks.route import SinkRoute, stations_by_destination
from firmware_config.station import Station


def mqtt_routes(stations: Sequence[Station], *, box: str, info: Mapping[str, object]) -> Iterator[SinkRoute]:
    """One sink for each broker and root. Stations that share both share the connection: its last will can name only one status topic.

    Raises:
        DeliveryError: a password or certificate file cannot be read.
    """
    brokers = [((station.outputs.mqtt, station.station.path), station.station.name) for station in stations if station.outputs.mqtt]
    for (settings, root), names in stations_by_destination(brokers).items():
        triggered = tuple(each.station.name for each in stations if each.station.name in names and each.trigger.kind == "mqtt")
        sink = MqttSink(settings, root=root, box=box, stations=names, triggered=triggered, info=info)
        yield SinkRoute(
            "mqtt",
            names,
            sink,
            set_status=sink.set_status,
            set_troubles=sink.set_troubles,
            waits=sink.waits,
            reach=sink.reach,
            newest_first=True,
            replay_requests=sink.replays.requests,
            answer_replay=sink.replays.answer,
            obey=sink.commands.obey,
            answer=sink.answer,
            set_enabled=sink.set_enabled,
            complaint=sink.complaint,
            tell=sink.replays.tell,
            set_info=sink.set_info,
            destination=(settings, root),
            triggered=triggered,
            serve=sink.serve,
        )
