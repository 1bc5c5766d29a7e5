"""Cameras: where pictures come from. Which one is used is the station's choice."""

from __future__ import annotations

from edge.cameras.open import open_camera

__all__ = ["open_camera"]
