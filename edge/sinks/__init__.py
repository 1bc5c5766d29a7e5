"""Outputs: where committed inspections are delivered. Which ones are used is the station's choice."""

from __future__ import annotations

from edge.sinks.open import open_sinks
from edge.sinks.route import BoxEvent, BoxState, BoxStatus, BundleEvent, BundleNews, Commands, DriftEvent, SinkRoute, stations_by_sink

__all__ = [
    "BoxEvent",
    "BoxState",
    "BoxStatus",
    "BundleEvent",
    "BundleNews",
    "Commands",
    "DriftEvent",
    "SinkRoute",
    "open_sinks",
    "stations_by_sink",
]
