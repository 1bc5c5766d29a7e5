"""Outputs: where committed inspections are delivered. Which ones are used is the station's choice."""

from __future__ import annotations

from edge.sinks.open import open_sinks
from edge.sinks.route import BoxState, BoxStatus, BundleEvent, BundleNews, Commands, SinkRoute, stations_by_sink

__all__ = ["BoxState", "BoxStatus", "BundleEvent", "BundleNews", "Commands", "SinkRoute", "open_sinks", "stations_by_sink"]
