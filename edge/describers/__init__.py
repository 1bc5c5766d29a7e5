"""Describers: they turn a picture into words. For all rooms that open the models of a bundle, by `open_vision_models`."""

from __future__ import annotations

from edge.describers.open import open_vision_models

__all__ = ["open_vision_models"]
