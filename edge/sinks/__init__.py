"""Outputs: where committed inspections are delivered. Which ones are used is the station's choice."""

from __future__ import annotations

from edge.sinks.open import BoxStatus, Outlet, open_sinks, served

__all__ = ["BoxStatus", "Outlet", "open_sinks", "served"]
