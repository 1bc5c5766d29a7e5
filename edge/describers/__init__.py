"""Describers: a picture to words. Which one is used is the bundle's choice."""

from __future__ import annotations

from edge.describers.open import open_vision_models

__all__ = ["open_vision_models"]
