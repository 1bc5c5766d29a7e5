"""Triggers: when a station inspects its next picture. Which one is used is the station's choice."""

from __future__ import annotations

from edge.triggers.open import open_trigger
from edge.triggers.requests import STOPPING, Requests

__all__ = ["STOPPING", "Requests", "open_trigger"]
