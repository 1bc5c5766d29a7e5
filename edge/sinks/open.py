"""The sinks of a box: one for each destination that its stations name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edge.sinks.jsonl import jsonl_routes
from edge.sinks.mqtt.routes import mqtt_routes
from edge.sinks.route import SinkRoute
from firmware_config.station import Station

OUTPUTS = (mqtt_routes, jsonl_routes)
"""Each makes the sinks of its kind of output."""


def open_sinks(stations: Sequence[Station], *, box: str, info: Mapping[str, object]) -> tuple[SinkRoute, ...]:
    """Make the sinks that the stations name; nothing is connected yet.

    `box` is the name of the box; consumers can read `info` where the output has a place for it.

    Raises:
        DeliveryError: a password, certificate or output file cannot be read or opened.
    """
    return tuple(route for routes in OUTPUTS for route in routes(stations, box=box, info=info))
