"""Cameras: where pictures come from. Which one is used is the station's choice."""

from __future__ import annotations

from edge.cameras.open import is_live, open_camera

__all__ = ["is_live", "open_camera"]
